/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "cleanup.h"
#include "failure_set.h"
#include "ledger.h"
#include "ledger_struct.h"
#include "name.h"
#include "zone_state.h"

static int broken(struct czone_failure *failure, const struct czone_zone_info *zone, const char *rule)
{
    return failure_set(failure, -EUCLEAN, CZONE_STAGE_CLAIM, zone->node, "%s (zone %s on node %" PRId32 ")",
                       rule, zone->name, zone->node.n);
}

static int broken_block(struct czone_failure *failure, const struct czone_zone_info *zone,
                        czone_block_id block, const char *rule)
{
    return failure_set_block(failure, -EUCLEAN, CZONE_STAGE_CLAIM, zone->node, block,
                             "%s (zone %s on node %" PRId32 ", block %" PRIu64 ")", rule, zone->name,
                             zone->node.n, block.n);
}

/* Both tables hold the same number of claims; a chain that loops is found out here. */
static int check_counts(const struct ledger *ledger, struct czone_failure *failure)
{
    size_t n_by_node = 0, n_by_name = 0;

    for (size_t i = 0; i < NODE_MAX; i++)
        n_by_node += ledger->by_node[i] != NULL;
    for (size_t i = 0; i < NODE_MAX; i++)
        for (const struct ledger_entry *entry = ledger->by_name[i]; entry && n_by_name <= n_by_node;
             entry = entry->next)
            n_by_name++;
    if (n_by_node == ledger->n && n_by_name == ledger->n)
        return 0;
    return failure_set(
        failure, -EUCLEAN, CZONE_STAGE_CLAIM, CZONE_NODE_NONE,
        "every claim is found by its node and by its name (%zu claims, %zu by node, %zu by name)", ledger->n,
        n_by_node, n_by_name);
}

static int check_book(const struct ledger *ledger, struct czone_failure *failure)
{
    int r = check_counts(ledger, failure);
    if (r < 0)
        return r;

    for (int32_t n = 0; n < NODE_MAX; n++) {
        const struct ledger_entry *entry = ledger->by_node[n];
        if (node_set_has(&ledger->nodes, (czone_node_id){ n }) != (entry != NULL))
            return failure_set(failure, -EUCLEAN, CZONE_STAGE_CLAIM, (czone_node_id){ n },
                               "the set of nodes with a zone is right (node %" PRId32 ")", n);
        if (!entry)
            continue;
        if (!name_is_valid(entry->info.name))
            return failure_set(failure, -EUCLEAN, CZONE_STAGE_CLAIM, entry->info.node,
                               "a zone has a valid name (node %" PRId32 ")", n);
        if (entry->info.node.n != n)
            return broken(failure, &entry->info, "a claim is found by its node");
        if (ledger_find(ledger, entry->info.name) != &entry->info)
            return broken(failure, &entry->info, "a claim is found by its name");
    }
    return 0;
}

/* Two zones on one node cannot be written down, since there is one slot for each node; what can
 * differ is the mark. */
static int check_marks(const struct ledger *ledger, const struct inventory *inventory,
                       struct czone_failure *failure)
{
    const struct czone_node *nodes;
    size_t n_nodes = inventory_nodes(inventory, &nodes);

    for (size_t i = 0; i < n_nodes; i++) {
        bool marked = nodes[i].role == CZONE_NODE_CLAIMED;
        if (marked == (ledger->by_node[nodes[i].id.n] != NULL))
            continue;
        return failure_set(failure, -EUCLEAN, CZONE_STAGE_CLAIM, nodes[i].id,
                           "exactly the nodes with a zone are claimed (node %" PRId32 " %s)", nodes[i].id.n,
                           marked ? "is marked and has no zone" : "has a zone and is not marked");
    }
    for (int32_t n = 0; n < NODE_MAX; n++)
        if (ledger->by_node[n] && !inventory_node(inventory, (czone_node_id){ n }))
            return broken(failure, &ledger->by_node[n]->info, "a zone is on a node that exists");
    return 0;
}

