/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_CHILD_H
#define GUEST_LAUNCH_CHILD_H

#include <linux/filter.h>

#include "agent/guest/launch_plan.h"

/* What the child is born with. The fds are above 2. */
struct launch_child {
    struct launch_plan *plan;
    const struct sock_fprog *filter;
    int tree;   /* the detached root; -EBADF with layers */
    int result; /* write end, close-on-exec */
    int log;    /* write end */
};

/* Everything between clone3() and execve(), in the child. Reports a failure through the result pipe and exits
 * with status 127. */
_Noreturn void launch_child_run(const struct launch_child *child);

#endif
