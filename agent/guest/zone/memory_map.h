/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_MEMORY_MAP_H
#define GUEST_ZONE_MEMORY_MAP_H

/* Questions about ranges of physical memory to libczone's inventory. Read no file. */

#include <stdbool.h>

#include <czone/inventory.h>

#include "proto/reason.h"

/* A block that no zone has: of a node that nobody claims, and offline, or online with nothing but movable
 * pages, as plugged memory comes. Here: all blocks of the range are there, and each is idle. */
bool memory_map_idle(const struct czone_ctx *ctx, struct czone_range range);

/*
 * The first run of idle blocks of one node, not below `from`.
 *
 * Returns whether there is one.
 */
bool memory_map_next_idle(const struct czone_ctx *ctx, uint64_t from, struct czone_range *ret_run);

/*
 * The first run of idle blocks of one node in the range that are online.
 *
 * @nodes    a bitmap of the nodes that count; NULL: all do
 * @n_nodes  how many it has
 *
 * Returns whether there is one.
 */
bool memory_map_next_online(const struct czone_ctx *ctx, struct czone_range range, const unsigned char *nodes,
                            int n_nodes, struct czone_range *ret_run);

/*
 * The first node, by the address of its memory and not below `from`, all of whose memory is idle and online,
 * in one run.
 *
 * Returns whether there is one.
 */
bool memory_map_next_whole(const struct czone_ctx *ctx, uint64_t from, czone_node_id *ret_node,
                           struct czone_range *ret_run);

/* The tier of a node; -1: unknown. */
int memory_map_tier(const struct czone_ctx *ctx, czone_node_id node);

/* Whether some node has blocks of both. */
bool memory_map_share_node(const struct czone_ctx *ctx, struct czone_range one, struct czone_range other);

/* How many blocks of the range are there. */
size_t memory_map_count(const struct czone_ctx *ctx, struct czone_range range);

/*
 * Whether a host may say that it has just plugged this range: whole blocks, and none of them memory that is
 * in use for something else.
 *
 * @returning  blocks that are here now may be claimed: the host has taken them before, and they are about to
 * go
 *
 * Returns 0 or -EINVAL; reason says why not.
 */
int memory_map_check_new(const struct czone_ctx *ctx, struct czone_range range, bool returning,
                         struct reason *reason);

/*
 * Whether the range has come in and can hold a zone.
 *
 * Returns 1 (all blocks are there, on one node that is free), 0 (not yet), or -EINVAL (they are on the wrong
 * node; reason says which and what is wrong with it).
 */
int memory_map_arrived(const struct czone_ctx *ctx, struct czone_range range, struct reason *reason);

/* The bytes rounded up to whole blocks; 0 when that is more than an int64 holds. */
uint64_t memory_map_round(const struct czone_ctx *ctx, uint64_t bytes);

#endif
