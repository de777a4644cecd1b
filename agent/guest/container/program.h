/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_PROGRAM_H
#define GUEST_CONTAINER_PROGRAM_H

/*
 * What runs in a zone: a cgroup, and in it what a keeper has started and keeps.
 *
 *     program_start() or program_adopt() -> started() -> exited() -> emptied()
 *     program_stop() at any time -> [exited() if it ran] -> emptied()
 */

#include <event2/event.h>

#include <czone/cgroup.h>
#include <czone/zone.h>

#include "agent/guest/container/input.h"
#include "agent/guest/container/keeper_link.h"
#include "agent/guest/container/program_log.h"
#include "agent/guest/container/spawn_request.h"
#include "agent/guest/launch/launch.h"
#include "agent/guest/refusal.h"

struct manager;

/* How a program ended. */
struct program_exit {
    int status, signal; /* one of them is -1 */
    int64_t time;       /* realtime, ns */
    uint64_t monotonic; /* ns */
    bool keeper_lost;   /* nobody can tell how: its keeper was killed, and it was killed for that */
};

struct program_ops {
    /* The program runs since that time (realtime), or never will (refusal not NULL): then call
     * program_stop(). */
    void (*started)(void *owner, int64_t time, const struct refusal *refusal);
    /* The first process of a program that ran has ended; what is left of it is being killed. */
    void (*exited)(void *owner, const struct program_exit *exit);
    /* The log is complete. */
    void (*log_ended)(void *owner);
    /* No process of it is left. result -ETIMEDOUT: something does not die; its cgroup stays. */
    void (*emptied)(void *owner, int result);
};

struct program {
    struct manager *manager;
    const struct program_ops *ops;
    void *owner;
    const char *name;                    /* of the container; borrowed */
    const struct spawn_request *request; /* borrowed, for what a launch may refuse */
    int dir_fd;                          /* its run directory; borrowed */
    struct czone_cgroup *cgroup;
    int exits_wd;                  /* of its cgroup.events, in manager->exits_fd; negative: not watched */
    struct keeper_standby standby; /* in cgroup, before the start */
    czone_node_id planned;         /* where it was told that the zone would be */
    struct keeper_link keeper;
    int pid;
    bool starting; /* a keeper has it, and has not said yet what became of it */
    bool running;  /* exec succeeded and the end was not seen yet */
    bool stopping;
    bool emptied; /* said, and the log's end is awaited */
    struct program_log output;
    struct input input;
    struct event *timer;
};

#define PROGRAM_INIT                                                                                         \
    {                                                                                                        \
        .dir_fd = -EBADF, .exits_wd = -1, .standby = KEEPER_STANDBY_INIT, .keeper = KEEPER_LINK_INIT         \
    }

/* Sets it up; name: the id of its container, borrowed. It has no run directory yet: program_set_dir(),
 * borrowed. */
void program_init(struct program *program, struct manager *manager, const struct program_ops *ops,
                  void *owner, const char *name);
void program_set_dir(struct program *program, int dir_fd);

/*
 * Makes a cgroup, binds it to the zone and has a keeper start the program in it.
 *
 * @program  with its run directory
 * @name     of the cgroup, the zone's
 * @pids     the most processes it may have
 *
 * A cgroup without process that an earlier czoned has made for it is used as it is.
 *
 * Returns 0, and started() follows; or a negative errno with a refusal: then call program_stop().
 */
int program_start(struct program *program, struct czone_zone *zone, const char *name,
                  const struct spawn_request *request, int64_t pids, struct refusal *refusal);

/*
 * Takes over what an earlier czoned has started.
 *
 * @program  as for program_start()
 * @cgroup   path of its cgroup; "": it had none yet
 * @running  it is known to have run: started() is not called any more
 *
 * Returns one of
 *
 * - 1: a keeper has it, or had: started() and exited() follow as it says; if the keeper is dead, from within,
 *   and so may emptied()
 * - 0: no keeper ever got it: call program_start() or program_stop()
 * - -ENOMEM, or errors of czone_cgroup_open(): call program_stop(), or, if it is known to run, keeper_kill()
 *   and program_lose()
 */
int program_adopt(struct program *program, const char *cgroup, const struct spawn_request *request,
                  bool running);

/* Its keeper was killed, so is the program, whose end nobody would see: exited() and emptied() follow. */
void program_lose(struct program *program);

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

/* Its keeper is needed no more: all it knows is known. */
void program_forget(struct program *program);

/* Frees what it holds; kills nothing, removes nothing: a keeper goes on. Its output can still be read. */
void program_done(struct program *program);

#endif
