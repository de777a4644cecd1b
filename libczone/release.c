/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#include "cgroup.h"
#include "cleanup.h"
#include "core/failure_set.h"
#include "job.h"
#include "leftovers.h"

/* plans[] of a release */
enum { EMPTY, OFFLINE, N_PLANS };

static void look_for_leftovers(struct czone_job *job)
{
    struct czone_zone *zone = job->zone;
    int r = leftovers_find(zone->ctx, zone->last.node, &job->release);

    /* The account is poorer without it; that is no reason to keep the memory. */
    if (r < 0)
        ctx_log(zone->ctx, CZONE_LOG_WARNING, "zone %s: cannot tell what is left in it: %s", zone->last.name,
                strerror(-r));
}

static void fail_op(struct czone_job *job, const struct plan_op *op, int error)
{
    struct czone_failure *failure = &job->release.failure;

    if (failure->error != 0)
        return;
    (void)failure_set_block(failure, error, CZONE_STAGE_OFFLINE, op->node, op->block,
                            "block %" PRIu64 " of node %d would not go offline: %s", op->block.n, op->node.n,
                            error == -EINTR ? "pages in it could not be moved in time" : strerror(-error));
}

static void begin_offline(struct czone_job *job)
{
    look_for_leftovers(job);
    job->is_offlining = true;
    worker_go(&job->worker, OFFLINE, 0);
}

/* The helper waits while this looks at what emptying has left. */
static void release_report(struct czone_job *job)
{
    if (job->is_offlining)
        return;
    begin_offline(job);
}

static void take_result(struct czone_job *job, const struct plan_op *op, const struct execute_result *result)
{
    if (result->error == 0)
        job_apply(job, op);
    else if (result->error == -ENOENT)
        (void)scan_block(job->zone->ctx, op->block, false);
    else
        fail_op(job, op, result->error);
}

static void take_results(struct czone_job *job)
{
    const struct plan *offline = job->plans[OFFLINE];
    size_t n_empty = job->worker.n_results - (job->worker.n_results ? offline->n_ops : 0);
    uint64_t first_ns = UINT64_MAX, last_ns = 0;

    for (size_t i = 0; i < n_empty; i++)
        if (job_result(job, i)->n_attempts > 0)
            job->release.empty_ns += job_result(job, i)->end_ns - job_result(job, i)->start_ns;
    for (size_t i = 0; i < job->worker.n_results - n_empty; i++) {
        const struct execute_result *result = job_result(job, n_empty + i);

        if (result->n_attempts == 0)
            continue;
        first_ns = result->start_ns < first_ns ? result->start_ns : first_ns;
        last_ns = result->end_ns > last_ns ? result->end_ns : last_ns;
        take_result(job, &offline->ops[i], result);
    }
    if (last_ns > 0)
        job->release.offline_ns = last_ns - first_ns;
}

static bool is_off(const struct czone_ctx *ctx, czone_block_id id)
{
    const struct czone_block *block = inventory_block(ctx->inventory, id);

    return !block || block->state == CZONE_BLOCK_OFFLINE;
}

/* A helper that was killed may have done what it had no time to note: those blocks are read anew. */
static size_t count_offline(struct czone_job *job)
{
    const struct czone_zone_info *info = &job->zone->last;
    struct czone_ctx *ctx = job->zone->ctx;
    size_t n = 0;

    for (size_t i = 0; i < info->n_blocks; i++) {
        czone_block_id id = { info->first_block.n + i };

        if (!is_off(ctx, id))
            (void)scan_block(ctx, id, false);
        n += is_off(ctx, id);
    }
    return n;
}

/* Not one process less after all this time, or the helper was killed by somebody: nothing has been done. */
static void give_up_waiting(struct czone_job *job)
{
    const struct czone_zone_info *info = &job->zone->last;
    int r = job->worker.is_killed ? -EBUSY : -ECANCELED;

    job->is_waiting = false;
    (void)failure_set(&job->failure, r, CZONE_STAGE_CGROUP, info->node,
                      r == -EBUSY ? "cgroup %s of zone %s still has processes after %u ms: end them first"
                                  : "cgroup %s of zone %s: the helper process ended before its time (%u ms)",
                      info->cgroup, info->name, job->timeout_ms);
    job_finish(job, r);
}

