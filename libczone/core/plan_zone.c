/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>

#include "failure_set.h"
#include "plan_build.h"

/* Indices into a binding plan's sets. */
enum { SET_OLD, SET_WANTED };

static void add_block_op(struct plan *plan, enum plan_op_kind kind, const struct czone_block *block,
                         enum czone_block_state before)
{
    struct plan_op *op = plan_add(plan, kind);

    op->node = block->node;
    op->block = block->id;
    op->before = (uint8_t)before;
}

static bool in_run(const struct block_run *run, czone_block_id block)
{
    return block.n >= run->first.n && block.n - run->first.n < run->n;
}

/* First pass: what the kernel uses is put right, and what cannot be is found out before anything is done. */
static void add_repairs(struct plan *plan, const struct czone_block *blocks, size_t n_blocks,
                        const struct block_run *run)
{
    for (size_t i = 0; i < n_blocks; i++)
        if (in_run(run, blocks[i].id) && blocks[i].state == CZONE_BLOCK_KERNEL) {
            add_block_op(plan, PLAN_BLOCK_OFFLINE, &blocks[i], CZONE_BLOCK_KERNEL);
            add_block_op(plan, PLAN_BLOCK_ONLINE_MOVABLE, &blocks[i], CZONE_BLOCK_OFFLINE);
        }
}

static void add_onlines(struct plan *plan, const struct czone_block *blocks, size_t n_blocks,
                        const struct block_run *run)
{
    for (size_t i = 0; i < n_blocks; i++)
        if (in_run(run, blocks[i].id) && blocks[i].state == CZONE_BLOCK_OFFLINE)
            add_block_op(plan, PLAN_BLOCK_ONLINE_MOVABLE, &blocks[i], CZONE_BLOCK_OFFLINE);
}

static bool is_online(const struct czone_block *block)
{
    return block->state == CZONE_BLOCK_MOVABLE || block->state == CZONE_BLOCK_KERNEL;
}

/* inside: those of the run, else all others of the node. */
static void add_offlines(struct plan *plan, const struct czone_block *blocks, size_t n_blocks,
                         const struct block_run *run, bool inside)
{
    for (size_t i = n_blocks; i-- > 0;)
        if (in_run(run, blocks[i].id) == inside && is_online(&blocks[i]))
            add_block_op(plan, PLAN_BLOCK_OFFLINE, &blocks[i], blocks[i].state);
}

static int check_run(const struct czone_block *blocks, size_t n_blocks, czone_node_id node,
                     const struct block_run *run, struct czone_failure *failure)
{
    uint64_t n_found = 0;

    for (size_t i = 0; i < n_blocks; i++) {
        if (!in_run(run, blocks[i].id))
            continue;
        if (blocks[i].state == CZONE_BLOCK_GOING_OFFLINE)
            return failure_set_block(failure, -EBUSY, CZONE_STAGE_ONLINE, node, blocks[i].id,
                                     "block %" PRIu64 " of node %" PRId32
                                     " is being taken offline by somebody else: try again when it is done",
                                     blocks[i].id.n, node.n);
        n_found++;
    }
    if (run->n == 0 || n_found != run->n)
        return failure_set_block(failure, -ENOENT, CZONE_STAGE_ONLINE, node, run->first,
                                 "node %" PRId32 " has only %" PRIu64 " of the %" PRIu64
                                 " blocks from %" PRIu64 " on: the host has taken them back",
                                 node.n, n_found, run->n, run->first.n);
    return 0;
}

int plan_create(const struct inventory *inventory, czone_node_id node, const struct block_run *run,
                unsigned timeout_ms, struct plan **ret_plan, struct czone_failure *failure)
{
    const struct czone_block *blocks;
    size_t n_blocks = inventory_node_blocks(inventory, node, &blocks);

    int r = check_run(blocks, n_blocks, node, run, failure);
    if (r < 0)
        return r;

    /* A repair takes two ops, every other block one at most. */
    struct plan *plan = plan_new(PLAN_ALL_OR_NOTHING, timeout_ms, n_blocks + run->n);
    if (!plan)
        return failure_set(failure, -ENOMEM, CZONE_STAGE_ONLINE, node, "no memory for a plan of %zu blocks",
                           n_blocks);
    add_repairs(plan, blocks, n_blocks, run);
    add_onlines(plan, blocks, n_blocks, run);
    add_offlines(plan, blocks, n_blocks, run, false);
    *ret_plan = plan;
    return 0;
}

int plan_offline(const struct inventory *inventory, czone_node_id node, const struct block_run *run,
                 unsigned timeout_ms, struct plan **ret_plan)
{
    const struct czone_block *blocks;
    size_t n_blocks = inventory_node_blocks(inventory, node, &blocks);

    struct plan *plan = plan_new(PLAN_AS_FAR_AS_CAN, timeout_ms, n_blocks);
    if (!plan)
        return -ENOMEM;
    add_offlines(plan, blocks, n_blocks, run, true);
    *ret_plan = plan;
    return 0;
}

static void add_mems(struct plan *plan)
{
    struct plan_op *op = plan_add(plan, PLAN_CPUSET_MEMS);

    op->set = SET_WANTED;
    op->old_set = SET_OLD;
}

static void add_memory_max(struct plan *plan, const struct plan_binding *old,
                           const struct plan_binding *wanted)
{
    struct plan_op *op = plan_add(plan, PLAN_MEMORY_MAX);

    op->value = wanted->memory_max;
    op->old_value = old->memory_max;
}

static struct plan *new_binding(const struct plan_binding *old, const struct plan_binding *wanted,
                                unsigned timeout_ms)
{
    struct plan *plan = plan_new(PLAN_ALL_OR_NOTHING, timeout_ms, 2);

    if (!plan)
        return NULL;
    plan->sets[SET_OLD] = old->mems;
    plan->sets[SET_WANTED] = wanted->mems;
    return plan;
}

int plan_bind(const struct plan_binding *old, const struct plan_binding *wanted, unsigned timeout_ms,
              struct plan **ret_plan)
{
    struct plan *plan = new_binding(old, wanted, timeout_ms);

    if (!plan)
        return -ENOMEM;
    /* Even if nothing changes the kernel has whoever writes wait for all CPUs. */
    if (!node_set_equal(&old->mems, &wanted->mems))
        add_mems(plan);
    add_memory_max(plan, old, wanted);
    *ret_plan = plan;
    return 0;
}

int plan_move(const struct plan_binding *old, const struct plan_binding *wanted, unsigned timeout_ms,
              struct plan **ret_plan)
{
    struct plan *plan = new_binding(old, wanted, timeout_ms);

    if (!plan)
        return -ENOMEM;
    if (wanted->memory_max < old->memory_max) {
        add_memory_max(plan, old, wanted);
        add_mems(plan);
    } else {
        add_mems(plan);
        add_memory_max(plan, old, wanted);
    }
    *ret_plan = plan;
    return 0;
}

int plan_empty(uint64_t bytes, unsigned timeout_ms, struct plan **ret_plan)
{
    struct plan *plan = plan_new(PLAN_AS_FAR_AS_CAN, timeout_ms, 1);

    if (!plan)
        return -ENOMEM;
    if (bytes > 0)
        plan_add(plan, PLAN_MEMORY_RECLAIM)->value = bytes;
    *ret_plan = plan;
    return 0;
}
