/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/keeper_link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "agent/guest/clock.h"
#include "agent/guest/keeper/log_file.h"
#include "agent/guest/keeper/record.h"
#include "agent/guest/launch/json.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "proto/cleanup.h"

/* A connection to a keeper that lives is made anew at once; where that does not last, ever more seldom. */
#define LASTING_NS    NSEC_PER_SEC
#define SEEK_FIRST_MS 20
#define SEEK_TELL_MS  160 /* longer than one takes to end */
#define SEEK_LAST_MS  2000

/* A keeper reads what it was sent, or that nothing more comes, in a millisecond or two. */
#define BEGIN_TIMEOUT_MS 2000

static void on_message(evutil_socket_t fd, short what, void *data);
static void on_seek(evutil_socket_t fd, short what, void *data);

static void on_lost(struct keeper_link *link)
{
    const struct keeper_link_ops *ops = link->ops;
    void *owner = link->owner;

    keeper_link_close(link);
    ops->lost(owner);
}

static void disconnect(struct keeper_link *link)
{
    if (link->event != NULL)
        event_free(link->event);
    link->event = NULL;
    cleanup_fd(&link->fd);
    link->fd = -EBADF;
    link->following = false;
}

/* The link owns the socket from here on. */
static int watch(struct keeper_link *link, int *fd)
{
    link->event = event_new(link->manager->base, *fd, EV_READ | EV_PERSIST, on_message, link);
    if (link->event == NULL || event_add(link->event, NULL) < 0) {
        disconnect(link);
        return -ENOMEM;
    }
    link->fd = take_fd(fd);
    link->serial++;
    link->since = clock_monotonic();
    return 0;
}

/* Whether no keeper is there any more that could tell more than its record, as far as that can be found out
 * without being heard by it. */
static bool is_gone(const struct keeper_link *link)
{
    struct keeper_record record;

    if (keeper_record_read(link->run_dir, &record) < 0)
        return false;
    return record.status.state >= KEEPER_ENDED ||
           (record.status.keeper_pid > 0 && kill(record.status.keeper_pid, 0) < 0 && errno == ESRCH);
}

/* Returns 0 or -ENOMEM. */
static int seek_later(struct keeper_link *link, const char *why)
{
    struct timeval wait = clock_timeval(link->seek_ms * NSEC_PER_MSEC);

    if (link->seek_ms == SEEK_TELL_MS)
        log_warning("a keeper that lives cannot be spoken to, its program runs on: %s", why);
    link->seek_ms = 2 * link->seek_ms < SEEK_LAST_MS ? 2 * link->seek_ms : SEEK_LAST_MS;
    if (link->seek == NULL)
        link->seek = evtimer_new(link->manager->base, on_seek, link);
    return link->seek == NULL || event_add(link->seek, &wait) < 0 ? -ENOMEM : 0;
}

static void seek(struct keeper_link *link)
{
    CLEANUP_FD int fd = -EBADF;
    int r = keeper_connect(link->run_dir, &fd);

    if (r == 0)
        r = watch(link, &fd);
    if (r == 0)
        return;
    if (r == -ECONNREFUSED || r == -ENOENT || is_gone(link) || seek_later(link, strerror(-r)) < 0)
        on_lost(link);
}

static void on_seek(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    seek(data);
}

/*
 * The connection has ended. That a keeper hangs up does not mean that it ends: it does so on what it does not
 * understand, and for another who connects. It has gone when it cannot be connected to any more. One that is
 * on its way out may be still, for a moment.
 */
static void on_broken(struct keeper_link *link, int error)
{
    bool again = link->seek_ms > 0 && clock_monotonic() - link->since < LASTING_NS;

    if (error < 0 && !again)
        log_warning("the connection to a keeper broke: %s", strerror(-error));
    disconnect(link);
    if (!link->over && !link->failed && !again) {
        link->seek_ms = SEEK_FIRST_MS;
        seek(link);
        return;
    }
    if (link->over || link->failed || is_gone(link) ||
        seek_later(link, error < 0 ? strerror(-error) : "it hangs up") < 0)
        on_lost(link);
}

static void on_failed(struct keeper_link *link, const struct keeper_failed *failed)
{
    struct launch_failure failure;

    if (link->failed)
        return;
    link->failed = true;
    keeper_failed_get(failed, &failure);
    link->ops->failed(link->owner, &failure);
}

/* A keeper says only once why: who comes later reads it. */
static void on_refused(struct keeper_link *link)
{
    struct keeper_record record;
    int r;

    if (link->failed)
        return;
    r = keeper_record_read(link->run_dir, &record);
    if (r < 0)
        on_lost(link);
    else
        on_failed(link, &record.failed);
}

