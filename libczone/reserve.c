/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/failure_set.h"
#include "core/name.h"
#include "core/placement.h"
#include "job.h"

/* The kernel makes none with a line feed, and a claim could not name it. */
static bool is_cgroup_path(const char *path)
{
    return path[0] != '\0' && strlen(path) < sizeof(((struct czone_zone_info *)0)->cgroup) &&
           !strchr(path, '\n');
}

static int check_request(const struct czone_ctx *ctx, const struct czone_zone_request *given,
                         struct czone_zone_request *ret_request, struct placement_request *ret_wanted,
                         struct czone_failure *failure)
{
    struct czone_zone_request request = CZONE_ZONE_REQUEST_INIT;

    if (given->size < sizeof(size_t) || given->size > sizeof(request))
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
                           "the request is of a later version of libczone than this one (%zu bytes)",
                           given->size);
    memcpy(&request, given, given->size);
    if (!name_is_valid(request.name))
        return failure_set(
            failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
            "\"%.80s\" is no name for a zone: 1 to %d letters, digits, '.', '_' or '-', not starting "
            "with '.'",
            request.name ? request.name : "", CZONE_ZONE_NAME_MAX);
    if (request.cgroup && !is_cgroup_path(request.cgroup))
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
                           "\"%.80s\" is no path for a cgroup: 1 to %zu bytes, without a line feed",
                           request.cgroup, sizeof(((struct czone_zone_info *)0)->cgroup) - 1);
    if (placement_blocks(request.bytes, inventory_block_size(ctx->inventory), &ret_wanted->n_blocks) < 0)
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
                           "%" PRIu64 " bytes is no size for a zone: from 1 to INT64_MAX", request.bytes);
    ret_wanted->tier = request.tier;
    ret_wanted->within = request.within;
    *ret_request = request;
    return 0;
}

static int place(const struct czone_ctx *ctx, const char *name, const struct placement_request *wanted,
                 struct czone_zone_info *ret_info, struct czone_failure *failure)
{
    uint64_t block_size = inventory_block_size(ctx->inventory);
    struct placement placement = { 0 };
    struct czone_zone_info info = { .state = CZONE_ZONE_PLUGGED };
    int r;

    if (ledger_find(ctx->ledger, name))
        return failure_set(failure, -EEXIST, CZONE_STAGE_PLACE, CZONE_NODE_NONE,
                           "a zone named %s exists already", name);
    r = placement_find(ctx->inventory, wanted, &placement, failure);
    if (r < 0)
        return r;
    memcpy(info.name, name, strlen(name) + 1);
    info.node = placement.node;
    info.tier = placement.tier;
    info.provider = placement.provider;
    info.first_block = placement.run.first;
    info.n_blocks = placement.run.n;
    info.range.start = placement.run.first.n * block_size;
    info.range.size = placement.run.n * block_size;
    *ret_info = info;
    return 0;
}

static bool in_run(const struct czone_zone_info *info, czone_block_id id)
{
    return id.n >= info->first_block.n && id.n - info->first_block.n < info->n_blocks;
}

/* Whether its node is as the zone needs it: then there is nothing for a helper to do. */
static bool is_ready(const struct czone_ctx *ctx, const struct czone_zone_info *info)
{
    const struct czone_block *blocks;
    size_t n = inventory_node_blocks(ctx->inventory, info->node, &blocks), n_found = 0;

    for (size_t i = 0; i < n; i++) {
        bool inside = in_run(info, blocks[i].id);

        if (blocks[i].state != (inside ? CZONE_BLOCK_MOVABLE : CZONE_BLOCK_OFFLINE))
            return false;
        n_found += inside;
    }
    return n_found == info->n_blocks;
}

int czone_zone_probe(const struct czone_ctx *ctx, const struct czone_zone_request *request,
                     struct czone_zone_info *ret_info, struct czone_failure *failure)
{
    struct czone_zone_request checked = CZONE_ZONE_REQUEST_INIT;
    struct placement_request wanted = { 0 };
    int r;

