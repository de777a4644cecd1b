/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_ZONE_INTERNAL_H
#define CZONE_ZONE_INTERNAL_H

#include <czone/release.h>
#include <czone/zone.h>

#include "core/placement.h"
#include "ctx.h"

/* A handle: names a claim of the context's ledger, which has the truth. */
struct czone_zone {
    unsigned n_refs;
    struct czone_ctx *ctx;
    struct czone_zone_info last; /* as the claim was when it was last seen */
};

int zone_new(struct czone_ctx *ctx, const struct czone_zone_info *info, struct czone_zone **ret_zone);

static inline void zone_cleanup(struct czone_zone **zone)
{
    (void)czone_zone_unref(*zone);
}

/* The claim as it is now, NULL when it is over. Borrowed until the next change of the ledger. */
const struct czone_zone_info *zone_info(const struct czone_zone *zone);

/* CZONE_ZONE_RETURNED when the claim is over. */
enum czone_zone_state zone_state(const struct czone_zone *zone);

struct block_run zone_run(const struct czone_zone_info *info);

/*
 * Reads what other contexts have done to the claims, this zone's included. What is decided on a claim's state
 * is decided after this, and carried out by one of the functions below, which check that state again under
 * the lock. Returns 0 (also when the claim is over) or as claims_lock().
 */
int zone_refresh(struct czone_zone *zone, struct czone_failure *failure);

/*
 * Brings the claim from one state to another, in its file and in the ledger. cgroup: NULL leaves it as it is.
 * Returns 0, -ESTALE (the claim is over), -EBUSY (somebody else has brought it to another state), -EINVAL (no
 * arrow leads there) or errors of the files; then nothing changed.
 */
int zone_set(struct czone_zone *zone, enum czone_zone_state from, enum czone_zone_state to,
             const char *cgroup);

/*
 * ONLINE to BOUND, for a cgroup that no claim has. Returns as zone_set(), or -EEXIST: ret_holder is the zone
 * that has it.
 */
int zone_take_cgroup(struct czone_zone *zone, const char *cgroup, char *ret_holder, size_t size);

/* Moves the cgroup from a bound zone to an online one, both at once for other processes. Returns as
 * zone_set(). */
int zone_hand_over(struct czone_zone *from, struct czone_zone *to, const char *cgroup);

/* Ends the claim in file and ledger. Returns 0, -EBUSY (not offline) or errors of unlink(). */
int zone_end(struct czone_zone *zone);

/* Opens the zone's cgroup: its directory fd (owned by the caller), or -ENOENT when there is none. */
int zone_open_cgroup(const struct czone_zone *zone);

/* The home nodes as the kernel writes them. Returns 0, -ENODEV (none) or -ENOBUFS. */
int zone_home_nodes(const struct czone_ctx *ctx, char *buffer, size_t size);

#endif
