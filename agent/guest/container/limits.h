/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_LIMITS_H
#define GUEST_CONTAINER_LIMITS_H

/* What a running container may use: cgroup attributes, as io.czone.Container names them (type Limits). */

#include <czone/cgroup.h>

#include "agent/guest/refusal.h"

/* cpu.weight(5) of the kernel. */
#define LIMITS_WEIGHT_MIN 1
#define LIMITS_WEIGHT_MAX 10000
/* Thousandths of a CPU. The kernel wants a quota of 1 ms at least, of the 100 ms that ours are a part of; no
 * kernel runs more CPUs than the most. */
#define LIMITS_QUOTA_MIN 10
#define LIMITS_QUOTA_MAX 8192000
/* PID_MAX_LIMIT of the kernel. */
#define LIMITS_PIDS_MAX 4194304

#define LIMITS_KEEP (-1)
#define LIMITS_NONE 0

struct limits {
    int64_t memory;     /* bytes */
    int64_t pids;       /* processes and threads */
    int64_t cpu_weight; /* share among containers that all want to run; 100 is what each begins with */
    int64_t cpu_quota;  /* thousandths of a CPU; LIMITS_NONE: no quota */
};

#define LIMITS_INIT                                                                                          \
    {                                                                                                        \
        .memory = LIMITS_KEEP, .pids = LIMITS_KEEP, .cpu_weight = LIMITS_KEEP, .cpu_quota = LIMITS_KEEP      \
    }

/*
 * Sets those that are not LIMITS_KEEP: all of them, or none.
 *
 * @usable  the most memory its zone allows, in bytes (czone_zone_usable_bytes())
 *
 * Returns 0, or a negative errno with a refusal, and the limits are as before:
 *   -ERANGE      LimitRefused: more memory than the zone has, or less than the container uses now: the kernel
 *                would kill it
 *   -EOPNOTSUPP  LimitRefused: this kernel has no such controller
 *   others       System: the kernel's own, of reading and writing
 * Writes to files of the kernel; blocks no longer than that, since nothing has to be reclaimed.
 */
int container_limits_set(struct czone_cgroup *cgroup, const struct limits *limits, uint64_t usable,
                         struct refusal *refusal);

/* The limits that are in force, as on the wire. Returns NULL without memory. */
json_t *container_limits_json(struct czone_cgroup *cgroup);

#endif
