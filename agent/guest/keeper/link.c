/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/keeper/link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/cleanup.h"

/* One czoned at a time, and the next one while it restarts. */
#define BACKLOG 4

static int listen_as(int run_dir, const char *name, int *ret_listener)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CLEANUP_FD int fd = -EBADF;
    int r;

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/%s", run_dir, name);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    if (listen(fd, BACKLOG) < 0) {
        r = -errno;
        (void)unlinkat(run_dir, name, 0);
        return r;
    }
    *ret_listener = take_fd(&fd);
    return 0;
}

void link_moved(struct link *link)
{
    cleanup_fd(&link->hall);
    link->hall = -EBADF;
}

int link_prepare(struct link *link, int hall)
{
    CLEANUP_FD int copy = fcntl(hall, F_DUPFD_CLOEXEC, 0);
    char name[32];
    int r;

    if (copy < 0)
        return -errno;
    keeper_hall_name(getpid(), name);
    (void)unlinkat(copy, name, 0); /* of one with the same pid, that was killed */
    r = listen_as(copy, name, &link->listener);
    if (r == 0)
        link->hall = take_fd(&copy);
    return r;
}

static void abandon(struct link *link)
{
    char name[32];

    if (link->hall < 0)
        return;
    keeper_hall_name(getpid(), name);
    (void)unlinkat(link->hall, name, 0);
    link_moved(link);
    cleanup_fd(&link->listener);
    link->listener = -EBADF;
}

/* The name appears when whoever connects is heard: a socket that refuses is one whose keeper is gone. */
static int move(struct link *link, int run_dir)
{
    char name[32];

    keeper_hall_name(getpid(), name);
    if (renameat2(link->hall, name, run_dir, KEEPER_SOCKET, RENAME_NOREPLACE) == 0) {
        link_moved(link);
        return 0;
    }
    return -errno;
}

int link_listen(struct link *link, int run_dir)
{
    int r = link->hall >= 0 ? move(link, run_dir) : -ENOENT;

    if (r == 0)
        return 0;
    abandon(link);
    if (r == -EEXIST)
        return r;
    r = link_prepare(link, run_dir);
    if (r == 0)
        r = move(link, run_dir);
    if (r < 0)
        abandon(link);
    return r;
}

void link_close(struct link *link)
{
    abandon(link);
    link_drop(link);
    cleanup_fd(&link->listener);
    link->listener = -EBADF;
}

void link_drop(struct link *link)
{
    cleanup_fd(&link->peer);
    link->peer = -EBADF;
}

void link_serve(struct link *link, int fd)
{
    /* The kernel makes more of it: room for a handful of messages. A peer that lags behind shall find the
     * latest news, and not a heap of old ones. */
    const int small = 1;

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    link_drop(link);
    link->peer = fd;
    link->follow = link->pidfd_given = false;
    link->status_due = true;
}

void link_accept(struct link *link)
{
    CLEANUP_FD int fd = accept4(link->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct ucred peer;
    socklen_t size = sizeof(peer);

    if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != geteuid())
        return;
    link_serve(link, take_fd(&fd));
}

/* Returns whether it went out. */
static bool tell(struct link *link, void *message, size_t size, const int *fds, size_t n_fds)
{
    int r = keeper_send(link->peer, message, size, fds, n_fds);

    if (r < 0 && r != -EAGAIN)
        link_drop(link);
    return r == 0;
}

void link_tell(struct link *link, struct keeper_status *status, struct keeper_failed *failed, int pidfd)
{
    bool give = status->state == KEEPER_RUNNING && !link->pidfd_given;

    if (link->peer >= 0 && link->failed_due)
        link->failed_due = !tell(link, failed, sizeof(*failed), NULL, 0);
    if (link->peer < 0 || link->failed_due || !link->status_due)
        return;
    if (give)
        status->flags |= KEEPER_PIDFD;
    if (!tell(link, status, sizeof(*status), &pidfd, give ? 1 : 0))
        return;
    link->status_due = false;
    link->pidfd_given = link->pidfd_given || give;
}
