/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_STANDBY_H
#define GUEST_LAUNCH_STANDBY_H

/*
 * A container's first process that is there before its request: born in the cgroup that will be the
 * container's, in namespaces of its own, with all done that no request changes (launch/skeleton.h), it waits
 * to be told what to run. Of a start, that leaves the root, the program's identity and exec().
 *
 * It serves one container, and ends with the process that has started it.
 */

#include <stdbool.h>

#include "agent/guest/launch/launch.h"
#include "agent/guest/launch/shared.h"

struct launch_standby {
    /* As of a process on its way, without a tty, with a stdin. pidfd -EBADF: there is none. */
    struct launch launch;
    bool briefed;
};

#define LAUNCH_STANDBY_INIT                                                                                  \
    {                                                                                                        \
        .launch = LAUNCH_INIT                                                                                \
    }

/*
 * Starts one; returns while it sets itself up, which takes it some milliseconds. What it cannot do it tells
 * whoever wants to use it.
 *
 * cgroup: fd of its directory, borrowed; -EBADF: the caller's own. Needs CAP_SYS_ADMIN. One thread, as for
 * launch_start(). Returns 0, or errors of mmap(2), pipe2(2) and clone3(2): then there is none.
 */
int launch_standby_start(int cgroup, struct launch_standby *ret_standby);

/* Whether a container of this request can be made of one: not with the guest's own root, whose mounts it
 * lacks, nor with a network of its own, which /sys would have to be of, nor with users of its own, who own
 * what is in /dev; nor one to join, nor one that a runtime makes. Pure. */
bool launch_standby_can(const struct launch_request *request);

/* The same of this one, which must have set itself up, and not have been briefed. Waits until it has, if need
 * be. */
bool launch_standby_suits(struct launch_standby *standby, const struct launch_request *request);

/*
 * Tells it what to run. It does at once all that can be done before its zone is bound: what is left is
 * exec(). Its cgroup must be confined by then (czone_cgroup_confine()), for it has its memory policy, and the
 * filter under which it could set none, before the zone's node is there for it. tree: of the root, borrowed.
 * Returns 0, -EPIPE (it has ended), -ENOBUFS (the request is too long for it).
 */
int launch_standby_brief(struct launch_standby *standby, struct launch_plan *plan, int tree,
                         const struct sock_fprog *filter);

/* The request it was briefed with; NULL: it was not. */
const struct launch_request *launch_standby_briefing(const struct launch_standby *standby);

/*
 * Has it run what it was briefed for, now that its cgroup is bound, and hands it over to *ret_launch. Returns
 * 0, also if it has ended because the request does not fit the root, which launch_result_read() tells then;
 * or -EPIPE: it was killed. It is still the caller's then, and what it was briefed with is used up: drop it,
 * and start another process with a plan of its own.
 */
int launch_standby_run(struct launch_standby *standby, struct launch *ret_launch);

/* Ends it, waiting for that. Accepts LAUNCH_STANDBY_INIT, and leaves it behind. */
void launch_standby_drop(struct launch_standby *standby);

/*
 * In the standby: waits for launch_standby_brief(). The fds of layers and sources in shared->plan, and the
 * tree, are its own then. Returns 0, -EPIPE (nobody needs it any more) or a negative errno.
 */
int launch_standby_wait(int result, struct launch_shared *shared, int *ret_tree);

/* In the standby: waits for launch_standby_run(). Returns 0, -EPIPE or a negative errno. */
int launch_standby_wait_run(int result);

#endif
