/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_PROGRAM_H
#define GUEST_PROGRAM_H

/*
 * What runs in a zone: a cgroup, the first process in it, and what it writes.
 *
 *     program_start() -> started() -> exited() -> emptied()
 *     program_stop() at any time -> [exited() if it ran] -> emptied()
 */

#include <event2/event.h>
#include <signal.h>

#include <czone/cgroup.h>
#include <czone/zone.h>

#include "agent/guest/launch.h"
#include "agent/guest/log_ring.h"
#include "agent/guest/refusal.h"
#include "agent/guest/spawn_request.h"

struct manager;

struct program_ops {
    /* The program runs, or never will (refusal not NULL): then call program_stop(). */
    void (*started)(void *owner, const struct refusal *refusal);
    /* The first process of a program that ran has ended; what is left of it is being killed. */
    void (*exited)(void *owner, const siginfo_t *status);
    /* There is new output in the log, or its end. */
    void (*wrote)(void *owner);
    /* Nothing of it is left. result -ETIMEDOUT: something does not die; its cgroup stays. */
    void (*emptied)(void *owner, int result);
};

struct program {
    struct manager *manager;
    const struct program_ops *ops;
    void *owner;
    struct log_ring *log;                /* borrowed */
    const struct spawn_request *request; /* borrowed, for what a launch may refuse */
    struct czone_cgroup *cgroup;
    struct launch launch;
    bool running; /* exec succeeded and the end was not seen yet */
    bool reaped;  /* no first process is left, or none ever was */
    bool stopping;
    bool log_ended;
    struct event *result_event, *pid_event, *out_event, *err_event, *timer;
};

#define PROGRAM_INIT                                                                                         \
    {                                                                                                        \
        .launch = LAUNCH_INIT, .reaped = true                                                                \
    }

/*
 * Makes a cgroup, binds it to the zone and starts the program in it.
 *
 * @program  PROGRAM_INIT with manager, ops, owner and log set
 * @name     of the cgroup, the zone's
 * @pids     the most processes it may have
 *
 * Returns 0, and started() follows; or a negative errno with a refusal: then call program_stop().
 */
int program_start(struct program *program, struct czone_zone *zone, const char *name,
                  const struct spawn_request *request, int64_t pids, struct refusal *refusal);

/* Sends a signal to every process. Returns 0, -ESRCH (none is there) or a negative errno. */
int program_signal(struct program *program, int signal);

/* Kills all of it. emptied() follows, or is called from within. Again is harmless. */
void program_stop(struct program *program);

/* Looks whether all of it has ended; call it when a cgroup's events have changed. emptied() may follow from
 * within. */
void program_check(struct program *program);

/* Whether the kernel killed a process of it for its memory limit (memory.events). Read it before
 * program_remove(). */
bool program_oom_killed(struct program *program);

/* Removes the empty cgroup. */
void program_remove(struct program *program);

/* Frees what it holds; kills nothing, removes nothing. */
void program_done(struct program *program);

/* For a refusal by the launcher: the wire's error for a trouble of the request. */
int program_refuse(const struct launch_failure *failure, const struct spawn_request *request,
                   struct refusal *refusal);

#endif
