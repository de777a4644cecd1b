/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_BACKEND_HIERARCHY_H
#define CZONE_BACKEND_HIERARCHY_H

#include <czone/failure.h>

struct czone_sys;

/*
 * The shape of the cgroup tree: where it is mounted, which controllers there are, making groups with
 * controllers in them. Behind this header stands libcgroup; nothing else in the library includes it.
 */

/*
 * The home-confined cgroup of the helpers. libcgroup enables controllers in every group above the one it
 * makes, so making this one gives them to all leaves of the base. No zone's or container's name starts with a
 * dot.
 */
#define HELPER_CGROUP ".helper"

/*
 * Makes the base, with cpuset, memory and pids for the groups in it, cpu and io too where they can be had,
 * and opens it as sys->base_fd. sys->cgroup_fd and sys->base are set. Returns 0, -EOPNOTSUPP (no cgroup v2,
 * or a controller is missing) or errors of mkdir() and write().
 */
int hierarchy_open(struct czone_sys *sys, struct czone_failure *failure);

/* Makes a leaf of the base. Returns its directory fd, -EEXIST or errors of mkdir(). */
int hierarchy_create(struct czone_sys *sys, const char *name);

#endif
