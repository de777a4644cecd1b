/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_SYS_H
#define GUEST_LAUNCH_SYS_H

#include "agent/guest/launch/step.h"

/* A container's /sys, read-only: with the devices of the network namespace of the process that makes it. */

/* Makes it, detached. Returns its fd or a negative errno. */
int launch_sys_new(struct launch_step *step);

/* Covers what tells about more than the container; it must be attached by now. dev, empty: as launch_mask().
 * Returns 0 or a negative errno. */
int launch_sys_mask(int sys, int dev, int *empty, struct launch_step *step);

/* Mounts the hierarchy of cgroups on /sys/fs/cgroup, as the process's cgroup namespace shows it. Returns 0 or
 * a negative errno. */
int launch_sys_add_cgroup(int sys, struct launch_step *step);

#endif
