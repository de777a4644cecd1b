/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/guest/clock.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/session.h"
#include "proto/cleanup.h"
#include "proto/message.h"

/* The kernel has lost places of a vsock backlog to mismatching peers (CVE-2026-46214): a large one lasts. */
#define BACKLOG      512
#define HOST_CID     2u /* VMADDR_CID_HOST */
#define FIRST_FD     3  /* SD_LISTEN_FDS_START */
#define DEFAULT_PATH "/run/czone/czoned.sock"
/* Accepted per turn of the loop. */
#define ACCEPT_BURST 16

static void count_refused(struct listeners *listeners, const char *why)
{
    uint64_t now = clock_monotonic();

    listeners->refused++;
    if (listeners->refused_logged_at != 0 && now - listeners->refused_logged_at < NSEC_PER_SEC)
        return;
    log_warning("%llu connection(s) turned away: %s", (unsigned long long)listeners->refused, why);
    listeners->refused = 0;
    listeners->refused_logged_at = now;
}

/*
 * For one that is not even kept to be told: the reply to the call that it is about to make, or has made. What
 * it has sent is read, since closing with unread bytes would reset the connection and take the reply with it.
 */
static void refuse(int fd)
{
    CLEANUP_JSON json_t *data = session_refusal();
    CLEANUP_FREE char *text = NULL;
    char drain[4096];
    size_t length;

    if (varlink_reply_encode(SESSION_ERROR_TOO_MANY, data, false, &text, &length) < 0)
        return;
    (void)send(fd, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);
    (void)shutdown(fd, SHUT_WR);
    (void)recv(fd, drain, sizeof(drain), MSG_DONTWAIT);
}

static void welcome(struct listeners *listeners, int accepted)
{
    struct manager *manager = listeners->manager;
    CLEANUP_FD int fd = accepted;
    struct peer peer;
    bool refused;
    int r;

    r = peer_of_socket(fd, &peer);
    if (r < 0)
        return; /* gone already */
    if (peer.vsock && peer.cid != HOST_CID && !manager->options->local_vsock) {
        count_refused(listeners, "a vsock peer that is not the host");
        return;
    }
    refused = manager->n_sessions - manager->n_refused >= SESSIONS_MAX && !session_evict(manager);
    if (refused)
        count_refused(listeners, "too many connections");
    if (refused && manager->n_refused >= SESSIONS_REFUSED_MAX) {
        refuse(fd);
        return;
    }
    r = session_new(manager, fd, &peer, refused);
    if (r < 0)
        log_error("cannot serve a connection: %s", strerror(-r));
    else
        (void)take_fd(&fd);
}

/* Without this a listener that cannot accept would wake the loop for ever. */
static void pause_listening(struct listeners *listeners, int error)
{
    static const struct timeval second = { .tv_sec = 1 };

    log_error("cannot accept connections: %s; trying again", strerror(-error));
    for (size_t i = 0; i < listeners->n; i++)
        (void)event_del(listeners->items[i].event);
    if (event_add(listeners->retry, &second) < 0)
        log_error("cannot arm a timer: out of memory");
}

static void on_retry(evutil_socket_t fd, short what, void *data)
{
    struct listeners *listeners = data;

    (void)fd;
    (void)what;
    for (size_t i = 0; i < listeners->n; i++)
        if (event_add(listeners->items[i].event, NULL) < 0)
            log_error("cannot listen again: out of memory");
}

void listeners_resume(struct listeners *listeners)
{
    if (listeners->retry != NULL && evtimer_pending(listeners->retry, NULL))
        event_active(listeners->retry, EV_TIMEOUT, 0);
}

static void on_connection(evutil_socket_t listen_fd, short what, void *data)
{
    struct listener *listener = data;

    (void)what;
    for (int i = 0; i < ACCEPT_BURST; i++) {
        int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

        if (fd >= 0) {
            welcome(listener->listeners, fd);
            continue;
        }
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS)
            pause_listening(listener->listeners, -errno);
        /* Anything else was the peer's: it hung up before it was accepted. */
        if (errno != ECONNABORTED && errno != EINTR)
            return;
    }
}

