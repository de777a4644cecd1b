/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/zone_json.h"

#include <stdlib.h>
#include <string.h>

#include "agent/guest/container/container.h"
#include "agent/guest/manager.h"
#include "proto/cleanup.h"

/* The container whose lease holds a zone; claims of other programs have none. */
static const char *container_of(const struct manager *manager, const char *zone)
{
    const struct container *container;

    TAILQ_FOREACH(container, &manager->containers, link)
        if (container->lease != NULL && strcmp(container->zone, zone) == 0)
            return container->id;
    return NULL;
}

static json_int_t bytes_used(struct manager *manager, const struct czone_zone_info *info)
{
    struct czone_verification found = { 0 };
    struct czone_zone *zone = NULL;

    if (info->state != CZONE_ZONE_BOUND || czone_zone_open(manager->ctx, info->name, &zone) < 0)
        return 0;
    (void)czone_zone_verify(zone, &found);
    czone_zone_unref(zone);
    return (json_int_t)found.user_on_zone;
}

static json_t *zone_list(struct manager *manager, const struct czone_zone_info *infos, int n)
{
    CLEANUP_JSON json_t *list = json_array();

    for (int i = 0; i < n; i++) {
        const struct czone_zone_info *info = &infos[i];
        json_t *zone =
            json_pack("{s:s, s:s, s:s*, s:i, s:i, s:s, s:I, s:I, s:I}", "name", info->name, "state",
                      czone_zone_state_name(info->state), "container", container_of(manager, info->name),
                      "node", (int)info->node.n, "tier", info->tier, "provider",
                      czone_provider_name(info->provider), "start", (json_int_t)info->range.start, "size",
                      (json_int_t)info->range.size, "used", bytes_used(manager, info));

        if (json_array_append_new(list, zone) < 0)
            return NULL;
    }
    return TAKE(list);
}

static json_t *node_list(const struct manager *manager)
{
    CLEANUP_JSON json_t *list = json_array();
    const struct czone_node *nodes;
    size_t n = czone_inventory_nodes(manager->ctx, &nodes);

    for (size_t i = 0; i < n; i++) {
        json_t *node =
            json_pack("{s:i, s:s, s:i, s:s, s:I}", "node", (int)nodes[i].id.n, "role",
                      czone_node_role_name(nodes[i].role), "tier", nodes[i].tier, "provider",
                      czone_provider_name(nodes[i].provider), "blocks", (json_int_t)nodes[i].n_blocks);

        if (json_array_append_new(list, node) < 0)
            return NULL;
    }
    return TAKE(list);
}

static const char *zone_at(const struct czone_zone_info *infos, int n, czone_block_id block)
{
    for (int i = 0; i < n; i++)
        if (infos[i].first_block.n <= block.n && block.n < infos[i].first_block.n + infos[i].n_blocks)
            return infos[i].name;
    return NULL;
}

static json_t *block_list(const struct manager *manager, const struct czone_zone_info *infos, int n)
{
    CLEANUP_JSON json_t *list = json_array();
    const struct czone_block *blocks;
    size_t n_blocks = czone_inventory_blocks(manager->ctx, &blocks);

    for (size_t i = 0; i < n_blocks; i++) {
        json_t *block = json_pack("{s:I, s:i, s:s, s:s*}", "block", (json_int_t)blocks[i].id.n, "node",
                                  (int)blocks[i].node.n, "state", czone_block_state_name(blocks[i].state),
                                  "zone", zone_at(infos, n, blocks[i].id));

        if (json_array_append_new(list, block) < 0)
            return NULL;
    }
    return TAKE(list);
}

static void on_danger(void *data, const char *id, const char *sentence)
{
    /* One that is lost for want of memory is found again by the next call. */
    (void)json_array_append_new(data, json_pack("{s:s, s:s}", "id", id, "message", sentence));
}

json_t *zones_to_json(struct manager *manager, bool blocks)
{
    CLEANUP_FREE struct czone_zone_info *infos = NULL;
    CLEANUP_JSON json_t *reply = NULL, *dangers = json_array();
    int n = czone_zone_list(manager->ctx, &infos);

    if (n < 0 || dangers == NULL)
        return NULL;
    (void)czone_ctx_check(manager->ctx, on_danger, dangers);
    reply = json_pack("{s:o, s:o, s:I, s:b, s:O}", "zones", zone_list(manager, infos, n), "nodes",
                      node_list(manager), "block_size", (json_int_t)czone_inventory_block_size(manager->ctx),
                      "host_attached", (int)host_attached(&manager->host), "dangers", dangers);
    if (reply != NULL && blocks && json_object_set_new(reply, "blocks", block_list(manager, infos, n)) < 0)
        return NULL;
    return TAKE(reply);
}

json_t *verification_to_json(const struct czone_zone_info *info, const struct czone_verification *found)
{
    return json_pack("{s:s, s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "zone", info->name,
                     "node", (int)info->node.n, "user_on_zone", (json_int_t)found->user_on_zone,
                     "user_on_home", (json_int_t)found->user_on_home, "user_elsewhere",
                     (json_int_t)found->user_elsewhere, "kernel_on_zone", (json_int_t)found->kernel_on_zone,
                     "node_total", (json_int_t)found->node_total, "node_used", (json_int_t)found->node_used,
                     "node_percpu", (json_int_t)found->node_percpu, "foreign",
                     (json_int_t)found->node_foreign, "slack", (json_int_t)found->slack, "exclusive",
                     (int)found->exclusive);
}
