/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_JOB_H
#define CZONE_JOB_H

#include <czone/failure.h>

#ifdef __cplusplus
extern "C" {
#endif

struct czone_zone;
struct czone_release;

/*
 * Work under way in a helper process: blocking writes to memoryN/state may loop in the kernel for ever, and
 * only a signal ends them (Documentation/admin-guide/mm/memory-hotplug.rst), so they are done by a child that
 * can be killed. The helper is confined to the home nodes, so that pages the kernel migrates out of a zone go
 * home and not into another zone.
 *
 * Use with any event loop: wait until czone_job_fd() is readable or czone_job_timeout_ms() has passed, call
 * czone_job_process(). The helper is a child of the calling process that a wait for all children could reap:
 * the job copes with that. It dies with the thread that started the job (prctl(2), PR_SET_PDEATHSIG): start
 * jobs from a thread that lives as long as they do. A reserve whose helper dies is undone, a release
 * quarantined.
 */
struct czone_job;

/* Readable when there is something for czone_job_process() to do. Borrowed. -EBADF, which poll(2) skips, for
 * a job that never had anything to wait for: it is over as soon as czone_job_process() is called. */
int czone_job_fd(const struct czone_job *job);

/*
 * Milliseconds until the job's deadline, 0 when it has passed or the job is done. When the helper was ended
 * for that and is on its way out: a long time, for the descriptor tells.
 */
int czone_job_timeout_ms(const struct czone_job *job);

/*
 * Takes what the helper reports; at the deadline ends it. Never waits for the kernel's memory work; reads and
 * writes some small files, under the lock of the run directory. Returns 1 when the job is done and its result
 * can be taken, 0 while it runs, or the job's error (then it is over as well, and what could be undone has
 * been).
 */
int czone_job_process(struct czone_job *job, struct czone_failure *failure);

/* Waits for the end of the job; returns 0 or its error. Blocks, at most until the deadline and, with a
 * reserve that failed, as long again for its undo. */
int czone_job_wait(struct czone_job *job, struct czone_failure *failure);

/* Whether a helper works for it. A reserve of memory that is online already has none: it is over as soon as
 * czone_job_process() is called. */
bool czone_job_has_helper(const struct czone_job *job);

/* Result of a reserve: a new reference. -EINPROGRESS before the end, -EINVAL for a job of another kind. */
int czone_job_zone(struct czone_job *job, struct czone_zone **ret_zone);

/* Result of a release: see czone/release.h. Errors as above. The account is the caller's:
 * czone_release_done(). */
int czone_job_release(struct czone_job *job, struct czone_release *ret_release);

/* Drops the job; one that still runs is ended and a reserve undone, for which this blocks up to its
 * timeout_ms. Accepts NULL, returns NULL. */
struct czone_job *czone_job_unref(struct czone_job *job);

#ifdef __cplusplus
}
#endif

#endif