static void release_over(struct czone_job *job)
{
    const struct czone_zone_info *info = &job->zone->last;
    struct czone_release *release = &job->release;
    struct czone_ctx *ctx = job->zone->ctx;
    uint64_t migrated;
    int r;

    if (job->is_waiting) {
        give_up_waiting(job);
        return;
    }
    take_results(job);
    release->n_offline = count_offline(job);
    release->state = release->n_offline == info->n_blocks ? CZONE_ZONE_OFFLINE : CZONE_ZONE_QUARANTINED;
    if (ctx->backend->migrated(ctx->sys, &migrated) == 0)
        release->migrated_pages = migrated - job->migrated_before;
    if (release->state == CZONE_ZONE_OFFLINE)
        release->failure = (struct czone_failure)CZONE_FAILURE_INIT; /* of an attempt before the last */
    else if (release->failure.error == 0)
        (void)failure_set(&release->failure, -ETIMEDOUT,
                          job->is_offlining ? CZONE_STAGE_OFFLINE : CZONE_STAGE_EMPTY, info->node,
                          "zone %s: %zu of %zu blocks were offline when its time was over", info->name,
                          release->n_offline, info->n_blocks);
    r = zone_set(job->zone, info->state, release->state, NULL);
    if (r == -EBUSY && zone_state(job->zone) == release->state)
        r = 0; /* another context has released it at the same time */
    if (r < 0)
        (void)failure_set(&job->failure, r, CZONE_STAGE_CLAIM, info->node,
                          "cannot write the claim of zone %s: %s", info->name, strerror(-r));
    job_finish(job, r);
}

static int check_unused(struct czone_zone *zone, int cgroup_fd, struct czone_failure *failure)
{
    int r = cgroup_is_populated(zone->ctx, cgroup_fd);

    if (r == 1)
        return failure_set(
            failure, -EBUSY, CZONE_STAGE_CGROUP, zone->last.node,
            "cgroup %s of zone %s still has processes: end them, then wait until cgroup.events says "
            "populated 0",
            zone->last.cgroup, zone->last.name);
    if (r < 0 && r != -ENOENT && r != -ENODEV)
        return failure_set(failure, r, CZONE_STAGE_CGROUP, zone->last.node,
                           "cannot read cgroup.events of %s: %s", zone->last.cgroup, strerror(-r));
    return 0;
}

/* What reclaim can drop or swap. Not shmem: it goes with its file system, or moves home with the offline, and
 * without swap the kernel would try in vain for long. */
static uint64_t reclaimable(const struct czone_sys_charge *charge)
{
    uint64_t all = charge->anon + charge->file;

    /* The figures are read one after the other: they need not agree. */
    return all > charge->shmem ? all - charge->shmem : 0;
}

/* How much to ask memory.reclaim for: nothing unless there is something on the zone's node; then all there
 * is, since reclaim cannot be told a node. */
static int charged_bytes(struct czone_zone *zone, int cgroup_fd, uint64_t *ret_bytes)
{
    cleanup_free struct czone_sys_charge *charges = NULL;
    const struct czone_node *nodes;
    size_t n = inventory_nodes(zone->ctx->inventory, &nodes), n_charges;
    uint64_t bytes = 0;
    int r;

    n_charges = (size_t)nodes[n - 1].id.n + 1;
    charges = calloc(n_charges, sizeof(*charges));
    if (!charges)
        return -ENOMEM;
    r = zone->ctx->backend->cgroup_charges(zone->ctx->sys, cgroup_fd, (czone_node_id){ 0 }, n_charges,
                                           charges);
    if (r < 0)
        return r == -ENOENT || r == -ENODEV ? 0 : r;
    if (reclaimable(&charges[zone->last.node.n]) == 0)
        return 0;
    for (size_t i = 0; i < n_charges; i++)
        bytes += reclaimable(&charges[i]);
    *ret_bytes = bytes;
    return 0;
}

static int make_plans(struct czone_job *job)
{
    struct czone_zone *zone = job->zone;
    struct block_run run = zone_run(&zone->last);
    int r;

    r = scan_run(zone->ctx, zone->last.node, run.first, run.n);
    if (r < 0)
        return r;
    r = plan_empty(PLAN_MAX, job->timeout_ms, &job->plans[EMPTY]); /* how much, the helper is told later */
    if (r < 0)
        return r;
    return plan_offline(zone->ctx->inventory, zone->last.node, &run, job->timeout_ms, &job->plans[OFFLINE]);
}

