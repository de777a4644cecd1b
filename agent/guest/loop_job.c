/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/loop_job.h"

#include <errno.h>
#include <stddef.h>

/* The deadline may have moved: it is asked for anew each time. */
static int arm(struct loop_job *loop_job)
{
    int ms = czone_job_timeout_ms(loop_job->job);
    struct timeval timeout = { .tv_sec = ms / 1000, .tv_usec = (suseconds_t)(ms % 1000) * 1000 };

    return event_add(loop_job->event, &timeout) < 0 ? -ENOMEM : 0;
}

void loop_job_look(struct loop_job *loop_job)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct loop_job finished;
    int r;

    r = czone_job_process(loop_job->job, &failure);
    if (r == 0) {
        r = arm(loop_job);
        if (r == 0)
            return;
        failure.error = r;
    }
    finished = *loop_job;
    loop_job->job = NULL;
    loop_job->event = NULL;
    finished.done(finished.job, r < 0 ? r : 0, &failure, finished.data);
    loop_job_stop(&finished);
}

static void on_progress(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    loop_job_look(data);
}

int loop_job_start(struct loop_job *loop_job, struct event_base *base, struct grace *grace,
                   struct czone_job *job,
                   void (*done)(struct czone_job *, int, const struct czone_failure *, void *), void *data)
{
    int fd = czone_job_fd(job), r = -ENOMEM;

    *loop_job = (struct loop_job){ .job = job, .done = done, .data = data };
    if (czone_job_has_helper(job)) {
        grace_hold(grace);
        loop_job->grace = grace;
    }
    /* One that is over has no descriptor, and no time left. */
    loop_job->event = event_new(base, fd < 0 ? -1 : fd, fd < 0 ? 0 : EV_READ, on_progress, loop_job);
    if (loop_job->event != NULL)
        r = arm(loop_job);
    if (r < 0)
        loop_job_stop(loop_job);
    return r;
}

void loop_job_stop(struct loop_job *loop_job)
{
    if (loop_job->event != NULL)
        event_free(loop_job->event);
    loop_job->event = NULL;
    if (loop_job->job == NULL)
        return;
    loop_job->job = czone_job_unref(loop_job->job);
    if (loop_job->grace != NULL)
        grace_release(loop_job->grace);
    loop_job->grace = NULL;
}
