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

/*
 * How one op went. It lies in memory that helper and parent share: a message for each op would wake the
 * parent each time, and a busy CPU makes the kernel's work on the next block longer (measured: twice).
 */
struct execute_result {
    int32_t error;       /* of the last attempt: 0 or a negative errno */
    uint32_t n_attempts; /* 0: its turn has not come, or its first attempt has not ended */
    uint64_t start_ns;   /* clock_ns() of the first attempt */
    uint64_t end_ns;     /* of the last */
};

/* What a helper waits for: which plan to carry out next (those before it are left out), and what only its
 * parent knows by then. */
struct execute_go {
    uint32_t plan;
    uint64_t reclaim; /* bytes, for PLAN_MEMORY_RECLAIM */
};

/* What a helper says when a plan is through; its last word if error is not 0. */
struct execute_report {
    uint32_t plan; /* which one of those given to the helper */
    int32_t error;
};

/* Carries out one op, after a check of it against the machine. Async-signal-safe for block ops and
 * PLAN_MEMORY_RECLAIM. Returns 0 or a negative errno; -ENOENT: the block or cgroup is gone. */
int execute_op(const struct execute_target *target, const struct plan *plan, const struct plan_op *op);

/*
 * The life of a helper: waits for a struct execute_go on the socket, carries that plan out, reports, and so
 * on to the last plan. results: one element per op of all plans, in their order, zeroed. Async-signal-safe;
 * does not return.
 */
_Noreturn void execute_plans(const struct execute_target *target, struct plan *const *plans, size_t n_plans,
                             struct execute_result *results, int socket_fd);

#endif
