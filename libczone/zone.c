/* SPDX-License-Identifier: Apache-2.0 */
#include "zone.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/mempolicy.h"
#include "core/name.h"

int zone_new(struct czone_ctx *ctx, const struct czone_zone_info *info, struct czone_zone **ret_zone)
{
    struct czone_zone *zone = calloc(1, sizeof(*zone));

    if (!zone)
        return -ENOMEM;
    zone->n_refs = 1;
    zone->ctx = czone_ctx_ref(ctx);
    zone->last = *info;
    *ret_zone = zone;
    return 0;
}

struct czone_zone *czone_zone_ref(struct czone_zone *zone)
{
    zone->n_refs++;
    return zone;
}

struct czone_zone *czone_zone_unref(struct czone_zone *zone)
{
    if (!zone || --zone->n_refs > 0)
        return NULL;
    czone_ctx_unref(zone->ctx);
    free(zone);
    return NULL;
}

const struct czone_zone_info *zone_info(const struct czone_zone *zone)
{
    const struct czone_zone_info *info;

    if (zone->last.state == CZONE_ZONE_RETURNED)
        return NULL;
    info = ledger_find(zone->ctx->ledger, zone->last.name);
    /* The name may have been given up and taken again by somebody else. */
    if (!info || info->node.n != zone->last.node.n || info->first_block.n != zone->last.first_block.n ||
        info->n_blocks != zone->last.n_blocks)
        return NULL;
    return info;
}

enum czone_zone_state zone_state(const struct czone_zone *zone)
{
    const struct czone_zone_info *info = zone_info(zone);

    return info ? info->state : CZONE_ZONE_RETURNED;
}

struct block_run zone_run(const struct czone_zone_info *info)
{
    return (struct block_run){ .first = info->first_block, .n = info->n_blocks };
}

/* A claim is made before the kernel tells the tier of its node, which it does once memory is online. */
static void complete_tier(const struct czone_ctx *ctx, struct czone_zone_info *info)
{
    const struct czone_node *node = inventory_node(ctx->inventory, info->node);

    if (info->tier < 0 && node)
        info->tier = node->tier;
}

void czone_zone_get_info(const struct czone_zone *zone, struct czone_zone_info *ret_info)
{
    const struct czone_zone_info *info = zone_info(zone);

    *ret_info = info ? *info : zone->last;
    if (!info)
        ret_info->state = CZONE_ZONE_RETURNED;
    complete_tier(zone->ctx, ret_info);
}

static int set_locked(struct czone_zone *zone, const struct claims_lock *lock, enum czone_zone_state from,
                      enum czone_zone_state to, const char *cgroup)
{
    struct czone_ctx *ctx = zone->ctx;
    const struct czone_zone_info *now = zone_info(zone);
    struct czone_zone_info info;
    int r;

    if (!now)
        return -ESTALE;
    info = *now;
    if (info.state != from)
        return -EBUSY;
    if (from != to && !czone_zone_state_may_follow(from, to))
        return -EINVAL;
    info.state = to;
    if (cgroup) {
        if (strlen(cgroup) >= sizeof(info.cgroup))
            return -ENAMETOOLONG;
        memcpy(info.cgroup, cgroup, strlen(cgroup) + 1);
    }
    /* The file first: what it may refuse has not happened in the ledger then. */
    r = claims_write(&ctx->claims, lock, &info);
    if (r < 0)
        return r;
    r = ledger_move(ctx->ledger, info.name, to);
    if (r < 0)
        return r;
    r = ledger_set_cgroup(ctx->ledger, info.name, info.cgroup);
    if (r < 0)
        return r;
    zone->last = info;
    return 0;
}

int zone_refresh(struct czone_zone *zone, struct czone_failure *failure)
{
    struct czone_ctx *ctx = zone->ctx;
    const struct czone_zone_info *info;
    int r;

    r = claims_refresh(&ctx->claims, &ctx->ledger, ctx->inventory, failure);
    info = r < 0 ? NULL : zone_info(zone);
    if (info)
        zone->last = *info;
    return r;
}

int zone_set(struct czone_zone *zone, enum czone_zone_state from, enum czone_zone_state to,
             const char *cgroup)
{
    struct claims_lock lock = CLAIMS_LOCK_INIT;
    struct czone_ctx *ctx = zone->ctx;
    int r;

    r = claims_lock(&ctx->claims, &ctx->ledger, ctx->inventory, &lock, NULL);
    if (r < 0)
        return r;
    r = set_locked(zone, &lock, from, to, cgroup);
    claims_unlock(&lock);
    return r;
}

int zone_take_cgroup(struct czone_zone *zone, const char *cgroup, char *ret_holder, size_t size)
{
    struct claims_lock lock = CLAIMS_LOCK_INIT;
    struct czone_ctx *ctx = zone->ctx;
    const struct czone_zone_info *holder;
    int r;

    r = claims_lock(&ctx->claims, &ctx->ledger, ctx->inventory, &lock, NULL);
    if (r < 0)
        return r;
    holder = ledger_find_cgroup(ctx->ledger, cgroup);
    if (holder) {
        (void)snprintf(ret_holder, size, "%s", holder->name);
        r = -EEXIST;
    } else {
        r = set_locked(zone, &lock, CZONE_ZONE_ONLINE, CZONE_ZONE_BOUND, cgroup);
    }
    claims_unlock(&lock);
    return r;
}

