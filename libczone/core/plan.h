/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_PLAN_H
#define CZONE_CORE_PLAN_H

#include <czone/failure.h>

#include "inventory.h"

/* One write to one attribute file. */
enum plan_op_kind {
    PLAN_BLOCK_OFFLINE,        /* memoryN/state = "offline" */
    PLAN_BLOCK_ONLINE_MOVABLE, /* memoryN/state = "online_movable" */
    PLAN_BLOCK_ONLINE_KERNEL,  /* memoryN/state = "online_kernel"; only ever as the undo of a repair */
    PLAN_CPUSET_MEMS,          /* cpuset.mems = the set; the kernel migrates pages, which may take long */
    PLAN_MEMORY_MAX,           /* memory.max = value; PLAN_MAX stands for "max" */
    PLAN_MEMORY_RECLAIM,       /* memory.reclaim = value; EAGAIN and EINTR (less was reclaimed) are none */
};

#define PLAN_MAX UINT64_MAX

/* Fixed size and without pointers, so that a helper process can be sent one and check it before it acts. */
struct plan_op {
    uint8_t kind;   /* enum plan_op_kind */
    uint8_t before; /* block ops: the enum czone_block_state it must be in */
    uint8_t set;    /* CPUSET_MEMS: index into the plan's sets, of the value and of the old value */
    uint8_t old_set;
    czone_node_id node;   /* block ops: the node the block must be on */
    czone_block_id block; /* block ops */
    uint64_t value;       /* bytes; MEMORY_MAX and MEMORY_RECLAIM */
    uint64_t old_value;   /* bytes; MEMORY_MAX */
};

/* What to do when an op fails. */
enum plan_mode {
    PLAN_ALL_OR_NOTHING, /* stop; run plan_undo() of what was done */
    PLAN_AS_FAR_AS_CAN,  /* go on with the next; nothing is undone */
};

#define PLAN_SETS_MAX 2

/* Ordered ops. The cgroup that the cgroup ops concern is known to whoever executes the plan. */
struct plan {
    enum plan_mode mode;
    unsigned timeout_ms; /* for the whole plan */
    struct node_set sets[PLAN_SETS_MAX];
    size_t n_ops;
    struct plan_op ops[];
};

struct plan *plan_free(struct plan *plan); /* accepts NULL, returns NULL */

/* Bytes of the plan as one piece of memory, ops included: what to copy to a helper. */
size_t plan_size(const struct plan *plan);

/* Values of the two attributes that bind a cgroup. */
struct plan_binding {
    struct node_set mems;
    uint64_t memory_max; /* bytes or PLAN_MAX */
};

/*
 * Makes a zone of a run: blocks of the run that are online for the kernel are put right first (each offline,
 * then online_movable: this is what may fail, so nothing else has been done by then), then the offline ones
 * go online_movable, ascending; then the node's other online blocks go offline, descending, so that nobody
 * else's pages land on the node. All or nothing. No ops if all is as it should be.
 * Returns 0, -ENOENT (a block of the run is not on the node), -EBUSY (somebody else is taking a block offline
 * now; failure says which) or -ENOMEM.
 */
int plan_create(const struct inventory *inventory, czone_node_id node, const struct block_run *run,
                unsigned timeout_ms, struct plan **ret_plan, struct czone_failure *failure);

/* Binds a cgroup: cpuset.mems, unless it is so already, then memory.max. `old` is what it has now, for the
 * undo. All or nothing. Returns 0 or -ENOMEM. */
int plan_bind(const struct plan_binding *old, const struct plan_binding *wanted, unsigned timeout_ms,
              struct plan **ret_plan);

/*
 * Moves a bound cgroup to another zone: as plan_bind(), but a smaller memory.max is written before
 * cpuset.mems, so that the new node is never asked to hold more than it can. Returns 0 or -ENOMEM.
 */
int plan_move(const struct plan_binding *old, const struct plan_binding *wanted, unsigned timeout_ms,
              struct plan **ret_plan);

/* Drops `bytes` still charged to a cgroup without processes. As far as it can. bytes 0 gives no op. Returns 0
 * or -ENOMEM. */
int plan_empty(uint64_t bytes, unsigned timeout_ms, struct plan **ret_plan);

/*
 * Takes the online blocks of a run offline, from the highest down; blocks that are offline or gone need no
 * op. As far as it can. Returns 0 or -ENOMEM.
 */
int plan_offline(const struct inventory *inventory, czone_node_id node, const struct block_run *run,
                 unsigned timeout_ms, struct plan **ret_plan);

/*
 * What takes back the first n_done ops of a plan, in reverse order: an onlined block goes back to the state
 * it was in, attributes get their old values, a reclaim has no undo. As far as it can: one that fails must
 * not keep the others from being undone. Returns 0, -EINVAL (n_done above n_ops) or -ENOMEM.
 */
int plan_undo(const struct plan *plan, size_t n_done, unsigned timeout_ms, struct plan **ret_undo);

/*
 * Checks a block op against what the block is now, right before it is done. Returns 1 (do it), 0 (already
 * so), -ESTALE (the block is on another node or in a state the plan did not count on) or -EINVAL (no block
 * op).
 */
int plan_op_check(const struct plan_op *op, const struct czone_block *now);

/* The state a block op leads to. */
enum czone_block_state plan_op_after(const struct plan_op *op);

/* Whether the op concerns a block (else a cgroup attribute), and its name: the attribute's or the value
 * written, as "online_movable", "cpuset.mems". Static string. */
bool plan_op_is_block(const struct plan_op *op);
const char *plan_op_name(const struct plan_op *op);

#endif
