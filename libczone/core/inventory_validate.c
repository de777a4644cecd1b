/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "failure_set.h"
#include "inventory_struct.h"

static int broken(struct czone_failure *failure, czone_node_id node, const char *what)
{
    return failure_set(failure, -EUCLEAN, CZONE_STAGE_NONE, node, "inventory: node %" PRId32 ": %s", node.n,
                       what);
}

static int check_order(const struct inventory *inventory, struct czone_failure *failure)
{
    size_t n_known = 0;

    for (size_t i = 0; i < inventory->n_nodes; i++) {
        czone_node_id node = inventory->nodes[i].id;
        if (i > 0 && inventory->nodes[i - 1].id.n >= node.n)
            return broken(failure, node, "it is out of order");
        if (inventory->position[node.n] != (int16_t)i)
            return broken(failure, node, "it is not found under its number");
    }
    for (int32_t n = 0; n < NODE_MAX; n++)
        if (inventory->position[n] >= 0)
            n_known++;
    if (n_known != inventory->n_nodes)
        return broken(failure, CZONE_NODE_NONE, "a number leads to a node that does not exist");
    return 0;
}

static int check_block(const struct inventory *inventory, size_t position, size_t i,
                       struct czone_failure *failure)
{
    czone_node_id node = inventory->nodes[position].id;
    const struct czone_block *block = &inventory->entries[position].set.blocks[i];

    if (block->node.n == node.n && block_map_get(&inventory->node_of, block->id).n == node.n &&
        (i == 0 || block[-1].id.n < block->id.n))
        return 0;
    return failure_set_block(failure, -EUCLEAN, CZONE_STAGE_NONE, node, block->id,
                             "inventory: node %" PRId32 ": block %" PRIu64
                             " is out of order or noted for another node",
                             node.n, block->id.n);
}

/* Walks the blocks once; the runs and counters must come out as they are kept. */
static int check_runs(const struct inventory *inventory, size_t position, struct czone_failure *failure)
{
    const struct node_blocks *set = &inventory->entries[position].set;
    czone_node_id node = inventory->nodes[position].id;
    size_t n_runs = 0;
    uint64_t length = 0, longest = 0;

    for (size_t i = 0; i < set->n_blocks; i++) {
        int r = check_block(inventory, position, i, failure);
        if (r < 0)
            return r;
        if (i == 0 || set->blocks[i - 1].id.n + 1 != set->blocks[i].id.n) {
            n_runs++;
            length = 0;
        }
        length++;
        if (length > longest)
            longest = length;
        if (n_runs > set->n_runs || set->runs[n_runs - 1].first.n + length - 1 != set->blocks[i].id.n ||
            set->runs[n_runs - 1].n < length)
            return broken(failure, node, "its runs do not agree with its blocks");
        bool ends = i + 1 == set->n_blocks || set->blocks[i].id.n + 1 != set->blocks[i + 1].id.n;
        if (ends && set->runs[n_runs - 1].n != length)
            return broken(failure, node, "a run is longer than its blocks");
    }
    if (n_runs != set->n_runs || longest != set->longest)
        return broken(failure, node, "the number of runs, or the longest, is wrong");
    return 0;
}

static int check_counters(const struct inventory *inventory, size_t position, struct czone_failure *failure)
{
    const struct node_blocks *set = &inventory->entries[position].set;
    const struct node_entry *entry = &inventory->entries[position];
    const struct czone_node *node = &inventory->nodes[position];
    struct node_blocks real = { 0 };

    for (size_t i = 0; i < set->n_blocks; i++) {
        const struct czone_block *block = &set->blocks[i];
        real.by_provider[block->provider]++;
        real.n_online += block->state != CZONE_BLOCK_OFFLINE;
        real.n_boot_kernel += block->provider == CZONE_PROVIDER_BOOT && block->state == CZONE_BLOCK_KERNEL;
    }
    bool same = real.n_online == set->n_online && real.n_boot_kernel == set->n_boot_kernel;
    for (size_t i = 0; i < N_PROVIDERS; i++)
        same = same && real.by_provider[i] == set->by_provider[i];
    if (!same)
        return broken(failure, node->id, "its counts of blocks are wrong");
    if (node->n_blocks != set->n_blocks || node->longest_run != set->longest ||
        node->provider != node_blocks_provider(set) || node->role != node_entry_role(entry))
        return broken(failure, node->id, "its role or figures do not agree with its blocks");
    if (node_set_has(&inventory->home, node->id) != (node->role == CZONE_NODE_HOME))
        return broken(failure, node->id, "it is a home node in one place and not in another");
    return 0;
}

/* The array of all blocks ascends and has each block as its node has it. */
static int check_view(const struct inventory *inventory, size_t n_blocks, struct czone_failure *failure)
{
    const struct czone_block *blocks;
    size_t n = inventory_blocks(inventory, &blocks);

    if (n != n_blocks)
        return broken(failure, CZONE_NODE_NONE, "the list of all blocks has another number of them");
    for (size_t i = 0; i < n; i++) {
        const struct czone_block *block = inventory_block(inventory, blocks[i].id);
        if (!block || block->node.n != blocks[i].node.n || block->state != blocks[i].state ||
            block->provider != blocks[i].provider || (i > 0 && blocks[i - 1].id.n >= blocks[i].id.n))
            return broken(failure, blocks[i].node, "the list of all blocks is out of order or out of date");
    }
    return 0;
}

/* Counts what should be in the index: each distinct length of each free node once. */
static int check_index(const struct inventory *inventory, struct czone_failure *failure)
{
    size_t n_expected = 0;

    for (size_t i = 0; i < inventory->n_nodes; i++) {
        const struct czone_node *node = &inventory->nodes[i];
        const struct node_blocks *set = &inventory->entries[i].set;
        if (node->role != CZONE_NODE_FREE)
            continue;
        for (size_t run = 0; run < set->n_runs; run++) {
            bool seen = false;
            for (size_t other = 0; other < run && !seen; other++)
                seen = set->runs[other].n == set->runs[run].n;
            n_expected += !seen;
            if (!run_index_has(inventory->free_runs, node->tier, set->runs[run].n, node->id))
                return broken(failure, node->id, "the index of free runs lacks one of its runs");
        }
    }
    if (run_index_count(inventory->free_runs) != n_expected)
        return broken(failure, CZONE_NODE_NONE, "the index of free runs has a run that no free node has");
    return 0;
}

int inventory_validate(const struct inventory *inventory, struct czone_failure *failure)
{
    size_t n_blocks = 0;

    int r = check_order(inventory, failure);
    for (size_t i = 0; r >= 0 && i < inventory->n_nodes; i++) {
        r = check_runs(inventory, i, failure);
        if (r >= 0)
            r = check_counters(inventory, i, failure);
        n_blocks += inventory->entries[i].set.n_blocks;
    }
    if (r < 0)
        return r;
    if (n_blocks != inventory->node_of.n_used)
        return broken(failure, CZONE_NODE_NONE, "the block map has a block that no node has");
    r = check_view(inventory, n_blocks, failure);
    return r < 0 ? r : check_index(inventory, failure);
}