int zone_hand_over(struct czone_zone *from, struct czone_zone *to, const char *cgroup)
{
    struct claims_lock lock = CLAIMS_LOCK_INIT;
    struct czone_ctx *ctx = from->ctx;
    int r;

    r = claims_lock(&ctx->claims, &ctx->ledger, ctx->inventory, &lock, NULL);
    if (r < 0)
        return r;
    /* A process that dies in between leaves the cgroup in both rather than in none. */
    r = set_locked(to, &lock, CZONE_ZONE_ONLINE, CZONE_ZONE_BOUND, cgroup);
    if (r == 0) {
        r = set_locked(from, &lock, CZONE_ZONE_BOUND, CZONE_ZONE_ONLINE, "");
        if (r < 0)
            (void)set_locked(to, &lock, CZONE_ZONE_BOUND, CZONE_ZONE_ONLINE, "");
    }
    claims_unlock(&lock);
    return r;
}

static int end_locked(struct czone_zone *zone, const struct claims_lock *lock)
{
    struct czone_ctx *ctx = zone->ctx;
    const struct czone_zone_info *info = zone_info(zone);
    int r;

    if (!info)
        return 0;
    if (!czone_zone_state_may_follow(info->state, CZONE_ZONE_RETURNED))
        return -EBUSY;
    r = claims_remove(&ctx->claims, lock, info->name);
    if (r < 0)
        return r;
    zone->last = *info;
    zone->last.state = CZONE_ZONE_RETURNED;
    return ledger_release(ctx->ledger, ctx->inventory, zone->last.name);
}

int zone_end(struct czone_zone *zone)
{
    struct claims_lock lock = CLAIMS_LOCK_INIT;
    struct czone_ctx *ctx = zone->ctx;
    int r;

    r = claims_lock(&ctx->claims, &ctx->ledger, ctx->inventory, &lock, NULL);
    if (r < 0)
        return r;
    r = end_locked(zone, &lock);
    claims_unlock(&lock);
    return r;
}

int czone_zone_retire(struct czone_zone *zone)
{
    int r = zone_refresh(zone, NULL);

    if (r < 0)
        return r;
    /* A zone that was never onlined may end, too, but only its own job knows that nobody is about to. */
    if (zone_state(zone) == CZONE_ZONE_PLUGGED)
        return -EBUSY;
    return zone_end(zone);
}

int czone_zone_open(struct czone_ctx *ctx, const char *name, struct czone_zone **ret_zone)
{
    const struct czone_zone_info *info;
    int r;

    if (!name_is_valid(name))
        return -EINVAL;
    r = claims_refresh(&ctx->claims, &ctx->ledger, ctx->inventory, NULL);
    if (r < 0)
        return r;
    info = ledger_find(ctx->ledger, name);
    return info ? zone_new(ctx, info, ret_zone) : -ENOENT;
}

int czone_zone_list(const struct czone_ctx *ctx, struct czone_zone_info **ret_infos)
{
    struct czone_zone_info *infos;
    int n = ledger_list(ctx->ledger, &infos);

    if (n < 0)
        return n;
    for (int i = 0; i < n; i++)
        complete_tier(ctx, &infos[i]);
    *ret_infos = infos;
    return n;
}

int zone_open_cgroup(const struct czone_zone *zone)
{
    const struct czone_zone_info *info = zone_info(zone);

    if (!info || info->cgroup[0] == '\0')
        return -ENOENT;
    return zone->ctx->backend->cgroup_open(zone->ctx->sys, info->cgroup);
}

int zone_home_nodes(const struct czone_ctx *ctx, char *buffer, size_t size)
{
    struct node_set home;
    int r;

    inventory_home(ctx->inventory, &home);
    if (node_set_count(&home) == 0)
        return -ENODEV;
    r = node_set_format(&home, buffer, size);
    return r < 0 ? r : 0;
}

int czone_zone_usable_bytes(struct czone_zone *zone, uint64_t *ret_bytes)
{
    const struct czone_zone_info *info = zone_info(zone);
    struct czone_sys_capacity capacity;
    int r;

    if (!info || (info->state != CZONE_ZONE_ONLINE && info->state != CZONE_ZONE_BOUND))
        return -EINVAL;
    r = zone->ctx->backend->capacity(zone->ctx->sys, info->node, &capacity);
    if (r < 0)
        return r;
    if (capacity.managed <= capacity.high_watermark)
        return -ENOSPC;
    *ret_bytes = capacity.managed - capacity.high_watermark;
    return 0;
}

int czone_zone_policy(const struct czone_zone *zone, struct czone_policy *ret_policy)
{
    const struct czone_zone_info *info = zone_info(zone);

    if (!info || info->state != CZONE_ZONE_BOUND)
        return -EINVAL;
    return czone_node_policy(zone->ctx, info->node, ret_policy);
}

int czone_node_mems(const struct czone_ctx *ctx, czone_node_id node, char *ret_text, size_t size)
{
    struct node_set mems;
    unsigned index;
    int r;

    r = inventory_zone_cpuset(ctx->inventory, node, &mems, &index);
    if (r == 0)
        r = node_set_format(&mems, ret_text, size);
    return r < 0 ? r : 0;
}

int czone_node_policy(const struct czone_ctx *ctx, czone_node_id node, struct czone_policy *ret_policy)
{
    struct node_set mems;
    unsigned index;
    int r;

    r = inventory_zone_cpuset(ctx->inventory, node, &mems, &index);
    if (r < 0)
        return r;
    policy_relative(index, ret_policy);
    return 0;
}