    r = check_request(ctx, request, &checked, &wanted, failure);
    if (r == 0)
        r = place(ctx, checked.name, &wanted, ret_info, failure);
    if (r == 0 && is_ready(ctx, ret_info))
        ret_info->state = CZONE_ZONE_ONLINE;
    return r;
}

/* How often to look for a place again because its blocks were not what they were when last read. */
#define PLACE_TRIES 4

/* A place on a node whose blocks are as the kernel has them now. */
static int place_anew(struct czone_ctx *ctx, const char *name, const struct placement_request *wanted,
                      struct czone_zone_info *ret_info, struct czone_failure *failure)
{
    for (int i = 0; i < PLACE_TRIES; i++) {
        int r = place(ctx, name, wanted, ret_info, failure);

        if (r < 0)
            return r;
        r = scan_node(ctx, ret_info->node);
        if (r < 0)
            return failure_set(failure, r, CZONE_STAGE_SCAN, ret_info->node,
                               "cannot read the memory blocks of node %d: %s", ret_info->node.n,
                               strerror(-r));
        if (r == 0)
            return 0;
    }
    return failure_set(failure, -EBUSY, CZONE_STAGE_PLACE, ret_info->node,
                       "the memory blocks of node %d do not stay as they are: somebody else is changing them",
                       ret_info->node.n);
}

/* The claim is written once where it can be. */
static void settle_state(const struct czone_ctx *ctx, const char *cgroup, struct czone_zone_info *info)
{
    if (!is_ready(ctx, info))
        return;
    info->state = CZONE_ZONE_ONLINE;
    if (!cgroup || ledger_find_cgroup(ctx->ledger, cgroup))
        return;
    info->state = CZONE_ZONE_BOUND;
    memcpy(info->cgroup, cgroup, strlen(cgroup) + 1);
}

static int claim_locked(struct czone_ctx *ctx, const struct claims_lock *lock,
                        const struct czone_zone_request *request, const struct placement_request *wanted,
                        struct czone_zone **ret_zone, struct czone_failure *failure)
{
    cleanup_with(zone_cleanup) struct czone_zone *zone = NULL;
    struct czone_zone_info info;
    int r;

    r = place_anew(ctx, request->name, wanted, &info, failure);
    if (r < 0)
        return r;
    settle_state(ctx, request->cgroup, &info);
    r = zone_new(ctx, &info, &zone);
    if (r < 0)
        return r;
    r = ledger_claim(ctx->ledger, ctx->inventory, &info);
    if (r < 0)
        return r;
    r = claims_write(&ctx->claims, lock, &info);
    if (r < 0) {
        (void)ledger_release(ctx->ledger, ctx->inventory, info.name);
        return failure_set(failure, r, CZONE_STAGE_CLAIM, info.node,
                           "cannot write the claim of zone %s below the run directory: %s", request->name,
                           strerror(-r));
    }
    *ret_zone = TAKE_PTR(zone);
    return 0;
}

/* Looks and claims under one lock, so that of two who want the same node one gets another. */
static int claim(struct czone_ctx *ctx, const struct czone_zone_request *request,
                 const struct placement_request *wanted, struct czone_zone **ret_zone,
                 struct czone_failure *failure)
{
    struct claims_lock lock = CLAIMS_LOCK_INIT;
    int r;

    r = claims_lock(&ctx->claims, &ctx->ledger, ctx->inventory, &lock, failure);
    if (r < 0)
        return r;
    r = claim_locked(ctx, &lock, request, wanted, ret_zone, failure);
    claims_unlock(&lock);
    return r;
}

/* Which errors of an op a caller may tell apart. */
static int public_error(int error)
{
    switch (error) {
    case -EAGAIN:
    case -ESTALE:
    case -EINVAL:
    case -ENOENT:
        return -EBUSY;
    default:
        return error;
    }
}

