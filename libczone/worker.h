/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_WORKER_H
#define CZONE_WORKER_H

#include "ctx.h"
#include "execute.h"

/* A helper process as its parent sees it. */
struct worker {
    pid_t pid; /* 0: none runs */
    int pidfd;
    int fd; /* reports come in, "go" goes out */
    uint64_t deadline_ns;
    bool is_killed;
    uint32_t n_plans;
    struct execute_result *results; /* of the ops of all plans, in their order; shared with the helper */
    size_t n_results;
};

#define WORKER_INIT                                                                                          \
    {                                                                                                        \
        .pidfd = -EBADF, .fd = -EBADF                                                                        \
    }

/*
 * Forks a helper that will carry out the plans, one at each worker_go(). cgroup_fd: for their cgroup ops, -1
 * for none. Returns 0 or errors of the backend's fork(); the deadline is deadline_ns.
 */
int worker_start(struct czone_ctx *ctx, struct plan *const *plans, size_t n_plans, int cgroup_fd,
                 uint64_t deadline_ns, struct worker *ret_worker);

/* A worker with nothing to do, whose fd is readable at once and which is over. */
int worker_start_none(uint64_t deadline_ns, struct worker *ret_worker);

/* Lets it begin a plan, which those before it need not have been; see struct execute_go. A helper that is
 * gone already is found out by worker_next(). */
void worker_go(struct worker *worker, uint32_t plan, uint64_t reclaim);

/*
 * 1: a plan is through and another waits for its go; 0: not yet; -EPIPE: it is over, with all plans through,
 * one failed or the helper gone. Does not block.
 */
int worker_next(struct worker *worker);

/* Ends it; worker_next() tells when it has. */
void worker_kill(struct worker *worker);

/* Ends and reaps it, closes everything. Accepts one that was never started. */
void worker_done(struct worker *worker);

#endif
