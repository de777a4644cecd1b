/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_QUARANTINE_H
#define GUEST_ZONE_QUARANTINE_H

/*
 * Zones that would not empty or could not be given up, and when that is tried again: soon, and ever more
 * seldom, since most of what pins a page (a packet, a read under way) is gone after a while. One after the
 * other, since the kernel brings memory of one on- or offline at a time: else one that is pinned for good
 * would take the time of all. Each is found by its mark, as one that an earlier czoned left behind is.
 */

#include <stdbool.h>

#include <event2/event.h>

#include <czone/zone.h>

struct manager;

struct quarantine {
    struct manager *manager;
    struct event *timer;
    unsigned int wait_s;                /* until the round after the next */
    bool more;                          /* there is something for another round */
    char last[CZONE_ZONE_NAME_MAX + 1]; /* tried in this round; "": there is none */
};

/* Returns 0 or -ENOMEM. */
int quarantine_init(struct quarantine *quarantine, struct manager *manager);
/* Accepts one that is all zero. */
void quarantine_done(struct quarantine *quarantine);

/*
 * A zone has come to stay.
 *
 * @again  it has been tried again already, in vain
 */
void quarantine_add(struct quarantine *quarantine, bool again);

/* What was tried again is over, whatever came of it. */
void quarantine_tried(struct quarantine *quarantine);

#endif
