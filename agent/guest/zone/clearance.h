/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_CLEARANCE_H
#define GUEST_ZONE_CLEARANCE_H

/*
 * Idle memory that is to go, on its way offline before the host is asked for it: the driver's own unplug of
 * online memory may never end (alloc_contig_range() waits for pages to be no more isolated, and the count of
 * those is wrong for ever on a node whose memory went and came while some were). It is done by a zone that is
 * made there and released, so that nobody is placed there meanwhile and libczone's helper does the work. One
 * node at a time. The host may take the memory away in the midst of that, which the helper sees as blocks
 * that do not go offline: the release is tried again soon, a few times, so that no zone stays where there is
 * nothing left of it.
 */

#include <czone/zone.h>

#include "agent/guest/loop_job.h"

struct host;

struct clearance {
    struct host *host;
    struct event *next;                 /* due when there is something to look for */
    char name[CZONE_ZONE_NAME_MAX + 1]; /* of the zone; "": none is under way */
    struct czone_range range;           /* its */
    struct czone_zone *zone;            /* NULL: in the making */
    struct loop_job job;
    struct event *again; /* its release is tried once more */
    unsigned int n_tries;
};

/* Returns 0 or -ENOMEM. */
int clearance_init(struct clearance *clearance, struct host *host);
/* Ends what is under way; the zone is found by its mark. Accepts one that is all zero. */
void clearance_done(struct clearance *clearance);

/* Looks, from the loop, what is to be cleared: the ranges of signals that are held, which are sent as soon as
 * nothing of theirs is online; and what comes in for plugs that were given up. */
void clearance_wake(struct clearance *clearance);

/* Whether memory of the range is on the node that is being cleared: it is claimed for a moment. */
bool clearance_touches(const struct clearance *clearance, struct czone_range range);

/* Whether this zone is there for that. */
bool clearance_has_zone(const struct clearance *clearance, const char *name);

#endif
