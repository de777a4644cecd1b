/* SPDX-License-Identifier: Apache-2.0 */
/* From what the backend reads to the inventory. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/failure_set.h"
#include "ctx.h"

static void inventory_cleanup(struct inventory **inventory)
{
    (void)inventory_free(*inventory);
}

/* The kernel tells the tier of a node only while it has memory online; what was seen once stays true. */
static int known_tier(const struct czone_ctx *ctx, const struct czone_sys_node *node)
{
    const struct czone_node *known;

    if (node->tier >= 0 || !ctx->inventory)
        return node->tier;
    known = inventory_node(ctx->inventory, node->id);
    return known ? known->tier : node->tier;
}

/* A range of plain "System RAM" may be boot memory, or come from a device that leaves no trace; what was seen
 * to come while we were watching is not boot memory. */
static void keep_provider(const struct czone_ctx *ctx, struct czone_block *block)
{
    const struct czone_block *known;

    if (block->provider != CZONE_PROVIDER_BOOT || !ctx->inventory)
        return;
    known = inventory_block(ctx->inventory, block->id);
    if (known)
        block->provider = known->provider;
}

static int put_nodes(struct czone_ctx *ctx, struct inventory *inventory)
{
    cleanup_free struct czone_sys_node *nodes = NULL;
    size_t n;
    int r;

    r = ctx->backend->nodes(ctx->sys, &nodes, &n);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        r = inventory_put_node(inventory, nodes[i].id, known_tier(ctx, &nodes[i]), nodes[i].has_cpu);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_machine(struct czone_ctx *ctx, struct inventory **ret_inventory)
{
    cleanup_with(inventory_cleanup) struct inventory *inventory = NULL;
    cleanup_free struct czone_block *blocks = NULL;
    uint64_t block_size;
    size_t n;
    int r;

    r = ctx->backend->block_size(ctx->sys, &block_size);
    if (r < 0)
        return r;
    r = inventory_new(block_size, &inventory);
    if (r < 0)
        return r;
    r = put_nodes(ctx, inventory);
    if (r < 0)
        return r;
    r = ctx->backend->blocks(ctx->sys, &blocks, &n);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        keep_provider(ctx, &blocks[i]);
    r = inventory_load(inventory, blocks, n);
    if (r < 0)
        return r;
    *ret_inventory = TAKE_PTR(inventory);
    return 0;
}

int scan_machine(struct czone_ctx *ctx, struct czone_failure *failure)
{
    cleanup_with(inventory_cleanup) struct inventory *inventory = NULL;
    int r;

    r = read_machine(ctx, &inventory);
    if (r == 0 && ctx->ledger)
        r = ledger_mark(ctx->ledger, inventory);
    if (r < 0)
        return failure_set(failure, r, CZONE_STAGE_SCAN, CZONE_NODE_NONE,
                           "cannot read the machine's memory blocks and nodes: %s", strerror(-r));
    inventory_free(ctx->inventory);
    ctx->inventory = TAKE_PTR(inventory);
    return 0;
}

static int put_block(struct czone_ctx *ctx, const struct czone_block *block)
{
    int r = inventory_put_block(ctx->inventory, block);

    if (r != -ENOENT)
        return r;
    /* A node nobody knew: the kernel's list of possible nodes does not change, so this is a surprise. */
    r = scan_machine(ctx, NULL);
    return r < 0 ? r : 1;
}

static int remove_block(struct czone_ctx *ctx, czone_block_id id)
{
    int r = inventory_remove_block(ctx->inventory, id);

    return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

int scan_block(struct czone_ctx *ctx, czone_block_id id, bool is_new)
{
    struct czone_block block;
    int r;

    r = ctx->backend->block(ctx->sys, id, &block);
    if (r == -ENOENT)
        return remove_block(ctx, id);
    if (r < 0)
        return r;
    if (is_new && block.provider == CZONE_PROVIDER_BOOT)
        return -EAGAIN;
    keep_provider(ctx, &block);
    return put_block(ctx, &block);
}

int scan_block_unlinked(struct czone_ctx *ctx, czone_block_id id)
{
    struct czone_block block;
    int r;

    r = ctx->backend->block(ctx->sys, id, &block);
    if (r == -ENOENT)
        return remove_block(ctx, id);
    if (r < 0)
        return r;
    if (block.provider == CZONE_PROVIDER_BOOT)
        block.provider = CZONE_PROVIDER_UNKNOWN;
    return put_block(ctx, &block);
}

/* Asks for the state alone where the block is known, which is a fraction of the cost. */
static int scan_state(struct czone_ctx *ctx, czone_node_id node, czone_block_id id)
{
    const struct czone_block *known = inventory_block(ctx->inventory, id);
    struct czone_block block;
    int r;

    if (!known || known->node.n != node.n)
        return scan_block(ctx, id, false);
    block = *known;
    r = ctx->backend->block_peek(ctx->sys, id, node, &block.state);
    if (r == -ENOENT)
        return scan_block(ctx, id, false);
    if (r < 0 || block.state == known->state)
        return r;
    r = put_block(ctx, &block);
    return r < 0 ? r : 1;
}

int scan_run(struct czone_ctx *ctx, czone_node_id node, czone_block_id first, size_t n)
{
    int changed = 0;

    for (size_t i = 0; i < n; i++) {
        int r = scan_state(ctx, node, (czone_block_id){ first.n + i });

        if (r < 0 && r != -EAGAIN) /* announced, not linked yet: not there for us */
            return r;
        changed |= r > 0;
    }
    return changed;
}

int scan_node(struct czone_ctx *ctx, czone_node_id node)
{
    cleanup_free czone_block_id *ids = NULL;
    const struct czone_block *blocks;
    size_t n = inventory_node_blocks(ctx->inventory, node, &blocks);
    int changed = 0;

    /* A copy: what is read changes the list. */
    ids = calloc(n + 1, sizeof(*ids));
    if (!ids)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        ids[i] = blocks[i].id;
    for (size_t i = 0; i < n; i++) {
        int r = scan_run(ctx, node, ids[i], 1);

        if (r < 0)
            return r;
        changed |= r;
    }
    return changed;
}

int scan_tier(struct czone_ctx *ctx, czone_node_id node)
{
    const struct czone_node *known = inventory_node(ctx->inventory, node);
    cleanup_free struct czone_sys_node *nodes = NULL;
    size_t n;
    int r;

    if (known && known->tier >= 0)
        return 0; /* what was seen once stays true */
    r = ctx->backend->nodes(ctx->sys, &nodes, &n);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        if (nodes[i].id.n == node.n)
            return inventory_put_node(ctx->inventory, node, known_tier(ctx, &nodes[i]), nodes[i].has_cpu);
    return -ENOENT;
}
