/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LOOP_JOB_H
#define GUEST_LOOP_JOB_H

/* A czone_job in an event loop; while a helper works for it, grace periods are expedited. */

#include <event2/event.h>

#include <czone/job.h>

#include "agent/guest/zone/grace.h"

struct loop_job {
    struct czone_job *job;
    struct grace *grace; /* held; NULL: not */
    struct event *event;
    void (*done)(struct czone_job *job, int result, const struct czone_failure *failure, void *data);
    void *data;
};

/*
 * Follows a job to its end.
 *
 * @grace borrowed until it is over
 * @job   owned from here on, on failure too (then it is dropped, which undoes it)
 * @done  called once from the loop, with result 0 or the job's negative errno and its failure; the job can
 *        still be asked for its result there and is dropped when done returns. loop_job is over before: done
 *        may free it
 *
 * Returns 0 or -ENOMEM.
 */
int loop_job_start(struct loop_job *loop_job, struct event_base *base, struct grace *grace,
                   struct czone_job *job,
                   void (*done)(struct czone_job *, int, const struct czone_failure *, void *), void *data);

/* Does what the loop would do if it came to the job now: if the job is over, done is called from here. */
void loop_job_look(struct loop_job *loop_job);

/* Drops the job, which undoes it as far as it goes. Accepts one that does not run. */
void loop_job_stop(struct loop_job *loop_job);

#endif
