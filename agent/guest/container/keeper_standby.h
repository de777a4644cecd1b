/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_KEEPER_STANDBY_H
#define GUEST_CONTAINER_KEEPER_STANDBY_H

/* A keeper that has a container's first process stand by in a cgroup, before it is sent START. */

#include <czone/cgroup.h>
#include <czone/policy.h>

#include "agent/guest/container/keeper_pool.h"
#include "agent/guest/keeper/message.h"
#include "agent/guest/launch/briefing.h"

/* What they are made of. */
struct keeper_standby_kit {
    struct keeper_pool *keepers; /* borrowed */
    int filters[2];              /* launch_seccomp_compile_standby() */
    int hall;                    /* a directory where keepers wait, each under a name of its own */
};

#define KEEPER_STANDBY_KIT_INIT                                                                              \
    {                                                                                                        \
        .filters = { -EBADF, -EBADF }, .hall = -EBADF                                                        \
    }

/*
 * Makes what they are made of; the hall below the run directory, emptied of what killed keepers have left.
 *
 * @keepers  borrowed for the kit's life
 *
 * Returns 0, or a negative errno, which has been logged. The caller calls keeper_standby_kit_close().
 */
int keeper_standby_kit_open(struct keeper_standby_kit *kit, struct keeper_pool *keepers, const char *run_dir);

/* Accepts KEEPER_STANDBY_KIT_INIT, and leaves it behind. */
void keeper_standby_kit_close(struct keeper_standby_kit *kit);

struct keeper_standby {
    const struct keeper_standby_kit *kit; /* borrowed */
    int keeper;                           /* its socket; -EBADF: there is none */
    pid_t pid;                            /* the keeper's */
    struct launch_briefing briefing;
    bool briefed;
    struct czone_policy policy; /* as it was briefed */
};

#define KEEPER_STANDBY_INIT                                                                                  \
    {                                                                                                        \
        .keeper = -EBADF, .briefing = LAUNCH_BRIEFING_INIT                                                   \
    }

/*
 * Starts a keeper and has a process stand by.
 *
 * @cgroup  in which it is born
 *
 * Returns 0, or errors of keeper_pool_start(), launch_briefing_open() and keeper_send(). The caller calls
 * keeper_standby_close().
 */
int keeper_standby_start(struct keeper_standby *standby, const struct keeper_standby_kit *kit,
                         const struct czone_cgroup *cgroup);

/* Whether it can still be told what to run. */
bool keeper_standby_waits(const struct keeper_standby *standby);

/*
 * Tells it what START will be for, so that it can begin. That is a favour: a START for something else does
 * without it.
 *
 * @plan    of a request that suits (launch_briefing_suits())
 * @policy  of the zone it will be in
 * @errand  what it does first; NULL: nothing
 *
 * Returns 0 or errors of launch_briefing_tell().
 */
int keeper_standby_brief(struct keeper_standby *standby, struct launch_plan *plan,
                         const struct czone_policy *policy, const struct launch_errand *errand);

/* Whether it was told what runs with this policy. */
bool keeper_standby_suits(const struct keeper_standby *standby, const struct czone_policy *policy);

/*
 * Has it run what it was briefed for.
 *
 * @start    KEEPER_START for its keeper; its flags are set here
 * @run_dir  in which no keeper has begun
 *
 * Returns 0 or errors of keeper_send(); then nothing runs and the run directory is as it was.
 */
int keeper_standby_run(const struct keeper_standby *standby, struct keeper_start *start, int run_dir);

/* Ends it. Accepts KEEPER_STANDBY_INIT, and leaves it behind. */
void keeper_standby_close(struct keeper_standby *standby);

#endif
