/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_VERIFY_H
#define CZONE_VERIFY_H

#include <czone/zone.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The kernel's own numbers about one zone, all in bytes. */
struct czone_verification {
    /* memory.numa_stat of the zone's cgroup: anon + file (shmem is part of file). */
    uint64_t user_on_zone;
    uint64_t user_on_home;
    uint64_t user_elsewhere; /* on nodes that are neither: must be 0 */
    uint64_t kernel_on_zone; /* slab, page tables, stacks: expected 0, ZONE_MOVABLE takes none */
    /* nodeN/meminfo and zoneinfo of the zone's node. */
    uint64_t node_total;
    uint64_t node_used;    /* MemTotal less MemFree */
    uint64_t node_percpu;  /* free pages parked in per-CPU lists of this node (zoneinfo "pagesets … count"):
                              neither free nor used */
    uint64_t node_foreign; /* used, not the cgroup's and not parked: somebody else's, or not yet flushed
                              counters */
    /* What node_foreign may be without meaning anything: per-CPU batches of memcg counters and of pagevecs
     * not yet drained. */
    uint64_t slack;
    bool exclusive; /* node_foreign <= slack and user_elsewhere == 0 */
};

/*
 * Compares a bound zone with the kernel's numbers.
 * Returns 0 (also when not exclusive: look at the result), -EINVAL (zone not bound) or errors of read().
 * Reads four files; the counters are not one snapshot, so verify a quiet container for exact figures.
 */
int czone_zone_verify(struct czone_zone *zone, struct czone_verification *ret_verification);

#ifdef __cplusplus
}
#endif

#endif
