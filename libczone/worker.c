/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"

/* P_PIDFD of <linux/wait.h>, which cannot be included beside <sys/wait.h> of every libc. */
#define WAIT_PIDFD ((idtype_t)3)

static size_t longest(struct plan *const *plans, size_t n_plans)
{
    size_t n = 1;

    for (size_t i = 0; i < n_plans; i++)
        if (plans[i]->n_ops > n)
            n = plans[i]->n_ops;
    return n;
}

int worker_start(struct czone_ctx *ctx, struct plan *const *plans, size_t n_plans, int cgroup_fd,
                 uint64_t deadline_ns, struct worker *ret_worker)
{
    struct execute_target target = { .backend = ctx->backend, .sys = ctx->sys, .cgroup_fd = cgroup_fd };
    cleanup_close int ours = -EBADF, theirs = -EBADF;
    cleanup_free uint8_t *is_done = NULL;
    char home[NODE_SET_TEXT_MAX];
    int ends[2], keep[2], pidfd = -EBADF, r;
    struct node_set homes;
    size_t n_keep = 0;
    pid_t pid;

    inventory_home(ctx->inventory, &homes);
    r = node_set_format(&homes, home, sizeof(home));
    if (r <= 0)
        return r < 0 ? r : -ENODEV;
    is_done = calloc(longest(plans, n_plans), 1);
    if (!is_done)
        return -ENOMEM;
    /* Keeps the borders of messages. */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    keep[n_keep++] = theirs;
    if (cgroup_fd >= 0)
        keep[n_keep++] = cgroup_fd;
    pid = ctx->backend->fork(ctx->sys, home, keep, n_keep, &pidfd);
    if (pid == 0)
        execute_plans(&target, plans, n_plans, is_done, theirs);
    if (pid < 0)
        return (int)pid;
    *ret_worker = (struct worker){
        .pid = pid,
        .pidfd = pidfd,
        .fd = TAKE_FD(ours),
        .deadline_ns = deadline_ns,
    };
    return 0;
}

int worker_start_none(uint64_t deadline_ns, struct worker *ret_worker)
{
    int ends[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    (void)close(ends[1]);
    *ret_worker = (struct worker){ .pidfd = -EBADF, .fd = ends[0], .deadline_ns = deadline_ns };
    return 0;
}

void worker_go(struct worker *worker)
{
    (void)send(worker->fd, "", 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void reap(struct worker *worker)
{
    siginfo_t info;

    if (worker->pid == 0)
        return;
    /* By its descriptor: if somebody has reaped it already, no other process of the same number is meant. */
    while (waitid(WAIT_PIDFD, (id_t)worker->pidfd, &info, WEXITED | __WALL) < 0 && errno == EINTR)
        continue;
    worker->pid = 0;
}

int worker_next(struct worker *worker, struct execute_report *ret_report)
{
    ssize_t n;

    do {
        n = recv(worker->fd, ret_report, sizeof(*ret_report), MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof(*ret_report))
        return 1;
    if (n < 0 && errno == EAGAIN)
        return 0;
    reap(worker);
    return -EPIPE;
}

void worker_kill(struct worker *worker)
{
    if (worker->pid > 0)
        (void)syscall(SYS_pidfd_send_signal, worker->pidfd, SIGKILL, NULL, 0);
    worker->is_killed = true;
}

void worker_done(struct worker *worker)
{
    if (worker->pid > 0) {
        worker_kill(worker);
        reap(worker);
    }
    cleanup_close_fd(&worker->pidfd);
    cleanup_close_fd(&worker->fd);
    *worker = (struct worker)WORKER_INIT;
}
