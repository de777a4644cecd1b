/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_ID_RANGE_H
#define GUEST_CONTAINER_ID_RANGE_H

/*
 * Ids of the guest for containers with users of their own. A range belongs to one container until nothing of
 * that is left but its record; then the next one may get it. Who has which is written in the containers
 * themselves, so it survives czoned.
 */

#include "agent/guest/container/spawn_request.h"
#include "agent/guest/launch/failure.h"

struct manager;

/* The first range begins here, and no range reaches ID_RANGE_END: in the middle of what systemd keeps free
 * for containers, and above what useradd(8) puts into /etc/subuid. */
#define ID_RANGE_FIRST UINT32_C(0x50000000)
#define ID_RANGE_END   UINT32_C(0x60000000)

/*
 * Places a request with userns "auto": the lowest range that shares no id with any container. Of a request
 * with ranges of its own it makes sure that they reach into none that was found so.
 *
 * Returns 0 or failure->error: LAUNCH_BAD_PARAMETER "userns" (-EBUSY), LAUNCH_SYSTEM (-ENOSPC: all are
 * taken).
 */
int id_range_choose(const struct manager *manager, struct spawn_request *request,
                    struct launch_failure *failure);

#endif
