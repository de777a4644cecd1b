/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/users.h"

#include <inttypes.h>
#include <stdio.h>

bool launch_users_mapped(const struct launch_users *users)
{
    return users->uids.n > 0;
}

uint32_t launch_id_outside(const struct launch_id_map *map, uint32_t inside)
{
    for (size_t i = 0; i < map->n; i++) {
        const struct launch_id_range *range = &map->ranges[i];

        if (inside >= range->inside && inside - range->inside < range->count)
            return range->outside + (inside - range->inside);
    }
    return map->n == 0 ? inside : LAUNCH_ID_NONE;
}

static bool overlap(uint32_t a, uint32_t a_count, uint32_t b, uint32_t b_count)
{
    return a < b ? b - a < a_count : a - b < b_count;
}

/* What is wrong with the range of this index, or NULL. */
static const char *fault_of(const struct launch_id_map *map, size_t index)
{
    const struct launch_id_range *range = &map->ranges[index];

    if (range->count == 0)
        return "count must be 1 at least";
    if (range->count > LAUNCH_ID_NONE - range->inside || range->count > LAUNCH_ID_NONE - range->outside)
        return "it goes beyond the last id, 4294967294";
    for (size_t i = 0; i < index; i++) {
        const struct launch_id_range *other = &map->ranges[i];

        if (overlap(range->inside, range->count, other->inside, other->count))
            return "it has ids of the container that an earlier range has";
        if (overlap(range->outside, range->count, other->outside, other->count))
            return "it has ids of the guest that an earlier range has";
    }
    return NULL;
}

static int check_map(const struct launch_id_map *map, const char *name, struct launch_failure *failure)
{
    if (map->n == 0 || map->n > LAUNCH_ID_RANGES_MAX)
        return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "userns",
                                  "userns: %s must have 1 to %d ranges", name, LAUNCH_ID_RANGES_MAX);
    for (size_t i = 0; i < map->n; i++) {
        const char *fault = fault_of(map, i);

        if (!fault)
            continue;
        (void)launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "userns",
                                 "userns: %s[%zu]: %s", name, i, fault);
        failure->index = i;
        return -EINVAL;
    }
    if (launch_id_outside(map, 0) == LAUNCH_ID_NONE)
        return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "userns",
                                  "userns: %s must have id 0 of the container, to which /dev, /tmp and what "
                                  "else is made for it belongs",
                                  name);
    return 0;
}

int launch_users_check(const struct launch_users *users, struct launch_failure *failure)
{
    int r;

    if (users->uids.n == 0 && users->gids.n == 0)
        return 0;
    r = check_map(&users->uids, "uids", failure);
    return r < 0 ? r : check_map(&users->gids, "gids", failure);
}

static int check_id(const struct launch_id_map *map, uint32_t id, const char *what,
                    struct launch_failure *failure)
{
    if (launch_id_outside(map, id) != LAUNCH_ID_NONE)
        return 0;
    return launch_failure_set(failure, LAUNCH_NO_USER, LAUNCH_STAGE_USER, -EINVAL, "user",
                              "%s %" PRIu32 " is not in the container's user namespace, whose first %ss are "
                              "%" PRIu32 " to %" PRIu32,
                              what, id, what, map->ranges[0].inside,
                              map->ranges[0].inside + map->ranges[0].count - 1);
}

int launch_users_check_user(const struct launch_users *users, const struct launch_user *user,
                            struct launch_failure *failure)
{
    int r = check_id(&users->uids, user->uid, "user", failure);

    if (r == 0)
        r = check_id(&users->gids, user->gid, "group", failure);
    for (size_t i = 0; r == 0 && i < user->n_groups; i++)
        r = check_id(&users->gids, user->groups[i], "group", failure);
    return r;
}

static bool maps_overlap(const struct launch_id_map *a, const struct launch_id_map *b)
{
    for (size_t i = 0; i < a->n; i++)
        for (size_t j = 0; j < b->n; j++)
            if (overlap(a->ranges[i].outside, a->ranges[i].count, b->ranges[j].outside, b->ranges[j].count))
                return true;
    return false;
}

bool launch_users_overlap(const struct launch_users *a, const struct launch_users *b)
{
    return maps_overlap(&a->uids, &b->uids) || maps_overlap(&a->gids, &b->gids);
}

size_t launch_id_map_format(const struct launch_id_map *map, char text[LAUNCH_ID_MAP_TEXT])
{
    size_t used = 0;

    for (size_t i = 0; i < map->n; i++)
        used +=
            (size_t)snprintf(text + used, LAUNCH_ID_MAP_TEXT - used, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
                             map->ranges[i].inside, map->ranges[i].outside, map->ranges[i].count);
    return used;
}
