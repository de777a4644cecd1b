/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_BLOCK_MAP_H
#define CZONE_CORE_BLOCK_MAP_H

#include <stdint.h>

#include <czone/types.h>

/* Which node a block is on: an open-addressed hash table. {0} is empty. O(1) each. */
struct block_map {
    struct block_map_slot *slots;
    size_t n_slots; /* 0 or a power of two */
    size_t n_used;
};

void block_map_done(struct block_map *map);
void block_map_clear(struct block_map *map); /* keeps the room */

/* Makes room for n blocks in all. Returns 0 or -ENOMEM (nothing changed). */
int block_map_reserve(struct block_map *map, size_t n);

/* Adds or replaces; there must be room (block_map_reserve()). */
void block_map_put(struct block_map *map, czone_block_id block, czone_node_id node);
void block_map_remove(struct block_map *map, czone_block_id block);

/* CZONE_NODE_NONE if unknown. */
czone_node_id block_map_get(const struct block_map *map, czone_block_id block);

#endif
