/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_JOIN_H
#define GUEST_LAUNCH_JOIN_H

/* One more process in a container that runs (exec). target: pidfd of the container's first process. */

#include "agent/guest/launch/root.h"
#include "agent/guest/launch/step.h"

/* Opens the root of the container as its first process sees it: all mounts are there, nothing is hidden.
 * Returns 0 or failure->error (LAUNCH_GONE, -ESRCH). The caller calls launch_root_close() in both cases. */
int launch_join_root(struct launch_root *root, int target, struct launch_failure *failure);

/*
 * From here on children of the caller are born in the container's pid namespace; the caller itself stays
 * where it is. *ret_own: what launch_join_leave() undoes it with. Returns 0, -ESRCH (the container has ended)
 * or errors of open() and setns().
 */
int launch_join_pids(int target, int *ret_own);

/* Whether the first process of the container has ended. */
bool launch_join_ended(int target);

/* Undoes launch_join_pids() and closes *own; does nothing for -EBADF. */
void launch_join_leave(int *own);

/* In the child: enters the container's other namespaces. Its root and working directory are the container's
 * root then. */
int launch_join_enter(int target, struct launch_step *step);

#endif
