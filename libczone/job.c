/* SPDX-License-Identifier: Apache-2.0 */
#include "job.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "cleanup.h"
#include "clock.h"
#include "core/failure_set.h"

#define DEFAULT_TIMEOUT_MS 10000

int job_new(const struct job_kind *kind, struct czone_zone *zone, unsigned timeout_ms,
            struct czone_job **ret_job)
{
    cleanup_with(job_cleanup) struct czone_job *job = NULL;

    job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->worker = (struct worker)WORKER_INIT;
    job->cgroup_fd = job->watch_fd = job->epoll_fd = -EBADF;
    job->is_done = true; /* until a helper runs there is nothing to wait for */
    job->failure = (struct czone_failure)CZONE_FAILURE_INIT;
    job->release = (struct czone_release)CZONE_RELEASE_INIT;
    job->timeout_ms = timeout_ms ? timeout_ms : DEFAULT_TIMEOUT_MS;
    job->kind = kind;
    job->zone = czone_zone_ref(zone);
    *ret_job = TAKE_PTR(job);
    return 0;
}

int job_watch(struct czone_job *job, int fd)
{
    struct epoll_event event = { .events = EPOLLIN };

    if (job->epoll_fd < 0)
        job->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (job->epoll_fd < 0)
        return -errno;
    return epoll_ctl(job->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int job_run(struct czone_job *job, size_t first, size_t n_plans, int cgroup_fd)
{
    uint64_t deadline_ns = clock_after_ms(job->timeout_ms);
    struct worker worker;
    int r;

    r = n_plans == 0
            ? worker_start_none(deadline_ns, &worker)
            : worker_start(job->zone->ctx, job->plans + first, n_plans, cgroup_fd, deadline_ns, &worker);
    if (r < 0)
        return r;
    r = job_watch(job, worker.fd);
    if (r < 0) {
        worker_done(&worker);
        return r;
    }
    worker_done(&job->worker);
    job->worker = worker;
    job->is_done = false;
    return 0;
}

int job_cannot_run(struct czone_job *job, enum czone_stage stage, int error)
{
    const char *why =
        error == -EAGAIN ? " (the limit of processes of a cgroup, or of the system, is reached)" : "";

    return failure_set(&job->failure, error, stage, job->zone->last.node,
                       "cannot start the helper process of zone %s: %s%s", job->zone->last.name,
                       strerror(-error), why);
}

void job_finish(struct czone_job *job, int result)
{
    worker_done(&job->worker);
    job->result = result;
    job->is_done = true;
}

void job_apply(struct czone_job *job, const struct plan_op *op)
{
    struct inventory *inventory = job->zone->ctx->inventory;
    const struct czone_block *known;
    struct czone_block block;

    if (!plan_op_is_block(op))
        return;
    known = inventory_block(inventory, op->block);
    if (!known)
        return;
    block = *known;
    block.state = plan_op_after(op);
    /* A known block on its known node needs no memory: this cannot fail. */
    (void)inventory_put_block(inventory, &block);
}

int czone_job_fd(const struct czone_job *job)
{
    return job->epoll_fd;
}

bool czone_job_has_helper(const struct czone_job *job)
{
    return job->worker.pid != 0;
}

int czone_job_timeout_ms(const struct czone_job *job)
{
    /* A helper that was killed closes its end of the socket: that tells. */
    return job->worker.is_killed ? INT32_MAX : clock_until_ms(job->worker.deadline_ns);
}

const struct execute_result *job_result(const struct czone_job *job, size_t op)
{
    return &job->worker.results[op];
}

static void trace(const struct czone_job *job)
{
    for (size_t i = 0; i < job->worker.n_results; i++) {
        const struct execute_result *result = job_result(job, i);

        if (result->n_attempts == 0)
            continue;
        ctx_log(job->zone->ctx, CZONE_LOG_DEBUG,
                "zone %s: step %zu: %s after %" PRIu64 " us, %" PRIu32 " attempts", job->zone->last.name, i,
                result->error == 0 ? "done" : strerror(-result->error),
                (result->end_ns - result->start_ns) / 1000, result->n_attempts);
    }
}

/* Returns 1 when done. */
static int step(struct czone_job *job)
{
    int r;

    if (job->is_waiting)
        job->kind->awaited(job);
    while (!job->is_done) {
        r = worker_next(&job->worker);
        if (r == 0)
            break;
        if (r > 0) {
            job->kind->report(job);
        } else {
            trace(job);
            job->kind->over(job);
        }
    }
    if (!job->is_done && !job->worker.is_killed && clock_ns() >= job->worker.deadline_ns)
        worker_kill(&job->worker);
    return job->is_done;
}

int czone_job_process(struct czone_job *job, struct czone_failure *failure)
{
    if (!step(job))
        return 0;
    if (job->result == 0)
        return 1;
    if (failure)
        *failure = job->failure;
    return job->result;
}

int czone_job_wait(struct czone_job *job, struct czone_failure *failure)
{
    for (;;) {
        struct pollfd fd = { .fd = job->epoll_fd, .events = POLLIN };
        int r = czone_job_process(job, failure);

        if (r != 0)
            return r < 0 ? r : 0;
        if (poll(&fd, 1, czone_job_timeout_ms(job)) < 0 && errno != EINTR)
            return -errno;
    }
}

struct czone_job *czone_job_unref(struct czone_job *job)
{
    if (!job)
        return NULL;
    if (!job->is_done) {
        job->is_dropped = true;
        worker_kill(&job->worker);
        (void)czone_job_wait(job, NULL); /* a reserve undoes, within its own deadline */
    }
    worker_done(&job->worker);
    cleanup_close_fd(&job->watch_fd);
    cleanup_close_fd(&job->cgroup_fd);
    cleanup_close_fd(&job->epoll_fd);
    for (size_t i = 0; i < sizeof(job->plans) / sizeof(job->plans[0]); i++)
        plan_free(job->plans[i]);
    czone_release_done(&job->release);
    czone_zone_unref(job->zone);
    free(job);
    return NULL;
}
