/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_USERS_H
#define GUEST_LAUNCH_USERS_H

/* The ids of a container and the guest's that they stand for, as numbers. Pure. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/guest/launch/failure.h"
#include "agent/guest/launch/request.h"
#include "agent/guest/launch/user.h"

/* What a map answers for an id that it does not have; no id can be it (setuid(2): "no change"). */
#define LAUNCH_ID_NONE UINT32_MAX

/* Whether the container has users of its own: a user namespace. */
bool launch_users_mapped(const struct launch_users *users);

/* The guest's id that one of the container stands for, or LAUNCH_ID_NONE. A map without ranges is that of a
 * container without users of its own: every id is itself. */
uint32_t launch_id_outside(const struct launch_id_map *map, uint32_t inside);

/*
 * Checks the maps of a request: both or none, 1 to LAUNCH_ID_RANGES_MAX ranges each, none empty or beyond
 * 32 bits, none that overlaps another one inside or outside, and id 0 among them, whose container's
 * directories and terminals are. Returns 0 or failure->error (LAUNCH_BAD_PARAMETER "userns").
 */
int launch_users_check(const struct launch_users *users, struct launch_failure *failure);

/* Whether user, group and supplementary groups have ids in the container. Returns 0 or failure->error
 * (LAUNCH_NO_USER, -EINVAL). */
int launch_users_check_user(const struct launch_users *users, const struct launch_user *user,
                            struct launch_failure *failure);

/* Whether two containers with users of their own have an id of the guest in common, a user's or a group's. */
bool launch_users_overlap(const struct launch_users *a, const struct launch_users *b);

/* The map as uid_map and gid_map of proc(5) want it: a line per range. Returns its length; text: of
 * LAUNCH_ID_MAP_TEXT bytes. */
#define LAUNCH_ID_MAP_TEXT ((size_t)LAUNCH_ID_RANGES_MAX * 40)
size_t launch_id_map_format(const struct launch_id_map *map, char text[LAUNCH_ID_MAP_TEXT]);

#endif
