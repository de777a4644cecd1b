/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_SKELETON_H
#define GUEST_LAUNCH_SKELETON_H

/*
 * What a container's mounts have in common, built by its first process before the request is known
 * (launch/standby.h): a root of its own, in which there are /dev, /sys and /proc, complete with what is
 * mounted and masked there, and two empty directories. The three are moved into the container's root later.
 * Nothing of the guest's is left in the mount namespace.
 */

#include "agent/guest/launch/step.h"

/* Where layers can be stacked in it. */
#define LAUNCH_SKELETON_SCRATCH "/scratch"

/*
 * Builds it. Called by the first process of its mount, pid, IPC and cgroup namespaces, with umask 0. Returns
 * 0 or a negative errno of the mount calls, and *step says at what (-EINVAL: the guest runs from its
 * initramfs, where pivot_root() does not work).
 */
int launch_skeleton_build(struct launch_step *step);

/* Its /dev, /sys and /proc. Returns 0 or a negative errno of open(); the fds are the caller's. */
int launch_skeleton_open(int *ret_dev, int *ret_sys, int *ret_proc);

#endif
