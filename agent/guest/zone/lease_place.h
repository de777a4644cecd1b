/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_LEASE_PLACE_H
#define GUEST_ZONE_LEASE_PLACE_H

/* Where a lease gets its zone from: free memory here, or the host. For zone/lease.c. */

#include <czone/types.h>

struct czone_failure;
struct lease;
struct lease_wish;
struct refusal;

/* Begins to claim memory that is free here, or asks the host. wish: may be NULL, its cgroup is all that
 * counts. Returns 0, or a negative errno with a refusal. */
int lease_place(struct lease *lease, const struct lease_wish *wish, struct refusal *refusal);

/* Begins to claim the zone, nowhere but within, for a cgroup if that is known. Returns 0 or a negative errno
 * with a failure. */
int lease_reserve(struct lease *lease, struct czone_range within, const char *cgroup,
                  struct czone_failure *failure);

#endif
