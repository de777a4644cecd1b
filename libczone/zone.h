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
 * Brings the claim to another state, in its file and in the ledger. cgroup: NULL leaves it as it is. Returns
 * 0, -ESTALE (the claim is over), -EINVAL (no arrow leads there) or errors of the files; then nothing
 * changed.
 */
int zone_set(struct czone_zone *zone, enum czone_zone_state state, const char *cgroup);

/* Ends the claim in file and ledger. Returns 0, -EBUSY (not offline) or errors of unlink(). */
int zone_end(struct czone_zone *zone);

/* Opens the zone's cgroup: its directory fd (owned by the caller), or -ENOENT when there is none. */
int zone_open_cgroup(const struct czone_zone *zone);

/* The home nodes as the kernel writes them. Returns 0, -ENODEV (none) or -ENOBUFS. */
int zone_home_nodes(const struct czone_ctx *ctx, char *buffer, size_t size);

#endif
