/* SPDX-License-Identifier: Apache-2.0 */
#include "block_map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define SLOTS_MIN 64

struct block_map_slot {
    uint64_t block;
    int32_t node;
    bool used;
};

/* Fibonacci hashing: spreads the consecutive numbers that blocks have. */
static size_t home_of(const struct block_map *map, uint64_t block)
{
    unsigned bits = (unsigned)__builtin_ctzll(map->n_slots);
    return (size_t)(block * UINT64_C(0x9E3779B97F4A7C15) >> (64 - bits));
}

/* The slot of the block, or the free slot where it would go. There is always a free one. */
static size_t slot_of(const struct block_map *map, uint64_t block)
{
    size_t i = home_of(map, block);
    while (map->slots[i].used && map->slots[i].block != block)
        i = (i + 1) & (map->n_slots - 1);
    return i;
}

void block_map_done(struct block_map *map)
{
    free(map->slots);
    *map = (struct block_map){ 0 };
}

void block_map_clear(struct block_map *map)
{
    for (size_t i = 0; i < map->n_slots; i++)
        map->slots[i].used = false;
    map->n_used = 0;
}

int block_map_reserve(struct block_map *map, size_t n)
{
    size_t n_slots = map->n_slots ? map->n_slots : SLOTS_MIN;

    if (n > SIZE_MAX / 4)
        return -ENOMEM;
    /* At most two thirds full: probes stay short. */
    while (n_slots / 3 * 2 < n)
        n_slots *= 2;
    if (n_slots == map->n_slots)
        return 0;

    struct block_map grown = { .n_slots = n_slots };
    grown.slots = calloc(n_slots, sizeof(*grown.slots));
    if (!grown.slots)
        return -ENOMEM;
    for (size_t i = 0; i < map->n_slots; i++)
        if (map->slots[i].used)
            block_map_put(&grown, (czone_block_id){ map->slots[i].block },
                          (czone_node_id){ map->slots[i].node });
    free(map->slots);
    *map = grown;
    return 0;
}

void block_map_put(struct block_map *map, czone_block_id block, czone_node_id node)
{
    struct block_map_slot *slot = &map->slots[slot_of(map, block.n)];

    if (!slot->used)
        map->n_used++;
    *slot = (struct block_map_slot){ .block = block.n, .node = node.n, .used = true };
}

void block_map_remove(struct block_map *map, czone_block_id block)
{
    if (map->n_slots == 0)
        return;

    size_t mask = map->n_slots - 1;
    size_t hole = slot_of(map, block.n);
    if (!map->slots[hole].used)
        return;

    /* Closes the hole by moving back what a probe would no longer find behind it: no tombstones, so look-ups
     * do not grow slower with use. */
    for (size_t i = (hole + 1) & mask; map->slots[i].used; i = (i + 1) & mask) {
        size_t home = home_of(map, map->slots[i].block);
        if (((i - home) & mask) >= ((i - hole) & mask)) {
            map->slots[hole] = map->slots[i];
            hole = i;
        }
    }
    map->slots[hole].used = false;
    map->n_used--;
}

czone_node_id block_map_get(const struct block_map *map, czone_block_id block)
{
    if (map->n_slots == 0)
        return CZONE_NODE_NONE;

    const struct block_map_slot *slot = &map->slots[slot_of(map, block.n)];
    return slot->used ? (czone_node_id){ slot->node } : CZONE_NODE_NONE;
}
