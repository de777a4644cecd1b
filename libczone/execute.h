/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_EXECUTE_H
#define CZONE_EXECUTE_H

#include <czone/sys/backend.h>

#include "core/plan.h"

/* Where a plan is carried out. */
struct execute_target {
    const struct czone_backend *backend;
    struct czone_sys *sys;
    int cgroup_fd; /* of the cgroup ops; -1 where the plan has none */
};

/* Tells how one op went; op EXECUTE_END: the plan is through. */
struct execute_report {
    uint32_t plan; /* which one of those given to the helper */
    uint32_t op;
    int32_t error; /* 0 or a negative errno */
    uint32_t padding;
    uint64_t start_ns; /* clock_ns() */
    uint64_t end_ns;
};

#define EXECUTE_END UINT32_MAX

/* Carries out one op, after a check of it against the machine. Async-signal-safe for block ops and
 * PLAN_MEMORY_RECLAIM. Returns 0 or a negative errno; -ENOENT: the block or cgroup is gone. */
int execute_op(const struct execute_target *target, const struct plan *plan, const struct plan_op *op);

/*
 * The life of a helper: for each plan, waits for a byte on the socket, carries the plan out and reports each
 * op, and each attempt at one that has to be tried again. is_done: one element per op of the longest plan, 0.
 * Async-signal-safe; does not return.
 */
_Noreturn void execute_plans(const struct execute_target *target, struct plan *const *plans, size_t n_plans,
                             uint8_t *is_done, int socket_fd);

#endif
