/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_SELF_H
#define GUEST_SELF_H

/*
 * Where czoned itself lives. Its own pages must stay off the zones' nodes, or it would stand in the way of
 * their offlining; and a cgroup that has children with controllers must have no process of its own. So it
 * moves into a leaf, "daemon", that is confined to the home nodes.
 */

#include <czone/context.h>

#define SELF_CGROUP_ROOT "/sys/fs/cgroup"

struct self {
    char base[256]; /* the cgroup we manage, below SELF_CGROUP_ROOT: czone_ctx_options.cgroup_base */
    bool moved;     /* we are in the leaf already */
};

/*
 * Checks what the kernel must have, and finds the cgroup to manage: the one given, else our own if it was
 * delegated to us (systemd's Delegate=), else "czone". Under Delegate= moves into the leaf at once, since a
 * context cannot enable controllers in a cgroup that has processes.
 *
 * @cgroup  NULL: find out
 *
 * Returns 0, -EOPNOTSUPP (cgroup v1 only), -ENOENT (no cgroup or no memory block interface) or errors of
 * reading and writing; what is missing, and what to do about it, has been logged.
 */
int self_prepare(struct self *self, const char *cgroup);

/* With a context: moves into the leaf if that has not been done, and confines it to the home nodes. Returns 0
 * or a negative errno, which has been logged. */
int self_confine(struct self *self, struct czone_ctx *ctx);

/* Allows us as many open files as we may have: several for each container, and what waits in pools. The
 * launcher gives children the usual limit. */
void self_raise_limits(void);

/* Keeps the kernel's OOM killer away from us (root only; the launcher gives children 0 back). */
void self_protect(void);

#endif
