/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_INVENTORY_STRUCT_H
#define CZONE_CORE_INVENTORY_STRUCT_H

/* What an inventory consists of. For inventory.c, its check, and the tests that break one on purpose. */

#include "block_map.h"
#include "inventory.h"
#include "node_blocks.h"
#include "run_index.h"

struct node_entry {
    bool has_cpus;
    bool claimed;
    bool indexed; /* its runs are in free_runs */
    struct node_blocks set;
};

/* All blocks in one array, made when somebody asks. */
struct block_view {
    struct czone_block *blocks;
    size_t n, room;
    bool current;
};

struct inventory {
    uint64_t block_size;
    /* Parallel arrays, ascending by node. */
    struct czone_node *nodes;
    struct node_entry *entries;
    size_t n_nodes, room_nodes, room_entries;
    int16_t position[NODE_MAX]; /* of a node in them; -1 unknown */
    struct node_set home;
    struct block_map node_of;
    struct run_index *free_runs;
    struct block_view *view; /* apart, so that a const inventory can bring it up to date */
};

/* What the node is, from what is known about it. */
enum czone_node_role node_entry_role(const struct node_entry *entry);

#endif
