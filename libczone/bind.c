/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgroup.h"
#include "cleanup.h"
#include "clock.h"
#include "core/failure_set.h"
#include "core/plan.h"
#include "execute.h"
#include "zone.h"

/* The kernel enters a new node into the cpusets from a work queue, some time after its first block is online.
 */
#define EFFECTIVE_TIMEOUT_MS 1000

/* The plans here are carried out by the caller itself, whose own patience is the limit. */
#define NO_TIMEOUT 0

static void plan_cleanup(struct plan **plan)
{
    (void)plan_free(*plan);
}

static int read_u64_or_max(struct czone_ctx *ctx, int cgroup_fd, const char *attribute, uint64_t *ret_value)
{
    char text[32], *end;
    unsigned long long value;
    int r;

    r = ctx->backend->cgroup_read(ctx->sys, cgroup_fd, attribute, text, sizeof(text));
    if (r < 0)
        return r;
    if (strcmp(text, "max") == 0) {
        *ret_value = PLAN_MAX;
        return 0;
    }
    errno = 0;
    value = strtoull(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0')
        return -EBADMSG;
    *ret_value = value;
    return 0;
}

static int read_mems(struct czone_ctx *ctx, int cgroup_fd, const char *attribute, struct node_set *ret_mems)
{
    char text[NODE_SET_TEXT_MAX];
    int r;

    r = ctx->backend->cgroup_read(ctx->sys, cgroup_fd, attribute, text, sizeof(text));
    return r < 0 ? r : node_set_parse(text, ret_mems);
}

static int read_binding(struct czone_ctx *ctx, int cgroup_fd, struct plan_binding *ret_binding)
{
    struct plan_binding binding;
    int r;

    r = read_mems(ctx, cgroup_fd, "cpuset.mems", &binding.mems);
    if (r == 0)
        r = read_u64_or_max(ctx, cgroup_fd, "memory.max", &binding.memory_max);
    if (r < 0)
        return r == -ENOENT ? -EOPNOTSUPP : r;
    *ret_binding = binding;
    return 0;
}

/* Carries out a plan of cgroup ops; takes back what was done if one fails. */
static int run_plan(struct czone_ctx *ctx, int cgroup_fd, const struct plan *plan)
{
    struct execute_target target = { .backend = ctx->backend, .sys = ctx->sys, .cgroup_fd = cgroup_fd };
    cleanup_with(plan_cleanup) struct plan *undo = NULL;

    for (size_t i = 0; i < plan->n_ops; i++) {
        int r = execute_op(&target, plan, &plan->ops[i]);

        if (r == 0)
            continue;
        if (plan_undo(plan, i, NO_TIMEOUT, &undo) == 0)
            for (size_t k = 0; k < undo->n_ops; k++)
                (void)execute_op(&target, undo, &undo->ops[k]);
        return r;
    }
    return 0;
}

static void undo_plan(struct czone_ctx *ctx, int cgroup_fd, const struct plan *plan)
{
    struct execute_target target = { .backend = ctx->backend, .sys = ctx->sys, .cgroup_fd = cgroup_fd };
    cleanup_with(plan_cleanup) struct plan *undo = NULL;

    if (plan_undo(plan, plan->n_ops, NO_TIMEOUT, &undo) < 0)
        return;
    for (size_t i = 0; i < undo->n_ops; i++)
        (void)execute_op(&target, undo, &undo->ops[i]);
}

/* Until then a relative policy would mean a home node. */
static int wait_effective(struct czone_ctx *ctx, int cgroup_fd, czone_node_id node)
{
    uint64_t deadline_ns = clock_after_ms(EFFECTIVE_TIMEOUT_MS);

    for (;;) {
        struct node_set mems;
        int r = read_mems(ctx, cgroup_fd, "cpuset.mems.effective", &mems);

        if (r < 0)
            return r;
        if (node_set_has(&mems, node))
            return 0;
        if (clock_ns() >= deadline_ns)
            return -ETIMEDOUT;
        (void)poll(NULL, 0, 1);
    }
}

/* The binding a cgroup needs for a zone. */
static int wanted_binding(struct czone_zone *zone, uint64_t memory_max, struct plan_binding *ret_binding)
{
    uint64_t usable;
    unsigned index;
    int r;

    r = inventory_zone_cpuset(zone->ctx->inventory, zone->last.node, &ret_binding->mems, &index);
    if (r < 0)
        return r;
    r = czone_zone_usable_bytes(zone, &usable);
    if (r < 0)
        return r;
    ret_binding->memory_max = memory_max < usable ? memory_max : usable;
    return 0;
}

static int write_binding(struct czone_zone *zone, const struct czone_cgroup *cgroup)
{
    cleanup_with(plan_cleanup) struct plan *plan = NULL;
    struct plan_binding old, wanted;
    struct czone_ctx *ctx = zone->ctx;
    int r;

    r = read_binding(ctx, cgroup->fd, &old);
    if (r < 0)
        return r;
    r = wanted_binding(zone, old.memory_max, &wanted);
    if (r < 0)
        return r;
    r = plan_bind(&old, &wanted, NO_TIMEOUT, &plan);
    if (r < 0)
        return r;
    r = run_plan(ctx, cgroup->fd, plan);
    if (r < 0)
        return r;
    r = wait_effective(ctx, cgroup->fd, zone->last.node);
    if (r < 0)
        undo_plan(ctx, cgroup->fd, plan);
    return r;
}

/* The claim first: of two who bind at the same time, one is told so before it has written anything. */
static int bind_cgroup(struct czone_zone *zone, const struct czone_cgroup *cgroup,
                       struct czone_failure *failure)
{
    char holder[CZONE_ZONE_NAME_MAX + 1];
    int r, q;

    r = zone_take_cgroup(zone, cgroup->path, holder, sizeof(holder));
    if (r == -EEXIST)
        return failure_set(failure, -EBUSY, CZONE_STAGE_CGROUP, zone->last.node,
                           "cgroup %s is bound to zone %s already: release that one first", cgroup->path,
                           holder);
    if (r < 0)
        return r;
    r = write_binding(zone, cgroup);
    if (r == 0)
        return 0;
    q = zone_set(zone, CZONE_ZONE_BOUND, CZONE_ZONE_ONLINE, "");
    if (q < 0)
        ctx_log(zone->ctx, CZONE_LOG_ERR, "zone %s: cannot take back that it is bound to cgroup %s: %s",
                zone->last.name, cgroup->path, strerror(-q));
    return r;
}

static int bind_checked(struct czone_zone *zone, const struct czone_cgroup *cgroup,
                        struct czone_failure *failure)
{
    enum czone_zone_state state;
    int r;

    r = zone_refresh(zone, failure);
    if (r < 0)
        return r;
    state = zone_state(zone);
    /* Whoever made the claim may have been killed before it wrote the binding. */
    if (state == CZONE_ZONE_BOUND && strcmp(zone->last.cgroup, cgroup->path) == 0)
        return write_binding(zone, cgroup);
    if (state == CZONE_ZONE_BOUND)
        return failure_set(failure, -EBUSY, CZONE_STAGE_CGROUP, zone->last.node,
                           "zone %s is bound to cgroup %s already", zone->last.name, zone->last.cgroup);
    if (state != CZONE_ZONE_ONLINE)
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, zone->last.node,
                           "zone %s is %s, not online", zone->last.name, czone_zone_state_name(state));
    return bind_cgroup(zone, cgroup, failure);
}

