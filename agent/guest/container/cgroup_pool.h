/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_CGROUP_POOL_H
#define GUEST_CONTAINER_CGROUP_POOL_H

/*
 * Cgroups that wait for a container: made ahead of need, with the controllers on and with what is the same
 * for all containers written. The kernel keeps figures for each possible node in each cgroup, so making one
 * is the longest step of a start in a guest of many nodes. Those that wait are named pool-N. In each a
 * container's first process stands by, with its keeper (launch/standby.h), so that a start needs no clone()
 * and hardly a mount; nothing else can be born there (pids.max). As far as there are free nodes, each may use
 * one already, which is then the best place for the zone of its container.
 *
 * One that an earlier czoned left behind is removed when the pool is opened, unless a zone's claim names it.
 */

#include <czone/cgroup.h>

#include "agent/guest/container/keeper_standby.h"

struct cgroup_pool_entry {
    struct czone_cgroup *cgroup;
    struct keeper_standby standby; /* in it, if there is one */
    czone_node_id node;            /* that it may use besides the home nodes already, or NONE */
    struct czone_range place;      /* that node's memory */
};

#define CGROUP_POOL_ENTRY_INIT                                                                               \
    {                                                                                                        \
        .standby = KEEPER_STANDBY_INIT, .node = CZONE_NODE_NONE                                              \
    }

struct cgroup_pool {
    struct czone_ctx *ctx;                /* NULL: not open */
    const struct keeper_standby_kit *kit; /* of who stands by; NULL: nobody does */
    uint64_t next;                        /* number */
    struct pool_size size;
    struct cgroup_pool_entry idle[POOL_SIZE_MAX];
};

/*
 * Clears away what an earlier one has left; the first ones are made from the loop.
 *
 * @base     of the cgroups of ctx, below the cgroup root
 * @kit      of who stands by; NULL: nobody does
 * @loop     borrowed, as ctx and kit are, for the pool's life
 * @turns    likewise: where starts wait
 * @first    their first number: greater than any that an earlier czoned of this boot has used, whose
 * containers may be known by the name of a cgroup that is gone; 0: nothing is kept ready, cgroup_pool_take()
 * makes each when it is needed
 *
 * Returns 0 or -ENOMEM, which has been logged.
 */
int cgroup_pool_open(struct cgroup_pool *pool, struct czone_ctx *ctx, const char *base,
                     const struct keeper_standby_kit *kit, struct event_base *loop, const struct turns *turns,
                     uint64_t first);

/* Removes those that wait. Accepts one that is all zero. */
void cgroup_pool_close(struct cgroup_pool *pool);

/*
 * Has one taken next that suits a zone of this size and tier: it may use a node already that is free, and
 * that is as large and of that tier.
 *
 * Returns whether there is one, and the place of that zone.
 */
bool cgroup_pool_prefer(struct cgroup_pool *pool, uint64_t bytes, int tier, struct czone_range *ret_place);

/*
 * Takes one out, or makes one.
 *
 * @ctx   as given to cgroup_pool_open(), which need not have been called
 * @name  of one that has to be made
 *
 * Returns 0 and what is the caller's now: the reference to a cgroup, limits yet to be set, with no process
 * but that which stands by, if there is one; or errors of
 * czone_cgroup_create() and czone_cgroup_write() with failure filled in.
 */
int cgroup_pool_take(struct cgroup_pool *pool, struct czone_ctx *ctx, const char *name,
                     struct cgroup_pool_entry *ret_entry, struct czone_failure *failure);

/* Whether one waits that a process stands by in. */
bool cgroup_pool_ready(const struct cgroup_pool *pool);

/* Kills what is in a cgroup that no container has, and waits for its end. Returns 0, or -EBUSY: it does not
 * end, or a negative errno. */
int cgroup_pool_empty(struct czone_cgroup *cgroup);

#endif
