/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_RESTORE_H
#define GUEST_CONTAINER_RESTORE_H

/*
 * Containers of an earlier czoned, when this one starts: what their directories, the zones' claims, their
 * cgroups and their keepers tell. One that runs goes on; one that ended meanwhile is accounted for; one that
 * was still in the making goes on with that, or fails with a reason.
 */

struct manager;

/*
 * Takes them all over, before anybody is listened to. A directory that makes no sense is removed; its zone is
 * found as one without container (zone/orphan.h).
 *
 * Returns 0 or a negative errno: the store cannot be read. All that happens is logged.
 */
int containers_restore(struct manager *manager);

/* Containers that wait for memory since the start ask for it now: when a host has attached, or when zones
 * without container have come back, which are waited for. */
void containers_resume(struct manager *manager);

/*
 * Lets the keepers that were taken over tell what they know, so that the first caller finds pids and ends as
 * they are. Runs the loop for that, 2 s at most. Returns 0 or a negative errno, logged.
 */
int containers_hear(struct manager *manager);

#endif
