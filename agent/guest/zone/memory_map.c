/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/memory_map.h"

#include <errno.h>
#include <inttypes.h>

/* Blocks of the range in the inventory: an ascending run of it, since blocks ascend by number. */
static size_t find_blocks(const struct czone_ctx *ctx, struct czone_range range,
                          const struct czone_block **ret_first)
{
    uint64_t size = czone_inventory_block_size(ctx);
    uint64_t first = range.start / size, end = (range.start + range.size + size - 1) / size;
    const struct czone_block *blocks;
    size_t n_blocks = czone_inventory_blocks(ctx, &blocks);
    size_t low = 0, high = n_blocks, n = 0;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (blocks[middle].id.n < first)
            low = middle + 1;
        else
            high = middle;
    }
    while (low + n < n_blocks && blocks[low + n].id.n < end)
        n++;
    *ret_first = blocks + low;
    return n;
}

static const struct czone_node *find_node(const struct czone_ctx *ctx, czone_node_id id)
{
    const struct czone_node *nodes;
    size_t n = czone_inventory_nodes(ctx, &nodes);

    for (size_t i = 0; i < n; i++)
        if (nodes[i].id.n == id.n)
            return &nodes[i];
    return NULL;
}

static enum czone_node_role role_of(const struct czone_ctx *ctx, czone_node_id id)
{
    const struct czone_node *node = find_node(ctx, id);

    return node != NULL ? node->role : CZONE_NODE_UNFIT;
}

static bool is_idle(const struct czone_ctx *ctx, const struct czone_block *block)
{
    return (block->state == CZONE_BLOCK_OFFLINE || block->state == CZONE_BLOCK_MOVABLE) &&
           role_of(ctx, block->node) == CZONE_NODE_FREE;
}

bool memory_map_idle(const struct czone_ctx *ctx, struct czone_range range)
{
    const struct czone_block *blocks;
    size_t n = find_blocks(ctx, range, &blocks);

    if (n * czone_inventory_block_size(ctx) < range.size)
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_idle(ctx, &blocks[i]))
            return false;
    return true;
}

/* Which idle blocks count. */
struct wanted {
    bool online;
    const unsigned char *nodes; /* a bitmap; NULL: of all */
    int n_nodes;
};

static bool is_wanted(const struct czone_ctx *ctx, const struct czone_block *block,
                      const struct wanted *wanted)
{
    int node = block->node.n;

    if (!is_idle(ctx, block) || (wanted->online && block->state != CZONE_BLOCK_MOVABLE))
        return false;
    return wanted->nodes == NULL ||
           (node < wanted->n_nodes && (wanted->nodes[node / 8] & (1u << (node % 8))) != 0);
}

static bool next_run(const struct czone_ctx *ctx, struct czone_range range, const struct wanted *wanted,
                     struct czone_range *ret_run)
{
    uint64_t size = czone_inventory_block_size(ctx);
    struct czone_range run = { 0 };
    const struct czone_block *blocks;
    size_t n = find_blocks(ctx, range, &blocks);

    for (size_t i = 0; i < n; i++) {
        bool fits = is_wanted(ctx, &blocks[i], wanted);

        if (run.size > 0 && (!fits || blocks[i].id.n * size != run.start + run.size ||
                             blocks[i].node.n != blocks[i - 1].node.n))
            break;
        if (fits && run.size == 0)
            run.start = blocks[i].id.n * size;
        if (fits)
            run.size += size;
    }
    if (run.size > 0)
        *ret_run = run;
    return run.size > 0;
}

bool memory_map_next_idle(const struct czone_ctx *ctx, uint64_t from, struct czone_range *ret_run)
{
    const struct wanted any = { .online = false };

    return next_run(ctx, (struct czone_range){ from, INT64_MAX - from }, &any, ret_run);
}

bool memory_map_next_online(const struct czone_ctx *ctx, struct czone_range range, const unsigned char *nodes,
                            int n_nodes, struct czone_range *ret_run)
{
    const struct wanted online = { .online = true, .nodes = nodes, .n_nodes = n_nodes };

    return next_run(ctx, range, &online, ret_run);
}

