/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_SCRATCH_JOB_H
#define GUEST_CONTAINER_SCRATCH_JOB_H

/*
 * A helper process that removes from a scratch disk: there may be much to remove, and disks hang. It dies
 * with czoned, so that nothing is removed that a later one has made.
 */

#include <sys/queue.h>

struct manager;
struct scratch_job;

TAILQ_HEAD(scratch_job_list, scratch_job);

enum scratch_work {
    SCRATCH_REMOVE, /* a directory with all that is in it */
    SCRATCH_CLEAR,  /* from a scratch, all directories of earlier boots */
};

/* "czone.BOOT.NUMBER" */
#define SCRATCH_NAME_PREFIX  "czone."
#define SCRATCH_NUMBER_CHARS 16

/*
 * Starts it.
 *
 * @path   absolute, copied
 * @done   called once from the loop with 0 or a negative errno, which has been logged; NULL: nobody is told
 *
 * Returns 0 or a negative errno: -ENAMETOOLONG, -ENOMEM, or of clone3().
 */
int scratch_job_start(struct manager *manager, enum scratch_work work, const char *path,
                      void (*done)(void *owner, int result), void *owner, struct scratch_job **ret_job);

/* It goes on, but nobody is told of its end. Accepts NULL. */
void scratch_job_leave(struct scratch_job *job);

/* Ends all of them, at the end of the daemon. The next one begins again what containers wait for. */
void scratch_jobs_done(struct manager *manager);

#endif
