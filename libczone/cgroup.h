/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CGROUP_INTERNAL_H
#define CZONE_CGROUP_INTERNAL_H

#include <czone/cgroup.h>

#include "ctx.h"

struct czone_cgroup {
    unsigned n_refs;
    struct czone_ctx *ctx;
    int fd;
    char *path;
};

/* Whether processes are left in it: 1, 0 or a negative errno (-ENODEV: the cgroup is removed). */
int cgroup_is_populated(struct czone_ctx *ctx, int cgroup_fd);

#endif
