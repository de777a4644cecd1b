/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_POLICY_H
#define CZONE_POLICY_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define CZONE_POLICY_MAX_NODES 1024

/* A memory policy ready for set_mempolicy(2). A plain value: copy it into the child, or over a pipe to
 * another program. */
struct czone_policy {
    int mode; /* MPOL_BIND | MPOL_F_RELATIVE_NODES */
    unsigned long nodes[CZONE_POLICY_MAX_NODES / (8 * sizeof(unsigned long))];
};

/*
 * Gives the calling thread, and all it forks or execs, this policy: one set_mempolicy(2). The thread must
 * already be in the zone's cgroup, bound or confined (czone_cgroup_confine()), since the policy is relative
 * to its cpuset. Async-signal-safe, hence usable between fork (or clone3) and exec. Returns 0 or -errno
 * (-EPERM under a seccomp filter).
 */
int czone_policy_apply(const struct czone_policy *policy);

#ifdef __cplusplus
}
#endif

#endif
