/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_JOB_INTERNAL_H
#define CZONE_JOB_INTERNAL_H

#include <czone/job.h>
#include <czone/release.h>

#include "worker.h"
#include "zone.h"

/* What a job does with its helper's reports. */
struct job_kind {
    /* Called at each czone_job_process() while job->is_waiting. */
    void (*awaited)(struct czone_job *job);
    /* A plan is through and another one waits for its go. */
    void (*report)(struct czone_job *job);
    /* The helper is gone. Either brings the job to its end by job_finish(), or starts another helper by
     * job_run(). */
    void (*over)(struct czone_job *job);
};

struct czone_job {
    const struct job_kind *kind;
    struct czone_zone *zone;
    struct plan *plans[2];
    struct worker worker;
    int epoll_fd; /* -EBADF: none had a helper yet; stays the same when one follows another */
    unsigned timeout_ms;
    bool is_done;
    bool is_dropped; /* nobody wants the result any more */
    int result;
    struct czone_failure failure; /* of a job that failed */
    /* reserve */
    size_t n_done;   /* ops of plans[0] that are done, in order */
    bool is_undoing; /* plans[1] takes them back */
    /* release */
    struct czone_release release;
    bool is_offlining; /* at plans[1]; before, plans[0] empties */
    uint64_t migrated_before;
    bool is_waiting; /* the helper is there, the cgroup still has processes; nothing is changed yet */
    int cgroup_fd;   /* of the zone's cgroup, if it has one */
    int watch_fd;    /* of its events, while is_waiting */
};

/* timeout_ms: 0 stands for 10 s. */
int job_new(const struct job_kind *kind, struct czone_zone *zone, unsigned timeout_ms,
            struct czone_job **ret_job);

static inline void job_cleanup(struct czone_job **job)
{
    (void)czone_job_unref(*job);
}

/* Forks the helper for n_plans from plans[first] on; n_plans 0: ends at once. */
int job_run(struct czone_job *job, size_t first, size_t n_plans, int cgroup_fd);

/* Says in job->failure that job_run() returned error, when the helper was to do that stage. Returns error. */
int job_cannot_run(struct czone_job *job, enum czone_stage stage, int error);

/* Makes the job's descriptor readable when this one is. Returns 0 or errors of epoll_ctl(). */
int job_watch(struct czone_job *job, int fd);

/* result: 0 or the error, for which job->failure is set. */
void job_finish(struct czone_job *job, int result);

/* How an op of the plans given to the helper went; the first plan's come first. */
const struct execute_result *job_result(const struct czone_job *job, size_t op);

/* Enters the new state of the block of an op that has succeeded into the inventory. */
void job_apply(struct czone_job *job, const struct plan_op *op);

#endif
