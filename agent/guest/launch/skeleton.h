/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_SKELETON_H
#define GUEST_LAUNCH_SKELETON_H

/*
 * What does not depend on the request, set up by a process that waits for one: a mount namespace with nothing
 * in it but a /dev and a /sys for one container, on a tmpfs, and an IPC namespace. The container's first
 * process is born with a copy of the mounts and moves the two into its root. A skeleton serves one container:
 * nobody else sees these file systems.
 *
 * A process that has made one is in the guest's mount namespace as before, and in the skeleton's IPC
 * namespace.
 */

#include <errno.h>
#include <stdbool.h>

#include "agent/guest/launch/plan.h"

/* Where layers can be stacked in it. */
#define LAUNCH_SKELETON_SCRATCH "/scratch"

struct launch_skeleton {
    int mounts; /* its mount namespace; -EBADF: there is none */
    int guest;  /* the guest's */
    int root;   /* this process's root there */
    int ipc;    /* the guest's IPC namespace */
};

#define LAUNCH_SKELETON_INIT                                                                                 \
    {                                                                                                        \
        .mounts = -EBADF, .guest = -EBADF, .root = -EBADF, .ipc = -EBADF                                     \
    }

/*
 * Makes one. Needs CAP_SYS_ADMIN and CAP_SYS_CHROOT; the process must have one thread. Takes some
 * milliseconds.
 *
 * Returns 0 or a negative errno of the mount calls: the process is then where it was (-EINVAL: the guest runs
 * from its initramfs, where pivot_root() does not work). A process that could not go back ends.
 */
int launch_skeleton_make(struct launch_skeleton *ret_skeleton);

/* Whether a container of this plan can begin there: not with the guest's own root, whose mounts it lacks, nor
 * with a network of its own, which /sys would have to be of, nor with users of its own, who own what is in
 * /dev; nor one to join, nor one that a runtime makes. */
bool launch_skeleton_suits(const struct launch_skeleton *skeleton, const struct launch_plan *plan);

/* Goes into its mount namespace. Returns 0 or a negative errno of setns(). */
int launch_skeleton_enter(const struct launch_skeleton *skeleton);

/* Goes back; a process that cannot ends. */
void launch_skeleton_leave(const struct launch_skeleton *skeleton);

/* For a program that it does not suit: back into the guest's IPC namespace, which a runtime's container may
 * have to share. Accepts LAUNCH_SKELETON_INIT. Returns 0 or a negative errno of setns(). */
int launch_skeleton_decline(const struct launch_skeleton *skeleton);

/* Gives it up; may wait for a grace period of the kernel. Accepts LAUNCH_SKELETON_INIT. */
void launch_skeleton_drop(struct launch_skeleton *skeleton);

/* In the container's process: its /dev and /sys. Returns 0 or a negative errno of open(); the fds are the
 * caller's. */
int launch_skeleton_open(int *ret_dev, int *ret_sys);

#endif
