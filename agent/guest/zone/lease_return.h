/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_LEASE_RETURN_H
#define GUEST_ZONE_LEASE_RETURN_H

/* The way out of a lease: offline, unplug, retire, and the account of it. Part of zone/lease.h. */

#include "agent/guest/zone/lease.h"

/* Begins to take a held zone offline. */
void lease_return_start(struct lease *lease);

/* For lease.drain: what of that takes its turn. */
void lease_return_on_turn(struct turn *turn);

/* The host answered the unplug signal. */
void lease_return_answered(struct lease *lease, const struct host_answer *answer);

/* Tells the owner the end, with or without a receipt; frees the lease unless an answer may still come. */
void lease_end(struct lease *lease, bool receipt);

#endif
