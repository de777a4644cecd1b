/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_INVENTORY_H
#define CZONE_CORE_INVENTORY_H

#include <czone/failure.h>
#include <czone/inventory.h>

#include "node_set.h"

/*
 * The picture of nodes and blocks, in memory. The backend tells it what it reads; it derives roles and runs
 * and keeps the index that placement_find() searches.
 *
 * Costs, for n blocks in all, r runs of contiguous blocks in the node concerned (nearly always 1), b blocks
 * of that node: find O(log b); put and remove O(log b + r) and a memmove() within the node; claim and unclaim
 * O(r log of the distinct run lengths).
 */
struct inventory;

/* Blocks first .. first + n - 1, all of one node. */
struct block_run {
    czone_block_id first;
    uint64_t n;
};

/* block_size: bytes, not 0. Returns 0, -EINVAL or -ENOMEM. */
int inventory_new(uint64_t block_size, struct inventory **ret_inventory);
struct inventory *inventory_free(struct inventory *inventory); /* accepts NULL, returns NULL */

/*
 * Adds a node or brings a known one up to date. Call it for every *possible* node, those without memory
 * included: they are where the host may plug.
 * tier: N of memory_tierN, -1 unknown. has_cpus: online CPUs belong to it; then tasks on them would fill its
 * memory by default and it is no place for a zone.
 * Returns 0, -EINVAL (number out of range) or -ENOMEM (nothing changed).
 */
int inventory_put_node(struct inventory *inventory, czone_node_id node, int tier, bool has_cpus);

/*
 * Adds a block or brings a known one up to date (state, provider, even its node: the kernel may have changed
 * all of them since). Its node must be known.
 * Returns 1 if something changed, 0 if all was known, -ENOENT (unknown node), -EINVAL or -ENOMEM (nothing
 * changed).
 */
int inventory_put_block(struct inventory *inventory, const struct czone_block *block);

/* Returns 0, -ENOENT (not known) or -ENOMEM (the hole makes run lengths that were never seen; nothing
 * changed). */
int inventory_remove_block(struct inventory *inventory, czone_block_id block);

/*
 * Puts many blocks in one go, in any order, each at most once: the first scan. About O(n log n), without the
 * per-block upkeep. For a later scan fill a new inventory, ledger_mark() it, and swap: then a failure leaves
 * the old view. Returns 0, -EINVAL (not empty, a block twice), -ENOENT (unknown node) or -ENOMEM; on failure
 * the inventory has no blocks.
 */
int inventory_load(struct inventory *inventory, const struct czone_block *blocks, size_t n_blocks);

/*
 * Marks a node as holding a zone, or no more. Only the ledger calls these, so that claims and marks agree.
 * Returns 0, -ENOENT (unknown node); claim: -EBUSY (already claimed). Neither allocates: a release cannot
 * fail for want of memory.
 */
int inventory_claim(struct inventory *inventory, czone_node_id node);
int inventory_unclaim(struct inventory *inventory, czone_node_id node);

uint64_t inventory_block_size(const struct inventory *inventory);

/* All nodes, ascending. Borrowed until the next change. */
size_t inventory_nodes(const struct inventory *inventory, const struct czone_node **ret_nodes);

/* All blocks, ascending. Borrowed until the next change. O(n) after a change, else O(1); never fails (the
 * room was made when the blocks came). */
size_t inventory_blocks(const struct inventory *inventory, const struct czone_block **ret_blocks);

/* NULL if unknown. Borrowed until the next change. */
const struct czone_node *inventory_node(const struct inventory *inventory, czone_node_id node);
const struct czone_block *inventory_block(const struct inventory *inventory, czone_block_id block);

/* The blocks of one node, ascending, and its maximal runs, ascending. 0 if the node is unknown or empty.
 * Borrowed until the next change. */
size_t inventory_node_blocks(const struct inventory *inventory, czone_node_id node,
                             const struct czone_block **ret_blocks);
size_t inventory_node_runs(const struct inventory *inventory, czone_node_id node,
                           const struct block_run **ret_runs);

/* The nodes with role HOME: H of the recipe. */
void inventory_home(const struct inventory *inventory, struct node_set *ret_home);

/*
 * Nodes for the cpuset.mems of a zone on `node` (H and it), and the node's relative index among them (for
 * the memory policy). Returns 0, -ENOENT (unknown node) or -ENODEV (no home node is known).
 */
int inventory_zone_cpuset(const struct inventory *inventory, czone_node_id node, struct node_set *ret_mems,
                          unsigned *ret_index);

/* The runs of free nodes, by tier and length; see run_index.h. */
const struct run_index *inventory_free_runs(const struct inventory *inventory);

/*
 * Derives every figure anew from the blocks, by plain walks, and compares: order, runs, counters, roles, home
 * nodes, the block map and the index of free runs. Returns 0 or -EUCLEAN; then the failure's sentence says
 * which figure of which node is wrong.
 */
int inventory_validate(const struct inventory *inventory, struct czone_failure *failure);

#endif