bool memory_map_next_whole(const struct czone_ctx *ctx, uint64_t from, czone_node_id *ret_node,
                           struct czone_range *ret_run)
{
    const struct wanted online = { .online = true };
    const struct czone_block *block;
    struct czone_range run = { 0 };

    while (next_run(ctx, (struct czone_range){ from, INT64_MAX - from }, &online, &run)) {
        (void)find_blocks(ctx, run, &block);
        if (find_node(ctx, block->node)->n_blocks * czone_inventory_block_size(ctx) == run.size) {
            *ret_node = block->node;
            *ret_run = run;
            return true;
        }
        from = run.start + run.size;
    }
    return false;
}

int memory_map_tier(const struct czone_ctx *ctx, czone_node_id node)
{
    const struct czone_node *found = find_node(ctx, node);

    return found != NULL ? found->tier : -1;
}

bool memory_map_share_node(const struct czone_ctx *ctx, struct czone_range one, struct czone_range other)
{
    const struct czone_block *ones, *others;
    size_t n_ones = find_blocks(ctx, one, &ones), n_others = find_blocks(ctx, other, &others);

    for (size_t i = 0; i < n_others; i++)
        if (n_ones > 0 && others[i].node.n == ones[0].node.n)
            return true;
    return false;
}

size_t memory_map_count(const struct czone_ctx *ctx, struct czone_range range)
{
    const struct czone_block *blocks;

    return find_blocks(ctx, range, &blocks);
}

int memory_map_check_new(const struct czone_ctx *ctx, struct czone_range range, bool returning,
                         struct reason *reason)
{
    uint64_t size = czone_inventory_block_size(ctx);
    const struct czone_block *blocks;
    size_t n;

    if (range.start % size != 0 || range.size % size != 0 || range.size == 0)
        return reason_fail(reason, -EINVAL,
                           "0x%" PRIx64 "+0x%" PRIx64 " is not in whole memory blocks of %" PRIu64,
                           range.start, range.size, size);
    if (range.size > INT64_MAX - range.start)
        return reason_fail(reason, -EINVAL, "0x%" PRIx64 "+0x%" PRIx64 " is outside any memory", range.start,
                           range.size);
    n = find_blocks(ctx, range, &blocks);
    for (size_t i = 0; i < n; i++) {
        enum czone_node_role role = role_of(ctx, blocks[i].node);

        if (role != CZONE_NODE_FREE && role != CZONE_NODE_EMPTY && !(returning && role == CZONE_NODE_CLAIMED))
            return reason_fail(
                reason, -EINVAL,
                "0x%" PRIx64 "+0x%" PRIx64 " has memory block %" PRIu64 " of node %d, which is %s",
                range.start, range.size, blocks[i].id.n, (int)blocks[i].node.n, czone_node_role_name(role));
    }
    return 0;
}

int memory_map_arrived(const struct czone_ctx *ctx, struct czone_range range, struct reason *reason)
{
    const struct czone_block *blocks;
    size_t n = find_blocks(ctx, range, &blocks);

    for (size_t i = 0; i < n; i++) {
        enum czone_node_role role = role_of(ctx, blocks[i].node);

        if (role != CZONE_NODE_FREE)
            return reason_fail(reason, -EINVAL,
                               "the host plugged 0x%" PRIx64 "+0x%" PRIx64
                               " into node %d, which is %s: it needs a "
                               "node of its own",
                               range.start, range.size, (int)blocks[i].node.n, czone_node_role_name(role));
        if (blocks[i].node.n != blocks[0].node.n)
            return reason_fail(reason, -EINVAL,
                               "the host plugged 0x%" PRIx64 "+0x%" PRIx64
                               " into nodes %d and %d: a zone is on "
                               "one node",
                               range.start, range.size, (int)blocks[0].node.n, (int)blocks[i].node.n);
    }
    return n * czone_inventory_block_size(ctx) >= range.size;
}

uint64_t memory_map_round(const struct czone_ctx *ctx, uint64_t bytes)
{
    uint64_t size = czone_inventory_block_size(ctx);
    uint64_t blocks = bytes / size + (bytes % size != 0);

    return blocks > INT64_MAX / size ? 0 : blocks * size;
}
