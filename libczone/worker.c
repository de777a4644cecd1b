/* SPDX-License-Identifier: Apache-2.0 */
#include "worker.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "zone.h"

/* P_PIDFD of <linux/wait.h>, which cannot be included beside <sys/wait.h> of every libc. */
#define WAIT_PIDFD ((idtype_t)3)

static size_t count_ops(struct plan *const *plans, size_t n_plans)
{
    size_t n = 0;

    for (size_t i = 0; i < n_plans; i++)
        n += plans[i]->n_ops;
    return n;
}

static int share_results(size_t n, struct execute_result **ret_results)
{
    void *memory;

    /* A mapping of no length is refused. */
    memory = mmap(NULL, (n ? n : 1) * sizeof(**ret_results), PROT_READ | PROT_WRITE,
                  MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -errno;
    *ret_results = memory;
    return 0;
}

static void unshare_results(struct execute_result *results, size_t n)
{
    if (results)
        (void)munmap(results, (n ? n : 1) * sizeof(*results));
}

static int fork_helper(struct czone_ctx *ctx, struct plan *const *plans, size_t n_plans, int cgroup_fd,
                       struct worker *worker)
{
    struct execute_target target = { .backend = ctx->backend, .sys = ctx->sys, .cgroup_fd = cgroup_fd };
    cleanup_close int ours = -EBADF, theirs = -EBADF;
    char home[NODE_SET_TEXT_MAX];
    int ends[2], keep[2], r;
    size_t n_keep = 0;

    r = zone_home_nodes(ctx, home, sizeof(home));
    if (r < 0)
        return r;
    /* Keeps the borders of messages. */
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    keep[n_keep++] = theirs;
    if (cgroup_fd >= 0)
        keep[n_keep++] = cgroup_fd;
    worker->pid = ctx->backend->fork(ctx->sys, home, keep, n_keep, &worker->pidfd);
    if (worker->pid == 0)
        execute_plans(&target, plans, n_plans, worker->results, theirs);
    if (worker->pid < 0)
        return (int)worker->pid;
    worker->fd = TAKE_FD(ours);
    return 0;
}

int worker_start(struct czone_ctx *ctx, struct plan *const *plans, size_t n_plans, int cgroup_fd,
                 uint64_t deadline_ns, struct worker *ret_worker)
{
    struct worker worker = WORKER_INIT;
    int r;

    worker.deadline_ns = deadline_ns;
    worker.n_plans = (uint32_t)n_plans;
    worker.n_results = count_ops(plans, n_plans);
    r = share_results(worker.n_results, &worker.results);
    if (r < 0)
        return r;
    r = fork_helper(ctx, plans, n_plans, cgroup_fd, &worker);
    if (r < 0) {
        unshare_results(worker.results, worker.n_results);
        return r;
    }
    *ret_worker = worker;
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

void worker_go(struct worker *worker, uint32_t plan, uint64_t reclaim)
{
    struct execute_go go = { .plan = plan, .reclaim = reclaim };

    (void)send(worker->fd, &go, sizeof(go), MSG_NOSIGNAL | MSG_DONTWAIT);
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

int worker_next(struct worker *worker)
{
    struct execute_report report;
    ssize_t n;

    do {
        n = recv(worker->fd, &report, sizeof(report), MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return 0;
    /* The last report is enough: while the helper exits, which takes a while, its results are made use of. */
    return n == (ssize_t)sizeof(report) && report.error == 0 && report.plan + 1 < worker->n_plans ? 1
                                                                                                  : -EPIPE;
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
    unshare_results(worker->results, worker->n_results);
    cleanup_close_fd(&worker->pidfd);
    cleanup_close_fd(&worker->fd);
    *worker = (struct worker)WORKER_INIT;
}