static void fail_op(struct czone_job *job, const struct plan_op *op, int error)
{
    bool is_offline = op->kind == PLAN_BLOCK_OFFLINE;

    if (job->failure.error != 0)
        return;
    (void)failure_set_block(&job->failure, public_error(error),
                            is_offline ? CZONE_STAGE_OFFLINE : CZONE_STAGE_ONLINE, op->node, op->block,
                            "block %" PRIu64 " of node %d would not go %s: %s%s", op->block.n, op->node.n,
                            plan_op_name(op), strerror(-error),
                            error == -ENOMEM   ? "; the home node has no memory for its page structs"
                            : error == -ESTALE ? "; somebody else changes this node's blocks"
                                               : "");
}

static void reserve_report(struct czone_job *job)
{
    (void)job; /* one plan: what it did is looked at when it is over */
}

/* Enters what was done into the inventory; counts it, or tells what was not. */
static void take_results(struct czone_job *job)
{
    const struct plan *plan = job->plans[job->is_undoing];

    for (size_t i = 0; i < plan->n_ops; i++) {
        const struct execute_result *result = job_result(job, i);

        if (result->n_attempts == 0)
            continue;
        if (result->error == 0)
            job_apply(job, &plan->ops[i]);
        else if (!job->is_undoing)
            fail_op(job, &plan->ops[i], result->error);
        if (result->error == 0 && !job->is_undoing)
            job->n_done = i + 1;
    }
}

/* The op a killed helper was at may have been done. */
static void look_at_last_op(struct czone_job *job)
{
    const struct plan *plan = job->plans[0];
    const struct czone_block *block;

    if (job->n_done >= plan->n_ops || scan_block(job->zone->ctx, plan->ops[job->n_done].block, false) < 0)
        return;
    block = inventory_block(job->zone->ctx->inventory, plan->ops[job->n_done].block);
    if (block && block->state == plan_op_after(&plan->ops[job->n_done]))
        job->n_done++;
}

/* Nothing can be done about a failure here: the claim stays, as quarantined or as it was. */
static void give_up_claim(struct czone_job *job, bool is_undone)
{
    int r;

    if (is_undone) {
        r = zone_end(job->zone);
    } else {
        r = zone_set(job->zone, CZONE_ZONE_PLUGGED, CZONE_ZONE_DRAINING, NULL);
        if (r == 0)
            r = zone_set(job->zone, CZONE_ZONE_DRAINING, CZONE_ZONE_QUARANTINED, NULL);
    }
    if (r < 0)
        ctx_log(job->zone->ctx, CZONE_LOG_ERR, "cannot give up the claim of zone %s: %s",
                job->zone->last.name, strerror(-r));
}

/* Whether each block the undo was about is as it was before. */
static bool undo_is_complete(const struct czone_job *job)
{
    for (size_t i = 0; i < job->plans[1]->n_ops; i++) {
        const struct plan_op *op = &job->plans[1]->ops[i];
        const struct czone_block *block = inventory_block(job->zone->ctx->inventory, op->block);

        if (block && block->state != plan_op_after(op))
            return false;
    }
    return true;
}

static void start_undo(struct czone_job *job)
{
    int r;

    r = plan_undo(job->plans[0], job->n_done, job->timeout_ms, &job->plans[1]);
    if (r == 0 && job->plans[1]->n_ops > 0) {
        job->is_undoing = true;
        r = job_run(job, 1, 1, -1);
        if (r == 0) {
            worker_go(&job->worker, 0, 0);
            return;
        }
    }
    give_up_claim(job, r == 0);
    job_finish(job, job->failure.error);
}

static void become_online(struct czone_job *job)
{
    struct czone_ctx *ctx = job->zone->ctx;
    enum czone_zone_state state;
    int r;

    state = zone_state(job->zone);
    r = state == CZONE_ZONE_ONLINE || state == CZONE_ZONE_BOUND
            ? 0
            : zone_set(job->zone, CZONE_ZONE_PLUGGED, CZONE_ZONE_ONLINE, NULL);
    if (r < 0) {
        (void)failure_set(&job->failure, r, CZONE_STAGE_CLAIM, job->zone->last.node,
                          "cannot write the claim of zone %s: %s", job->zone->last.name, strerror(-r));
        start_undo(job);
        return;
    }
    if (scan_tier(ctx, job->zone->last.node) < 0)
        ctx_log(ctx, CZONE_LOG_WARNING, "cannot read the memory tier of node %d", job->zone->last.node.n);
    job_finish(job, 0);
}

