/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_ORPHAN_H
#define GUEST_ZONE_ORPHAN_H

/*
 * A zone that has no container: one that an earlier czoned left behind when it died, or that is in
 * quarantine. Whatever still runs in it is killed, since nobody can tell its exit status any more, and its
 * memory goes back like any other's, receipt included.
 */

#include <sys/queue.h>

#include "agent/guest/container/program.h"

struct lease;
struct manager;

struct orphan {
    TAILQ_ENTRY(orphan) link;
    struct manager *manager;
    struct lease *lease;
    struct program program;
    uint64_t found_at; /* monotonic */
    int64_t found;     /* realtime */
    uint64_t emptied_at;
    bool half_made; /* no container ever had it: whose it was to be gets another */
    bool told;      /* a receipt has told that it is in quarantine */
    bool again;     /* one of orphans_collect_next() */
};

/* Looks for them, and begins to return them. Returns 0 or a negative errno; all that happens is logged. */
int orphans_collect(struct manager *manager);

/*
 * Begins to return one more.
 *
 * @last  the name of the one before it, or ""; set to this one's
 *
 * Returns whether there is one; quarantine_tried() is called when it is over.
 */
bool orphans_collect_next(struct manager *manager, char last[CZONE_ZONE_NAME_MAX + 1]);

/* To be called when a cgroup has changed: goes on with those that are empty by now. */
void orphans_check(struct manager *manager);

/* Frees what is left of them, undoing nothing. */
void orphans_done(struct manager *manager);

#endif