static int write_mems(struct czone_zone *zone, int cgroup_fd, const char *mems)
{
    int r = zone->ctx->backend->cgroup_write(zone->ctx->sys, cgroup_fd, "cpuset.mems", mems);

    return r == -ENOENT || r == -ENODEV ? 0 : r;
}

/*
 * Parts zone and cgroup for good: the cgroup gets the home nodes alone, so that a process that enters it
 * later does not land on a node that is another zone's by then; the claim lets go of the path, under which
 * another cgroup may be by the time this release is tried again.
 */
static int unbind(struct czone_zone *zone, int cgroup_fd)
{
    char home[NODE_SET_TEXT_MAX], before[NODE_SET_TEXT_MAX] = "";
    int r;

    if (cgroup_fd < 0)
        return zone_set(zone, zone->last.state, CZONE_ZONE_DRAINING, "");
    r = zone_home_nodes(zone->ctx, home, sizeof(home));
    if (r < 0)
        return r;
    r = zone->ctx->backend->cgroup_read(zone->ctx->sys, cgroup_fd, "cpuset.mems", before, sizeof(before));
    if (r < 0 && r != -ENOENT && r != -ENODEV)
        return r;
    r = write_mems(zone, cgroup_fd, home);
    if (r < 0)
        return r;
    r = zone_set(zone, zone->last.state, CZONE_ZONE_DRAINING, "");
    if (r < 0)
        /* An empty write() would not reach the kernel. */
        (void)write_mems(zone, cgroup_fd, *before ? before : "\n");
    return r;
}

/* The cgroup has no process: the zone is emptied from here on. */
static int begin(struct czone_job *job)
{
    struct czone_ctx *ctx = job->zone->ctx;
    uint64_t bytes = 0;
    int r;

    r = ctx->backend->migrated(ctx->sys, &job->migrated_before);
    if (r < 0)
        return r;
    if (job->cgroup_fd >= 0) {
        r = charged_bytes(job->zone, job->cgroup_fd, &bytes);
        if (r < 0)
            return r;
    }
    /* The helper waits: nothing is changed before all that can fail is done. */
    r = unbind(job->zone, job->cgroup_fd);
    if (r < 0)
        return r;
    if (bytes > 0)
        worker_go(&job->worker, EMPTY, bytes);
    else
        begin_offline(job);
    return 0;
}

static int explain(const struct czone_zone *zone, struct czone_failure *failure, int r)
{
    if (r < 0 && failure->error == 0)
        return failure_set(failure, r, CZONE_STAGE_OFFLINE, zone->last.node,
                           "cannot begin to release zone %s: %s", zone->last.name, strerror(-r));
    return r;
}

static void release_awaited(struct czone_job *job)
{
    char events[512];
    int r;

    while (read(job->watch_fd, events, sizeof(events)) > 0)
        continue;
    r = check_unused(job->zone, job->cgroup_fd, &job->failure);
    if (r == -EBUSY) {
        job->failure = (struct czone_failure)CZONE_FAILURE_INIT;
        return;
    }
    job->is_waiting = false;
    /* Closing it takes a grace period of the kernel: later. */
    (void)epoll_ctl(job->epoll_fd, EPOLL_CTL_DEL, job->watch_fd, NULL);
    if (r == 0)
        r = begin(job);
    if (r < 0)
        job_finish(job, explain(job->zone, &job->failure, r));
}

static const struct job_kind release_kind = {
    .awaited = release_awaited,
    .report = release_report,
    .over = release_over,
};

static int watch_exit(struct czone_job *job)
{
    struct czone_ctx *ctx = job->zone->ctx;
    int r;

    job->watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (job->watch_fd < 0)
        return -errno;
    r = ctx->backend->cgroup_watch(ctx->sys, job->cgroup_fd, job->watch_fd);
    return r < 0 ? r : job_watch(job, job->watch_fd);
}

