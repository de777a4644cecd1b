/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <errno.h>
#include <stdlib.h>

#include "plan_build.h"

struct plan *plan_new(enum plan_mode mode, unsigned timeout_ms, size_t room)
{
    struct plan *plan;

    if (room > (SIZE_MAX - sizeof(*plan)) / sizeof(plan->ops[0]))
        return NULL;
    plan = calloc(1, sizeof(*plan) + room * sizeof(plan->ops[0]));
    if (!plan)
        return NULL;
    plan->mode = mode;
    plan->timeout_ms = timeout_ms;
    return plan;
}

struct plan_op *plan_add(struct plan *plan, enum plan_op_kind kind)
{
    struct plan_op *op = &plan->ops[plan->n_ops++];

    *op = (struct plan_op){ .kind = (uint8_t)kind, .node = CZONE_NODE_NONE };
    return op;
}

struct plan *plan_free(struct plan *plan)
{
    free(plan);
    return NULL;
}

size_t plan_size(const struct plan *plan)
{
    return sizeof(*plan) + plan->n_ops * sizeof(plan->ops[0]);
}

bool plan_op_is_block(const struct plan_op *op)
{
    return op->kind <= PLAN_BLOCK_ONLINE_KERNEL;
}

const char *plan_op_name(const struct plan_op *op)
{
    static const char *const names[] = {
        [PLAN_BLOCK_OFFLINE] = "offline",
        [PLAN_BLOCK_ONLINE_MOVABLE] = "online_movable",
        [PLAN_BLOCK_ONLINE_KERNEL] = "online_kernel",
        [PLAN_CPUSET_MEMS] = "cpuset.mems",
        [PLAN_MEMORY_MAX] = "memory.max",
        [PLAN_MEMORY_RECLAIM] = "memory.reclaim",
    };
    return op->kind < sizeof(names) / sizeof(names[0]) ? names[op->kind] : "unknown";
}

enum czone_block_state plan_op_after(const struct plan_op *op)
{
    switch (op->kind) {
    case PLAN_BLOCK_ONLINE_MOVABLE:
        return CZONE_BLOCK_MOVABLE;
    case PLAN_BLOCK_ONLINE_KERNEL:
        return CZONE_BLOCK_KERNEL;
    default:
        return CZONE_BLOCK_OFFLINE;
    }
}

int plan_op_check(const struct plan_op *op, const struct czone_block *now)
{
    if (!plan_op_is_block(op))
        return -EINVAL;
    if (now->id.n != op->block.n || now->node.n != op->node.n)
        return -ESTALE;
    if (now->state == plan_op_after(op))
        return 0;
    return (uint8_t)now->state == op->before ? 1 : -ESTALE;
}

/* The op that leads to a state. */
static enum plan_op_kind kind_towards(enum czone_block_state state)
{
    switch (state) {
    case CZONE_BLOCK_MOVABLE:
        return PLAN_BLOCK_ONLINE_MOVABLE;
    case CZONE_BLOCK_KERNEL:
        return PLAN_BLOCK_ONLINE_KERNEL;
    default:
        return PLAN_BLOCK_OFFLINE;
    }
}

static void add_undo(struct plan *undo, const struct plan_op *done)
{
    struct plan_op *op;

    switch (done->kind) {
    case PLAN_MEMORY_RECLAIM:
        return;
    case PLAN_CPUSET_MEMS:
        op = plan_add(undo, PLAN_CPUSET_MEMS);
        op->set = done->old_set;
        op->old_set = done->set;
        return;
    case PLAN_MEMORY_MAX:
        op = plan_add(undo, PLAN_MEMORY_MAX);
        op->value = done->old_value;
        op->old_value = done->value;
        return;
    default:
        op = plan_add(undo, kind_towards((enum czone_block_state)done->before));
        op->node = done->node;
        op->block = done->block;
        op->before = (uint8_t)plan_op_after(done);
    }
}

int plan_undo(const struct plan *plan, size_t n_done, unsigned timeout_ms, struct plan **ret_undo)
{
    if (n_done > plan->n_ops)
        return -EINVAL;

    struct plan *undo = plan_new(PLAN_AS_FAR_AS_CAN, timeout_ms, n_done);
    if (!undo)
        return -ENOMEM;
    for (size_t i = 0; i < PLAN_SETS_MAX; i++)
        undo->sets[i] = plan->sets[i];
    for (size_t i = n_done; i-- > 0;)
        add_undo(undo, &plan->ops[i]);
    *ret_undo = undo;
    return 0;
}
