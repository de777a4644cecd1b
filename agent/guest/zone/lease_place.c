/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/lease_place.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/manager.h"
#include "agent/guest/zone/lease.h"
#include "agent/guest/zone/memory_map.h"

bool lease_has_zone(const struct manager *manager, const char *name)
{
    const struct lease *lease;

    TAILQ_FOREACH(lease, &manager->leases, link)
        if (strcmp(lease->name, name) == 0)
            return true;
    return false;
}

static bool name_taken(const struct manager *manager, const char *name)
{
    struct czone_zone *zone = NULL;
    bool claimed = czone_zone_open(manager->ctx, name, &zone) == 0;

    czone_zone_unref(zone);
    return claimed || lease_has_zone(manager, name);
}

void lease_pick_name(const struct manager *manager, const char *id, char ret_name[CZONE_ZONE_NAME_MAX + 1])
{
    (void)snprintf(ret_name, CZONE_ZONE_NAME_MAX + 1, "%s", id);
    for (unsigned int n = 2; name_taken(manager, ret_name); n++) {
        char suffix[16];
        int length = snprintf(suffix, sizeof(suffix), ".%u", n);

        (void)snprintf(ret_name, CZONE_ZONE_NAME_MAX + 1, "%.*s%s", CZONE_ZONE_NAME_MAX - length, id, suffix);
    }
}

bool lease_any_arriving(const struct manager *manager)
{
    const struct lease *lease;

    if (signal_book_arriving(&manager->host.book))
        return true;
    TAILQ_FOREACH(lease, &manager->leases, link)
        if (lease->phase == LEASE_ARRIVING)
            return true;
    return false;
}

/* Whether free memory here is really free to take: not on its way out, nor brought in for somebody else. */
static bool is_free(struct manager *manager, const struct czone_zone_info *info)
{
    if (signal_book_leaving(&manager->host.book, info->range))
        return false;
    if (!lease_any_arriving(manager) && !host_takes_back(&manager->host))
        memset(manager->fresh_nodes, 0, sizeof(manager->fresh_nodes));
    return info->node.n < 0 || info->node.n >= (int)NODES_MAX ||
           (manager->fresh_nodes[info->node.n / 8] & (1u << (info->node.n % 8))) == 0;
}

/* Nor what did not go online a moment ago. */
static bool may_place(const struct lease *lease, const struct czone_zone_info *info)
{
    for (size_t i = 0; i < lease->n_avoided; i++)
        if (lease->avoided[i].start < info->range.start + info->range.size &&
            info->range.start < lease->avoided[i].start + lease->avoided[i].size)
            return false;
    return is_free(lease->manager, info);
}

bool lease_has_place(struct manager *manager, const struct lease_wish *wish, struct czone_zone_info *ret_info)
{
    struct czone_zone_request request = CZONE_ZONE_REQUEST_INIT;
    struct czone_zone_info info;

    request.name = wish->name;
    request.bytes = memory_map_round(manager->ctx, wish->bytes);
    request.tier = wish->tier;
    request.within = wish->place;
    if (request.bytes == 0 || czone_zone_probe(manager->ctx, &request, &info, NULL) < 0 ||
        info.state != CZONE_ZONE_ONLINE || !is_free(manager, &info))
        return false;
    *ret_info = info;
    return true;
}

static int refuse_placement(const struct czone_failure *failure, int error, const struct lease *lease,
                            struct refusal *refusal)
{
    if (error == -ENODEV)
        return refusal_set(refusal, error, ERROR_NO_ZONE_NODE, NULL, "%s", failure->message);
    if (error == -EINVAL)
        return refusal_set(refusal, error, ERROR_NO_SUCH_TIER, lease->tier_name, "%s", failure->message);
    return refusal_system(refusal, error, failure);
}

static int ask_host(struct lease *lease, struct refusal *refusal)
{
    struct host *host = &lease->manager->host;

    if (!host_expected(host)) {
        (void)refusal_set(refusal, -ENOSPC, ERROR_NO_MEMORY, NULL,
                          "no zone of %" PRIu64
                          " MiB is free in this guest, and no host is attached that could "
                          "plug one: start czone-hostd for this VM",
                          lease->bytes >> 20);
        refusal->bytes = (int64_t)lease->bytes;
        return -ENOSPC;
    }
    if (host->max_bytes != 0 && lease->bytes > host->max_bytes) {
        (void)refusal_set(refusal, -ENOSPC, ERROR_HOST_REFUSED, NULL,
                          "%" PRIu64 " MiB are more than the %" PRIu64 " MiB the host gives one zone",
                          lease->bytes >> 20, host->max_bytes >> 20);
        refusal->bytes = (int64_t)lease->bytes;
        refusal->limit = (int64_t)host->max_bytes;
        return -ENOSPC;
    }
    lease->signal = host_plug(host, lease->bytes, lease->tier_name, lease->name, lease);
    if (lease->signal == 0)
        return refusal_set(refusal, -ENOMEM, ERROR_SYSTEM, NULL, "out of memory");
    lease->phase = LEASE_PLUGGING;
    return 0;
}

/* The best place is spoken for: any other will do. */
static int probe_elsewhere(const struct lease *lease, struct czone_zone_request *request,
                           struct czone_zone_info *ret_info)
{
    const struct czone_ctx *ctx = lease->manager->ctx;
    struct czone_range run = { 0 };

    while (memory_map_next_idle(ctx, run.start + run.size, &run)) {
        request->within = run;
        if (czone_zone_probe(ctx, request, ret_info, NULL) == 0 && may_place(lease, ret_info))
            return 0;
    }
    return -ENOSPC;
}

/* First where it had best be. */
static int probe(const struct lease *lease, const struct lease_wish *wish, struct czone_zone_request *request,
                 struct czone_zone_info *ret_info, struct czone_failure *failure)
{
    const struct czone_ctx *ctx = lease->manager->ctx;

    if (wish != NULL && wish->place.size > 0) {
        request->within = wish->place;
        if (czone_zone_probe(ctx, request, ret_info, NULL) == 0)
            return 0;
        request->within = (struct czone_range){ 0 };
    }
    return czone_zone_probe(ctx, request, ret_info, failure);
}

int lease_place(struct lease *lease, const struct lease_wish *wish, struct refusal *refusal)
{
    struct czone_zone_request request = CZONE_ZONE_REQUEST_INIT;
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_zone_info info;
    int r;

    manager_sync(lease->manager);
    request.name = lease->name;
    request.bytes = lease->bytes;
    request.tier = lease->tier;
    r = probe(lease, wish, &request, &info, &failure);
    if (r == 0 && !may_place(lease, &info))
        r = probe_elsewhere(lease, &request, &info);
    /* There and nowhere else: libczone looks again, and may find what has just come in for another. */
    if (r == 0)
        r = lease_reserve(lease, info.range, wish && wish->node.n == info.node.n ? wish->cgroup : NULL,
                          &failure);
    if (r == -ENOSPC || r == -EBUSY)
        return ask_host(lease, refusal);
    return r < 0 ? refuse_placement(&failure, r, lease, refusal) : 0;
}
