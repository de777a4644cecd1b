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

/* Its mounts, open. */
struct launch_skeleton {
    int dev, sys, proc;
};

#define LAUNCH_SKELETON_INIT                                                                                 \
    {                                                                                                        \
        .dev = -EBADF, .sys = -EBADF, .proc = -EBADF                                                         \
    }

/*
 * Builds it. Called by the first process of its mount, pid, IPC and cgroup namespaces, with umask 0. Returns
 * 0, and the caller calls launch_skeleton_close(), or a negative errno of the mount calls, and *step says at
 * what (-EINVAL: the guest runs from its initramfs, where pivot_root() does not work).
 */
int launch_skeleton_build(struct launch_skeleton *ret_skeleton, struct launch_step *step);

/* Closes the fds; what is mounted stays. Accepts LAUNCH_SKELETON_INIT, and leaves it behind. */
void launch_skeleton_close(struct launch_skeleton *skeleton);

#endif
