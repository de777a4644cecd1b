/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_BACKEND_CAPACITY_H
#define CZONE_BACKEND_CAPACITY_H

/*
 * What the page allocator has of each node, and how much of it stays free: what of /proc/zoneinfo is wanted
 * each time a zone is bound. The kernel writes 3 KiB of that file for each node online, whichever of them is
 * wanted; so all of it is kept, and a node is believed to be as it was while its MemTotal is.
 */

#include <stddef.h>

#include <czone/sys/backend.h>

struct capacities {
    struct czone_sys_capacity *nodes; /* by number; managed 0: unknown */
    size_t n, allocated;
};

/* Accepts one that is all zero. */
void capacities_done(struct capacities *capacities);

/* Adds what the text of /proc/zoneinfo says to an empty one. Returns 0 or -ENOMEM. Changes the text. */
int capacities_parse(struct capacities *capacities, char *zoneinfo, uint64_t page);

#endif
