/* SPDX-License-Identifier: Apache-2.0 */
#include <czone/verify.h>

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "zone.h"

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

/* What the cgroup has, told apart by what a node is to the zone. */
static int add_charges(struct czone_zone *zone, int cgroup_fd, struct czone_verification *verification)
{
    cleanup_free struct czone_sys_charge *charges = NULL;
    const struct czone_node *nodes;
    size_t n = inventory_nodes(zone->ctx->inventory, &nodes), n_charges;
    struct node_set home;
    int r;

    n_charges = (size_t)nodes[n - 1].id.n + 1;
    charges = calloc(n_charges, sizeof(*charges));
    if (!charges)
        return -ENOMEM;
    r = zone->ctx->backend->cgroup_charges(zone->ctx->sys, cgroup_fd, (czone_node_id){ 0 }, n_charges,
                                           charges);
    if (r < 0)
        return r;
    inventory_home(zone->ctx->inventory, &home);
    for (size_t i = 0; i < n; i++) {
        const struct czone_sys_charge *charge = &charges[nodes[i].id.n];

        if (nodes[i].id.n == zone->last.node.n) {
            verification->user_on_zone = charge->anon + charge->file;
            verification->kernel_on_zone = charge->kernel;
        } else if (node_set_has(&home, nodes[i].id)) {
            verification->user_on_home += charge->anon + charge->file;
        } else {
            verification->user_elsewhere += charge->anon + charge->file;
        }
    }
    return 0;
}

int czone_zone_verify(struct czone_zone *zone, struct czone_verification *ret_verification)
{
    const struct czone_zone_info *info = zone_info(zone);
    struct czone_verification verification = { 0 };
    cleanup_close int cgroup_fd = -EBADF;
    struct czone_ctx *ctx = zone->ctx;
    struct czone_sys_usage usage;
    int r;

    if (!info || info->state != CZONE_ZONE_BOUND)
        return -EINVAL;
    cgroup_fd = zone_open_cgroup(zone);
    if (cgroup_fd < 0)
        return cgroup_fd;
    /* Not everybody may; the figures are a little less exact then. */
    (void)ctx->backend->settle(ctx->sys);
    r = ctx->backend->usage(ctx->sys, info->node, &usage);
    if (r < 0)
        return r;
    r = add_charges(zone, cgroup_fd, &verification);
    if (r < 0)
        return r;
    verification.node_total = usage.total;
    verification.node_used = less(usage.total, usage.free);
    verification.node_percpu = usage.parked;
    verification.node_foreign = less(less(verification.node_used, usage.parked),
                                     verification.user_on_zone + verification.kernel_on_zone);
    verification.slack = usage.slack;
    verification.exclusive =
        verification.node_foreign <= verification.slack && verification.user_elsewhere == 0;
    *ret_verification = verification;
    return 0;
}
