/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_TREE_H
#define GUEST_LAUNCH_TREE_H

#include "agent/guest/launch/plan.h"
#include "agent/guest/launch/skeleton.h"
#include "agent/guest/launch/step.h"

/*
 * The root of a container as a detached copy: no device files, no set-user-ID, and read-only if it is the
 * guest's own. Called in the guest's mount namespace (copying needs it), changes nothing there. Returns the
 * fd or a negative errno.
 */
int launch_tree_copy(const struct launch_root *root);

/*
 * Makes the tree (with layers: what they are stacked to; tree is not used) the root of the calling process,
 * which is the first of its mount, pid and cgroup namespaces, and mounts /proc, /sys, /sys/fs/cgroup, /dev,
 * and with the guest's own root /tmp and /run. skeleton: what that process has built; its mounts are moved
 * and its fds taken, and what is left of it lies covered below the root, unless there are layers. NULL: none.
 * The umask must be 0. Returns 0 or a negative errno, and *step says at what.
 */
int launch_tree_enter(const struct launch_plan *plan, int tree, struct launch_skeleton *skeleton,
                      struct launch_step *step);

#endif