static void on_status(struct keeper_link *link, const struct keeper_status *status, struct keeper_fds *fds)
{
    if (status->flags & KEEPER_PIDFD) {
        cleanup_fd(&link->pidfd);
        link->pidfd = take_fd(&fds->fd[0]);
    }
    link->over = status->state == KEEPER_ENDED && (status->flags & KEEPER_LOG_ENDED);
    link->ops->status(link->owner, status);
}

static void on_message(evutil_socket_t fd, short what, void *data)
{
    CLEANUP(keeper_fds_close) struct keeper_fds fds = KEEPER_FDS_INIT;
    struct keeper_link *link = data;
    union keeper_message message;
    size_t length;
    int r;

    (void)what;
    r = keeper_receive(fd, &message, &length, &fds);
    if (r == -EAGAIN)
        return;
    link->heard = true;
    /* Whatever is called here may be the end of the link. */
    if (r <= 0)
        on_broken(link, r);
    else if (message.header.kind == KEEPER_FAILED)
        on_failed(link, &message.failed);
    else if (message.header.kind == KEEPER_STATUS && message.status.state == KEEPER_REFUSED)
        on_refused(link);
    else if (message.header.kind == KEEPER_STATUS && message.status.state != KEEPER_IDLE)
        on_status(link, &message.status, &fds);
}

/* fd: of the connection; -EBADF: it is yet to be made, since this went wrong. */
static int begin(struct keeper_link *link, struct manager *manager, int run_dir, int *fd, int error,
                 const struct keeper_link_ops *ops, void *owner)
{
    int r;

    *link = (struct keeper_link)KEEPER_LINK_INIT;
    link->manager = manager;
    link->run_dir = run_dir;
    link->ops = ops;
    link->owner = owner;
    link->seek_ms = error < 0 ? SEEK_FIRST_MS : 0;
    r = error < 0 ? seek_later(link, strerror(-error)) : watch(link, fd);
    if (r < 0)
        keeper_link_close(link);
    return r;
}

static int write_request(const struct launch_request *request, int *ret_fd)
{
    CLEANUP_FD int fd = memfd_create("czone-request", MFD_CLOEXEC);
    CLEANUP_FREE char *text = NULL;
    CLEANUP_JSON json_t *value = NULL;
    size_t length;

    if (fd < 0)
        return -errno;
    value = launch_json_encode(request);
    text = value != NULL ? json_dumps(value, JSON_COMPACT) : NULL;
    if (text == NULL)
        return -ENOMEM;
    length = strlen(text);
    if (write(fd, text, length) != (ssize_t)length)
        return -ENOMEM;
    *ret_fd = take_fd(&fd);
    return 0;
}

/* To this one, or one of the pool: what is sent must not get lost with a keeper that was killed. */
static int send_start(struct manager *manager, struct keeper_start *start, const int *fds, size_t n_fds,
                      int *keeper)
{
    int r = 0;

    for (unsigned int attempt = 0; attempt <= POOL_SIZE_MAX; attempt++) {
        if (*keeper < 0)
            r = keeper_pool_take(&manager->keepers, keeper);
        if (r == 0)
            r = keeper_send(*keeper, start, sizeof(*start), fds, n_fds);
        if (r != -EPIPE && r != -ECONNRESET)
            break;
        log_warning("an idle keeper was killed");
        cleanup_fd(keeper);
        *keeper = -EBADF;
        r = 0;
    }
    return r;
}

static struct keeper_start make_start(const struct launch_request *request)
{
    bool join = request->target >= 0;
    struct keeper_start start = { .header.kind = KEEPER_START,
                                  .flags = join ? KEEPER_START_JOIN : 0,
                                  .log_limit = join ? LOG_LIMIT_EXEC : LOG_LIMIT_DEFAULT,
                                  .log_segment = LOG_SEGMENT_DEFAULT };

    if (request->policy != NULL) {
        start.flags |= KEEPER_START_POLICY;
        start.policy = *request->policy;
    }
    return start;
}

/* The one that stands by knows what to run. */
static int start_briefed(const struct keeper_standby *standby, int run_dir,
                         const struct launch_request *request)
{
    struct keeper_start start = make_start(request);

    return keeper_standby_run(standby, &start, run_dir);
}

/* Of what stands by without knowing what to run the keeper has use. */
static int start_anew(struct manager *manager, int run_dir, const struct launch_request *request,
                      struct keeper_standby *standby)
{
    struct keeper_start start = make_start(request);
    bool tell = keeper_standby_waits(standby);
    CLEANUP_FD int text = -EBADF;
    int r = write_request(request, &text);

