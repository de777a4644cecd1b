/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/tier.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "proto/fields.h"

static bool tier_equal(const struct tier_want *a, const struct tier_want *b)
{
    return a->kind == b->kind && a->number == b->number;
}

int tier_parse(const char *text, struct tier_want *ret)
{
    static const char prefix[] = "memory_tier";
    size_t length = strncmp(text, prefix, sizeof(prefix) - 1) == 0 ? sizeof(prefix) - 1 : 0;
    const char *digits = text + length;
    int number = 0;

    if (strcmp(text, "any") == 0)
        *ret = (struct tier_want){ TIER_ANY, 0 };
    else if (strcmp(text, "fast") == 0)
        *ret = (struct tier_want){ TIER_FAST, 0 };
    else if (strcmp(text, "slow") == 0)
        *ret = (struct tier_want){ TIER_SLOW, 0 };
    else if (*digits && strlen(digits) <= 6) {
        for (; *digits; digits++) {
            if (!isdigit((unsigned char)*digits))
                return -EINVAL;
            number = number * 10 + (*digits - '0');
        }
        *ret = (struct tier_want){ TIER_NAMED, number };
    } else
        return -EINVAL;
    return 0;
}

static const struct nodes *tier_nodes(const struct tier_map *map, const struct tier_want *tier)
{
    for (size_t i = 0; i < map->count; i++)
        if (tier_equal(&map->entries[i].tier, tier))
            return &map->entries[i].nodes;
    return NULL;
}

int tier_map_add(struct tier_map *map, const char *text, struct reason *reason)
{
    const char *equals = strchr(text, '=');
    struct tier_entry entry = { 0 };
    char name[32];
    int r;

    if (!equals || (size_t)(equals - text) >= sizeof(name))
        return reason_fail(reason, -EINVAL, "'%s' is not NAME=NODES, such as fast=1,2", text);
    memcpy(name, text, (size_t)(equals - text));
    name[equals - text] = '\0';
    if (tier_parse(name, &entry.tier) < 0 || entry.tier.kind == TIER_ANY)
        return reason_fail(reason, -EINVAL, "'%s' is no tier: use fast, slow or memory_tierN", name);
    r = nodes_parse(equals + 1, &entry.nodes, reason);
    if (r < 0)
        return r;
    if (tier_nodes(map, &entry.tier))
        return reason_fail(reason, -EEXIST, "tier %s is given twice", name);
    if (map->count == ELEMENTS(map->entries))
        return reason_fail(reason, -ENOSPC, "more than %zu tiers", ELEMENTS(map->entries));
    map->entries[map->count++] = entry;
    return 0;
}

enum tier_rank tier_rank(const struct tier_map *map, const struct tier_want *want, int node)
{
    static const struct tier_want fast = { TIER_FAST, 0 };
    const struct nodes *nodes = tier_nodes(map, want->kind == TIER_ANY ? &fast : want);

    if (!nodes)
        return TIER_RANK_BEST;
    if (want->kind == TIER_ANY)
        return nodes_has(nodes, node) ? TIER_RANK_SECOND : TIER_RANK_BEST;
    if (nodes_has(nodes, node))
        return TIER_RANK_BEST;
    return want->kind == TIER_NAMED ? TIER_RANK_UNFIT : TIER_RANK_SECOND;
}