static int add(struct listeners *listeners, int *fd, const char *path)
{
    struct listener *listener;

    if (listeners->n == OPTIONS_LISTEN_MAX)
        return log_fail(-E2BIG, "more than %u listening sockets", OPTIONS_LISTEN_MAX);
    listener = &listeners->items[listeners->n];
    listener->listeners = listeners;
    listener->event = event_new(listeners->manager->base, *fd, EV_READ | EV_PERSIST, on_connection, listener);
    if (listener->event == NULL || event_add(listener->event, NULL) < 0)
        return log_fail(-ENOMEM, "out of memory");
    listener->fd = take_fd(fd);
    (void)snprintf(listener->path, sizeof(listener->path), "%s", path);
    listeners->n++;
    return 0;
}

static int open_own(struct listeners *listeners, const struct address *address, bool optional)
{
    struct reason reason = { "" };
    char text[ADDRESS_TEXT_MAX];
    CLEANUP_FD int fd = -EBADF;
    int r;

    r = address_listen(address, BACKLOG, 0600, &fd, &reason);
    if (r < 0) {
        log_line(optional ? LOG_WARNING : LOG_ERR, "cannot listen on %s: %s", address_format(address, text),
                 reason.text);
        return r;
    }
    log_info("listening on %s", address_format(address, text));
    return add(listeners, &fd, address->type == ADDRESS_UNIX && !address->abstract ? address->path : "");
}

static int open_defaults(struct listeners *listeners)
{
    struct address vsock = { .type = ADDRESS_VSOCK, .cid = ADDRESS_ANY_CID, .port = ADDRESS_DEFAULT_PORT };
    struct address local = { .type = ADDRESS_UNIX, .path = DEFAULT_PATH };
    int r, s;

    r = open_own(listeners, &vsock, true);
    s = open_own(listeners, &local, true);
    return r < 0 && s < 0 ? log_fail(s, "no socket to listen on") : 0;
}

/* Sockets of the service manager, sd_listen_fds(3). Returns their number, or a negative errno. */
static int take_inherited(struct listeners *listeners)
{
    const char *pid = getenv("LISTEN_PID"), *count = getenv("LISTEN_FDS");
    long n = count != NULL && pid != NULL && strtol(pid, NULL, 10) == getpid() ? strtol(count, NULL, 10) : 0;

    (void)unsetenv("LISTEN_PID");
    (void)unsetenv("LISTEN_FDS");
    (void)unsetenv("LISTEN_FDNAMES");
    for (int i = 0; i < n; i++) {
        int domain = 0, listening = 0, r;
        socklen_t size = sizeof(domain);
        CLEANUP_FD int fd = FIRST_FD + i;

        if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)
            return log_fail(-errno, "inherited fd %d: %s", fd, strerror(errno));
        (void)getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
        size = sizeof(listening);
        (void)getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size);
        if ((domain != AF_UNIX && domain != AF_VSOCK) || !listening)
            return log_fail(-EPROTOTYPE, "inherited fd %d is no listening Unix or vsock socket", fd);
        r = add(listeners, &fd, "");
        if (r < 0)
            return r;
    }
    if (n > 0)
        log_info("listening on %ld inherited socket(s)", n);
    return (int)n;
}

int listeners_open(struct listeners *listeners, struct manager *manager)
{
    const struct options *options = manager->options;
    int r;

    *listeners = (struct listeners){ .manager = manager };
    listeners->retry = evtimer_new(manager->base, on_retry, listeners);
    if (listeners->retry == NULL)
        return log_fail(-ENOMEM, "out of memory");
    r = take_inherited(listeners);
    if (r < 0)
        return r;
    for (size_t i = 0; i < options->n_listen; i++) {
        int s = open_own(listeners, &options->listen[i], false);

        if (s < 0)
            return s;
    }
    return r > 0 || options->n_listen > 0 ? 0 : open_defaults(listeners);
}

void listeners_close(struct listeners *listeners)
{
    for (size_t i = 0; i < listeners->n; i++) {
        struct listener *listener = &listeners->items[i];

        event_free(listener->event);
        cleanup_fd(&listener->fd);
        if (listener->path[0] != '\0')
            (void)unlink(listener->path);
    }
    listeners->n = 0;
    if (listeners->retry != NULL)
        event_free(listeners->retry);
    listeners->retry = NULL;
}