int czone_cgroup_confine(struct czone_cgroup *cgroup)
{
    struct czone_ctx *ctx = cgroup->ctx;
    char home[NODE_SET_TEXT_MAX];
    int r;

    if (ledger_find_cgroup(ctx->ledger, cgroup->path))
        return -EBUSY;
    r = zone_home_nodes(ctx, home, sizeof(home));
    return r < 0 ? r : ctx->backend->cgroup_write(ctx->sys, cgroup->fd, "cpuset.mems", home);
}

int czone_zone_bind(struct czone_zone *zone, struct czone_cgroup *cgroup, struct czone_failure *failure)
{
    struct czone_failure detail = CZONE_FAILURE_INIT;
    int r;

    r = bind_checked(zone, cgroup, &detail);
    if (r == 0)
        return 0;
    if (r == -EOPNOTSUPP)
        (void)failure_set(
            &detail, r, CZONE_STAGE_CGROUP, zone->last.node,
            "cgroup %s has no cpuset.mems or no memory.max: enable both controllers in its parent's "
            "cgroup.subtree_control",
            cgroup->path);
    else if (detail.error == 0)
        (void)failure_set(&detail, r, CZONE_STAGE_CGROUP, zone->last.node,
                          "cannot bind cgroup %s to zone %s: %s", cgroup->path, zone->last.name,
                          strerror(-r));
    if (failure)
        *failure = detail;
    return r;
}