/* Everything that can be done while the processes are still on their way out. */
static int start(struct czone_job *job)
{
    size_t n_plans;
    int r;

    r = make_plans(job);
    if (r < 0)
        return r;
    if (job->is_waiting) {
        r = watch_exit(job);
        if (r < 0)
            return r;
    }
    n_plans = job->is_waiting || job->plans[OFFLINE]->n_ops > 0 ? N_PLANS : 0;
    r = job_run(job, EMPTY, n_plans, job->cgroup_fd);
    if (r < 0)
        return job_cannot_run(job, CZONE_STAGE_OFFLINE, r);
    if (job->is_waiting) {
        release_awaited(job); /* the last of them may have ended before there was a watch */
        return job->is_done ? job->result : 0;
    }
    r = begin(job);
    if (r < 0)
        job_finish(job, r);
    return r;
}

static int check_options(const struct czone_release_options *options,
                         struct czone_release_options *ret_options, struct czone_failure *failure)
{
    struct czone_release_options complete = CZONE_RELEASE_OPTIONS_INIT;

    if (options && (options->size < sizeof(size_t) || options->size > sizeof(complete)))
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
                           "the options are of a later version of libczone than this one (%zu bytes)",
                           options->size);
    if (options)
        memcpy(&complete, options, options->size);
    *ret_options = complete;
    return 0;
}

static int start_release(struct czone_zone *zone, const struct czone_release_options *options,
                         struct czone_job **ret_job, struct czone_failure *failure)
{
    const struct czone_zone_info *info = &zone->last;
    cleanup_with(job_cleanup) struct czone_job *job = NULL;
    int r;

    r = job_new(&release_kind, zone, options->timeout_ms, &job);
    if (r < 0)
        return r;
    job->cgroup_fd = zone_open_cgroup(zone);
    r = job->cgroup_fd == -ENOENT ? 0
        : job->cgroup_fd < 0      ? job->cgroup_fd
                                  : check_unused(zone, job->cgroup_fd, failure);
    job->is_waiting = r == -EBUSY && options->wait_for_exit;
    if (job->is_waiting)
        *failure = (struct czone_failure)CZONE_FAILURE_INIT;
    else if (r < 0)
        return r;
    job->release.range = info->range;
    job->release.n_blocks = info->n_blocks;
    r = info->state == CZONE_ZONE_OFFLINE ? job_run(job, 0, 0, -1) : start(job);
    if (r < 0) {
        if (failure->error == 0)
            *failure = job->failure;
        return r;
    }
    *ret_job = TAKE_PTR(job);
    return 0;
}

static int release_checked(struct czone_zone *zone, const struct czone_release_options *options,
                           struct czone_job **ret_job, struct czone_failure *failure)
{
    struct czone_release_options complete;
    int r;

    r = check_options(options, &complete, failure);
    if (r < 0)
        return r;
    r = zone_refresh(zone, failure);
    if (r < 0)
        return r;
    if (zone_state(zone) == CZONE_ZONE_RETURNED)
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE, "zone %s is over",
                           zone->last.name);
    return start_release(zone, &complete, ret_job, failure);
}

int czone_zone_release_start(struct czone_zone *zone, const struct czone_release_options *options,
                             struct czone_job **ret_job, struct czone_failure *failure)
{
    struct czone_failure detail = CZONE_FAILURE_INIT;
    int r;

    r = explain(zone, &detail, release_checked(zone, options, ret_job, &detail));
    if (r < 0 && failure)
        *failure = detail;
    return r;
}

int czone_job_release(struct czone_job *job, struct czone_release *ret_release)
{
    if (job->kind != &release_kind)
        return -EINVAL;
    if (!job->is_done)
        return -EINPROGRESS;
    if (job->result < 0)
        return job->result;
    *ret_release = job->release;
    /* The account is the caller's from here on; a second call gets one without leftovers. */
    job->release.leftovers = NULL;
    job->release.n_leftovers = 0;
    return 0;
}

int czone_zone_release(struct czone_zone *zone, const struct czone_release_options *options,
                       struct czone_release *ret_release, struct czone_failure *failure)
{
    cleanup_with(job_cleanup) struct czone_job *job = NULL;
    int r;

    r = czone_zone_release_start(zone, options, &job, failure);
    if (r < 0)
        return r;
    r = czone_job_wait(job, failure);
    return r < 0 ? r : czone_job_release(job, ret_release);
}

void czone_release_done(struct czone_release *release)
{
    free(release->leftovers);
    release->leftovers = NULL;
    release->n_leftovers = 0;
}
