/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_NODE_BLOCKS_H
#define CZONE_CORE_NODE_BLOCKS_H

#include <czone/inventory.h>

#include "inventory.h"

#define N_PROVIDERS (CZONE_PROVIDER_DAX + 1)

/* The blocks of one node, ascending, and the maximal runs they form. {0} is empty. */
struct node_blocks {
    struct czone_block *blocks;
    size_t n_blocks, room_blocks;
    struct block_run *runs;
    size_t n_runs, room_runs;
    uint64_t longest; /* of the runs */
    size_t by_provider[N_PROVIDERS];
    size_t n_online;      /* in ZONE_MOVABLE or another kernel zone, going ones included */
    size_t n_boot_kernel; /* there at boot and in use by the kernel itself */
};

void node_blocks_done(struct node_blocks *set);
void node_blocks_clear(struct node_blocks *set); /* keeps the room */

/* Makes room for so many blocks and runs in all. Returns 0 or -ENOMEM (nothing changed). */
int node_blocks_reserve(struct node_blocks *set, size_t n_blocks, size_t n_runs);

/* Index of the first block not below `block`; n_blocks if there is none. O(log b). */
size_t node_blocks_lower_bound(const struct node_blocks *set, czone_block_id block);

/* NULL if it is not here. */
const struct czone_block *node_blocks_find(const struct node_blocks *set, czone_block_id block);

/* Length of the run that the block would be part of. It must not be here. */
uint64_t node_blocks_run_with(const struct node_blocks *set, czone_block_id block);

/* Lengths of the two runs (0: none) that would be left without the block. It must be here. */
void node_blocks_runs_without(const struct node_blocks *set, czone_block_id block, uint64_t *ret_before,
                              uint64_t *ret_after);

/* insert: it must not be here, and there must be room for one more block and run. append: the same, and it is
 * above all others. remove: it must be here; room for one more run. update: it is here. */
void node_blocks_insert(struct node_blocks *set, const struct czone_block *block);
void node_blocks_append(struct node_blocks *set, const struct czone_block *block);
void node_blocks_remove(struct node_blocks *set, czone_block_id block);
void node_blocks_update(struct node_blocks *set, const struct czone_block *block);

/* The provider of all blocks; UNKNOWN when mixed or empty. */
enum czone_provider node_blocks_provider(const struct node_blocks *set);

#endif