static int move_cgroup(struct czone_zone *from, struct czone_zone *to, int cgroup_fd, const char *path,
                       struct czone_failure *failure)
{
    cleanup_with(plan_cleanup) struct plan *plan = NULL;
    struct plan_binding old, wanted;
    struct czone_ctx *ctx = from->ctx;
    uint64_t own_max, used;
    int r;

    r = read_binding(ctx, cgroup_fd, &old);
    if (r < 0)
        return r;
    r = read_u64_or_max(ctx, cgroup_fd, "memory.current", &used);
    if (r < 0)
        return r;
    /* A limit that was only the old zone's size does not hold in the new one. */
    r = czone_zone_usable_bytes(from, &own_max);
    if (r < 0)
        return r;
    r = wanted_binding(to, old.memory_max == own_max ? PLAN_MAX : old.memory_max, &wanted);
    if (r < 0)
        return r;
    if (used > wanted.memory_max)
        return failure_set(failure, -ENOSPC, CZONE_STAGE_CGROUP, to->last.node,
                           "cgroup %s uses %" PRIu64 " bytes, zone %s holds %" PRIu64, path, used,
                           to->last.name, wanted.memory_max);
    r = plan_move(&old, &wanted, NO_TIMEOUT, &plan);
    if (r < 0)
        return r;
    r = run_plan(ctx, cgroup_fd, plan);
    if (r < 0)
        return r;
    r = wait_effective(ctx, cgroup_fd, to->last.node);
    if (r == 0)
        r = zone_hand_over(from, to, path);
    if (r < 0)
        undo_plan(ctx, cgroup_fd, plan);
    return r;
}

/* The policy of the processes names a place in the order of nodes; it must be the same place. */
static bool same_index(struct czone_zone *from, struct czone_zone *to)
{
    struct node_set mems;
    unsigned a, b;

    return inventory_zone_cpuset(from->ctx->inventory, from->last.node, &mems, &a) == 0 &&
           inventory_zone_cpuset(to->ctx->inventory, to->last.node, &mems, &b) == 0 && a == b;
}

int czone_zone_move(struct czone_zone *from, struct czone_zone *to, struct czone_failure *failure)
{
    cleanup_close int cgroup_fd = -EBADF;
    struct czone_failure detail = CZONE_FAILURE_INIT;
    struct czone_zone_info info;
    int r;

    r = zone_refresh(from, failure);
    if (r < 0)
        return r;
    if (from->ctx != to->ctx || zone_state(from) != CZONE_ZONE_BOUND || zone_state(to) != CZONE_ZONE_ONLINE)
        return failure_set(
            failure, -EINVAL, CZONE_STAGE_REQUEST, to->last.node,
            "zone %s is %s and zone %s is %s: the first must be bound, the second online and unbound",
            from->last.name, czone_zone_state_name(zone_state(from)), to->last.name,
            czone_zone_state_name(zone_state(to)));
    if (!same_index(from, to))
        return failure_set(
            failure, -EXDEV, CZONE_STAGE_REQUEST, to->last.node,
            "nodes %d and %d stand at different places beside the home nodes, so the processes' memory "
            "policy would not follow",
            from->last.node.n, to->last.node.n);
    czone_zone_get_info(from, &info);
    cgroup_fd = zone_open_cgroup(from);
    r = cgroup_fd < 0 ? cgroup_fd : move_cgroup(from, to, cgroup_fd, info.cgroup, &detail);
    if (r == 0)
        return 0;
    if (detail.error == 0)
        return failure_set(failure, r, CZONE_STAGE_CGROUP, to->last.node,
                           "cannot move cgroup %s to zone %s: %s", info.cgroup, to->last.name, strerror(-r));
    if (failure)
        *failure = detail;
    return r;
}
