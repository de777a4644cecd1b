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

#include "agent/guest/launch/launch.h"

/* What one is made of; borrowed, but for the socket. */
struct launch_standby_kit {
    int cgroup;              /* fd of its directory; -EBADF: the caller's own */
    int memory;              /* of its briefing: launch_briefing_open() */
    int *socket;             /* likewise; taken */
    int setting_up, running; /* filters: launch_seccomp_compile_standby() */
};

struct launch_standby {
    /* As of a process on its way, without a tty, with a stdin. pidfd -EBADF: there is none. */
    struct launch launch;
};

#define LAUNCH_STANDBY_INIT                                                                                  \
    {                                                                                                        \
        .launch = LAUNCH_INIT                                                                                \
    }

/*
 * Starts one; returns while it sets itself up, which takes it some milliseconds. It may be briefed
 * (launch/briefing.h) at any time from here on. What it cannot do it tells when it is to run.
 *
 * Needs CAP_SYS_ADMIN. One thread, as for launch_start(). Returns 0, or errors of launch_filter_read(),
 * launch_shared_open(), pipe2(2) and clone3(2): then there is none. The socket is closed here once it is
 * born, before it can be told anything: so that whoever tells one that has ended learns it.
 */
int launch_standby_start(const struct launch_standby_kit *kit, struct launch_standby *ret_standby);

/*
 * Has it run what it was briefed for, now that its cgroup is bound, and hands it over to *ret_launch. What
 * became of it launch_result_read() tells, also if it has ended by now. It must have been briefed. Returns
 * the request, which is there as long as ret_launch->shared.
 */
const struct launch_request *launch_standby_run(struct launch_standby *standby, struct launch *ret_launch);

/* Ends it, waiting for that. Accepts LAUNCH_STANDBY_INIT, and leaves it behind. */
void launch_standby_drop(struct launch_standby *standby);

#endif
