/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_TIER_H
#define HOST_TIER_H

/*
 * Which guest nodes are which tier of memory. The VMM does not know tiers, whoever started it does: `--tier
 * fast=1,2`. The guest checks what it got against its kernel. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

#include "agent/host/nodes.h"

enum tier_kind {
    TIER_ANY,
    TIER_FAST,
    TIER_SLOW,
    TIER_NAMED, /* memory_tierN, N in `number` */
};

struct tier_want {
    enum tier_kind kind;
    int number;
};

struct tier_entry {
    struct tier_want tier;
    struct nodes nodes;
};

struct tier_map {
    struct tier_entry entries[32];
    size_t count;
};

/* How well a node suits; smaller is better. */
enum tier_rank {
    TIER_RANK_UNFIT = -1,
    TIER_RANK_BEST,
    TIER_RANK_SECOND,
};

/* Reads `any`, `fast`, `slow`, `memory_tierN` or, as libczone does, `N`. Returns 0 or -EINVAL (*ret is
 * untouched). */
int tier_parse(const char *text, struct tier_want *ret);

/* Adds `NAME=NODES`, NAME not `any`. Returns 0, -EINVAL, -EEXIST (the tier is there) or -ENOSPC; the reason
 * says more. */
int tier_map_add(struct tier_map *map, const char *text, struct reason *reason);

/*
 * fast and slow are preferences, as in libczone: nodes of that tier first, then the others. memory_tierN is
 * that tier only. A tier that was not mapped is any node: this host has no word on it, the guest will check.
 * With `any` the fast nodes come second, so that they stay free for those who ask for them.
 */
enum tier_rank tier_rank(const struct tier_map *map, const struct tier_want *want, int node);

#endif
