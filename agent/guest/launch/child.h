/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_CHILD_H
#define GUEST_LAUNCH_CHILD_H

#include <linux/filter.h>

#include "agent/guest/launch/plan.h"
#include "agent/guest/launch/shared.h"
#include "agent/guest/launch/skeleton.h"
#include "agent/guest/launch/stdio.h"

/* What the child has to go by. The fds are above 2. */
struct launch_child {
    struct launch_shared *shared;
    struct launch_plan *plan;
    const struct sock_fprog *filter; /* the program's, or what is left of it to be loaded */
    const struct launch_stdio *stdio;
    int tree;   /* the detached root; -EBADF with layers, and to join a container */
    int result; /* its end of the result socket, close-on-exec */
    /* Of a standby; else NULL and -EBADF. */
    const struct sock_fprog *setting_up; /* filter under which it can make its root */
    const struct czone_policy *home;     /* keeps it to the home nodes, until it has its zone's */
    struct launch_skeleton *skeleton;    /* as it has built it */
    int briefing;                        /* socket of launch/briefing.h, close-on-exec */
};

/* Everything between clone3() and execve(), in the child. Reports a failure over the result socket and exits
 * with status 127. */
_Noreturn void launch_child_run(const struct launch_child *child);

/* The same in a standby (launch/standby.h): does what no request changes, and waits. */
_Noreturn void launch_child_stand_by(struct launch_child *child);

#endif