    if (r == 0) {
        const int fds[] = { run_dir, request->cgroup_fd, text,
                            request->runtime ? manager->runtime_filter : manager->filter,
                            tell ? standby->briefing.socket : request->target };

        start.flags |= tell ? KEEPER_START_TELL : 0;
        r = send_start(manager, &start, fds, ELEMENTS(fds) - (fds[4] < 0), &standby->keeper);
    }
    return r;
}

static int start(struct keeper_link *link, struct manager *manager, int run_dir,
                 const struct launch_request *request, struct keeper_standby *standby,
                 const struct keeper_link_ops *ops, void *owner)
{
    int r = -EPIPE;

    if (keeper_standby_suits(standby, request->policy))
        r = start_briefed(standby, run_dir, request);
    if (r < 0)
        r = start_anew(manager, run_dir, request, standby);
    return r < 0 ? r : begin(link, manager, run_dir, &standby->keeper, 0, ops, owner);
}

int keeper_link_start(struct keeper_link *link, struct manager *manager, int run_dir,
                      const struct launch_request *request, struct keeper_standby *standby,
                      const struct keeper_link_ops *ops, void *owner)
{
    struct keeper_standby none = KEEPER_STANDBY_INIT;
    int r;

    if (standby == NULL)
        standby = &none;
    r = start(link, manager, run_dir, request, standby, ops, owner);
    keeper_standby_close(standby);
    return r;
}

/* One with a name may still have START to read, or none to come: then it is about to end. */
static bool has_begun(int fd)
{
    struct pollfd slot = { .fd = fd, .events = POLLIN };
    char byte;
    int n;

    do
        n = poll(&slot, 1, BEGIN_TIMEOUT_MS);
    while (n < 0 && errno == EINTR);
    return n <= 0 || recv(fd, &byte, sizeof(byte), MSG_PEEK) > 0;
}

static bool is_void(int run_dir)
{
    struct keeper_record record;

    return keeper_record_void(keeper_record_read(run_dir, &record), &record);
}

/* As keeper_connect(), but for one that never was sent START: nothing is left of it, and -ENOENT. */
static int connect_begun(int run_dir, int *fd)
{
    int r = keeper_connect(run_dir, fd);

    if ((r != 0 && r != -ECONNREFUSED) || !is_void(run_dir))
        return r;
    if (r == 0 && has_begun(*fd))
        return 0;
    cleanup_fd(fd);
    *fd = -EBADF;
    if (!is_void(run_dir))
        return -ECONNREFUSED; /* it has begun, and ended */
    keeper_record_clear(run_dir);
    return -ENOENT;
}

int keeper_link_connect(struct keeper_link *link, struct manager *manager, int run_dir,
                        const struct keeper_link_ops *ops, void *owner)
{
    struct keeper_record record;
    CLEANUP_FD int fd = -EBADF;
    int r;

    r = connect_begun(run_dir, &fd);
    /* One that has begun after the first look: it listens before it makes its record. */
    if (r == -ENOENT && keeper_record_read(run_dir, &record) == 0) {
        r = keeper_connect(run_dir, &fd);
        if (r == -ENOENT)
            r = -ECONNREFUSED;
    }
    if (r == -ENOENT || r == -ECONNREFUSED)
        return r;
    return begin(link, manager, run_dir, &fd, r, ops, owner);
}

bool keeper_link_open(const struct keeper_link *link)
{
    return link->fd >= 0 || link->ops != NULL;
}

bool keeper_link_silent(const struct keeper_link *link)
{
    return !link->heard && (link->fd >= 0 || link->seek != NULL);
}

void keeper_link_follow(struct keeper_link *link, bool wanted)
{
    struct keeper_follow follow = { .header.kind = KEEPER_FOLLOW, .wanted = wanted };

    if (link->fd < 0 || link->following == wanted)
        return;
    if (keeper_send(link->fd, &follow, sizeof(follow), NULL, 0) == 0)
        link->following = wanted;
}

void keeper_link_resize(struct keeper_link *link, uint16_t columns, uint16_t rows)
{
    struct keeper_resize resize = { .header.kind = KEEPER_RESIZE, .columns = columns, .rows = rows };

    if (link->fd >= 0 && keeper_send(link->fd, &resize, sizeof(resize), NULL, 0) < 0)
        log_warning("a keeper cannot be told the size of the terminal");
}

void keeper_link_forget(struct keeper_link *link)
{
    struct keeper_forget forget = { .header.kind = KEEPER_FORGET };

    if (link->fd >= 0 && keeper_send(link->fd, &forget, sizeof(forget), NULL, 0) < 0)
        log_warning("a keeper cannot be told that it is not needed any more");
}

void keeper_link_close(struct keeper_link *link)
{
    disconnect(link);
    if (link->seek != NULL)
        event_free(link->seek);
    cleanup_fd(&link->pidfd);
    *link = (struct keeper_link)KEEPER_LINK_INIT;
}