static int check_run(const struct czone_zone_info *zone, uint64_t block_size, struct czone_failure *failure)
{
    uint64_t n_max = UINT64_MAX / block_size;

    if (zone->n_blocks == 0 || zone->first_block.n >= n_max || zone->n_blocks > n_max - zone->first_block.n)
        return broken(failure, zone, "a run has blocks");
    if (zone->range.start != zone->first_block.n * block_size ||
        zone->range.size != zone->n_blocks * block_size)
        return broken(failure, zone, "a range is exactly the blocks of its run");
    return 0;
}

static int check_state(const struct czone_zone_info *zone, const struct czone_block *block,
                       struct czone_failure *failure)
{
    enum zone_blocks_rule rule = zone_state_blocks_rule(zone->state);

    if (rule == ZONE_BLOCKS_MOVABLE && block->state != CZONE_BLOCK_MOVABLE)
        return broken_block(failure, zone, block->id, "every block of an online zone is online and movable");
    if (rule == ZONE_BLOCKS_OFF && block->state != CZONE_BLOCK_OFFLINE)
        return broken_block(failure, zone, block->id, "no block of an offline zone is online");
    return 0;
}

/* Index of the first block not below `block`. */
static size_t lower_bound(const struct czone_block *blocks, size_t n, czone_block_id block)
{
    size_t low = 0;

    while (low < n) {
        size_t middle = low + (n - low) / 2;
        if (blocks[middle].id.n < block.n)
            low = middle + 1;
        else
            n = middle;
    }
    return low;
}

/* Walks the blocks that are there, not the numbers of the run: a claim read from a file may name any number.
 */
static int check_blocks(const struct inventory *inventory, const struct czone_zone_info *zone,
                        struct czone_failure *failure)
{
    const struct czone_block *blocks;
    size_t n_blocks = inventory_blocks(inventory, &blocks), n_present = 0;

    if (zone_state_blocks_rule(zone->state) == ZONE_BLOCKS_NO_CLAIM)
        return broken(failure, zone, "a zone with a claim is in a state that goes with one");
    for (size_t i = lower_bound(blocks, n_blocks, zone->first_block);
         i < n_blocks && blocks[i].id.n - zone->first_block.n < zone->n_blocks; i++) {
        if (blocks[i].node.n != zone->node.n)
            return broken_block(failure, zone, blocks[i].id, "a run is inside its node");
        int r = check_state(zone, &blocks[i], failure);
        if (r < 0)
            return r;
        n_present++;
    }
    if (zone_state_blocks_rule(zone->state) == ZONE_BLOCKS_MOVABLE && n_present != zone->n_blocks)
        return broken(failure, zone, "every block of an online zone is present");
    return 0;
}

int ledger_validate(const struct ledger *ledger, const struct inventory *inventory,
                    struct czone_failure *failure)
{
    cleanup_free struct czone_zone_info *zones = NULL;

    int r = inventory_validate(inventory, failure);
    if (r >= 0)
        r = check_book(ledger, failure);
    if (r >= 0)
        r = check_marks(ledger, inventory, failure);
    if (r < 0)
        return r;

    int n = ledger_list(ledger, &zones);
    if (n < 0)
        return failure_set(failure, n, CZONE_STAGE_CLAIM, CZONE_NODE_NONE, "no memory to check %zu claims",
                           ledger->n);
    for (int i = 0; i < n; i++) {
        r = check_run(&zones[i], inventory_block_size(inventory), failure);
        if (r < 0)
            return r;
    }
    /* They ascend by range, so only neighbours can overlap. */
    for (int i = 1; i < n; i++)
        if (zones[i].range.start - zones[i - 1].range.start < zones[i - 1].range.size)
            return broken_block(failure, &zones[i], zones[i].first_block, "no block is in two zones");
    for (int i = 0; i < n; i++) {
        r = check_blocks(inventory, &zones[i], failure);
        if (r < 0)
            return r;
    }
    return 0;
}