static void reserve_over(struct czone_job *job)
{
    const struct czone_zone_info *info = &job->zone->last;

    take_results(job);
    if (job->is_undoing) {
        give_up_claim(job, undo_is_complete(job));
        job_finish(job, job->failure.error);
        return;
    }
    if (job->n_done == job->plans[0]->n_ops && !job->is_dropped) {
        become_online(job);
        return;
    }
    look_at_last_op(job);
    if (job->failure.error == 0)
        (void)failure_set(&job->failure, job->worker.is_killed ? -ETIMEDOUT : -ECANCELED, CZONE_STAGE_ONLINE,
                          info->node, "node %d: %zu of %zu steps to bring zone %s online were done %s",
                          info->node.n, job->n_done, job->plans[0]->n_ops, info->name,
                          job->worker.is_killed ? "when its time was over" : "when the helper ended");
    start_undo(job);
}

static const struct job_kind reserve_kind = { .report = reserve_report, .over = reserve_over };

static int start(struct czone_zone *zone, unsigned timeout_ms, struct czone_job **ret_job,
                 struct czone_failure *failure)
{
    cleanup_with(job_cleanup) struct czone_job *job = NULL;
    struct block_run run = zone_run(&zone->last);
    int r;

    r = job_new(&reserve_kind, zone, timeout_ms, &job);
    if (r < 0)
        return r;
    r = plan_create(zone->ctx->inventory, zone->last.node, &run, job->timeout_ms, &job->plans[0], failure);
    if (r < 0)
        return r;
    if (job->plans[0]->n_ops == 0) {
        become_online(job); /* it is, already: there is nothing that a helper could do */
        *ret_job = TAKE_PTR(job);
        return 0;
    }
    r = job_run(job, 0, 1, -1);
    if (r < 0) {
        (void)job_cannot_run(job, CZONE_STAGE_ONLINE, r);
        if (failure)
            *failure = job->failure;
        return r;
    }
    worker_go(&job->worker, 0, 0);
    *ret_job = TAKE_PTR(job);
    return 0;
}

int czone_zone_reserve_start(struct czone_ctx *ctx, const struct czone_zone_request *request,
                             struct czone_job **ret_job, struct czone_failure *failure)
{
    cleanup_with(zone_cleanup) struct czone_zone *zone = NULL;
    struct czone_zone_request checked = CZONE_ZONE_REQUEST_INIT;
    struct placement_request wanted = { 0 };
    int r;

    r = check_request(ctx, request, &checked, &wanted, failure);
    if (r < 0)
        return r;
    r = claim(ctx, &checked, &wanted, &zone, failure);
    if (r < 0)
        return r;
    r = start(zone, checked.timeout_ms, ret_job, failure);
    if (r < 0)
        (void)zone_end(zone);
    return r;
}

int czone_job_zone(struct czone_job *job, struct czone_zone **ret_zone)
{
    if (job->kind != &reserve_kind)
        return -EINVAL;
    if (!job->is_done)
        return -EINPROGRESS;
    if (job->result < 0)
        return job->result;
    *ret_zone = czone_zone_ref(job->zone);
    return 0;
}

int czone_zone_reserve(struct czone_ctx *ctx, const struct czone_zone_request *request,
                       struct czone_zone **ret_zone, struct czone_failure *failure)
{
    cleanup_with(job_cleanup) struct czone_job *job = NULL;
    int r;

    r = czone_zone_reserve_start(ctx, request, &job, failure);
    if (r < 0)
        return r;
    r = czone_job_wait(job, failure);
    return r < 0 ? r : czone_job_zone(job, ret_zone);
}
