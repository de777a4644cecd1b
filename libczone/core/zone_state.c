/* SPDX-License-Identifier: Apache-2.0 */
#include "zone_state.h"

#define TO(state) (1U << (state))

struct zone_state_row {
    unsigned next; /* TO() of each state that may follow */
    enum zone_blocks_rule blocks;
};

static const struct zone_state_row rows[] = {
    [CZONE_ZONE_WANTED] = {
        .next = TO(CZONE_ZONE_PLUGGED) | TO(CZONE_ZONE_RETURNED),
        .blocks = ZONE_BLOCKS_NO_CLAIM,
    },
    [CZONE_ZONE_PLUGGED] = {
        .next = TO(CZONE_ZONE_ONLINE) | TO(CZONE_ZONE_DRAINING) | TO(CZONE_ZONE_RETURNED),
        .blocks = ZONE_BLOCKS_ANY,
    },
    [CZONE_ZONE_ONLINE] = {
        .next = TO(CZONE_ZONE_BOUND) | TO(CZONE_ZONE_DRAINING),
        .blocks = ZONE_BLOCKS_MOVABLE,
    },
    [CZONE_ZONE_BOUND] = {
        .next = TO(CZONE_ZONE_ONLINE) | TO(CZONE_ZONE_DRAINING),
        .blocks = ZONE_BLOCKS_MOVABLE,
    },
    [CZONE_ZONE_DRAINING] = {
        .next = TO(CZONE_ZONE_OFFLINE) | TO(CZONE_ZONE_QUARANTINED),
        .blocks = ZONE_BLOCKS_ANY,
    },
    [CZONE_ZONE_OFFLINE] = {
        .next = TO(CZONE_ZONE_RETURNED),
        .blocks = ZONE_BLOCKS_OFF,
    },
    [CZONE_ZONE_RETURNED] = {
        .next = 0,
        .blocks = ZONE_BLOCKS_NO_CLAIM,
    },
    [CZONE_ZONE_QUARANTINED] = {
        .next = TO(CZONE_ZONE_DRAINING),
        .blocks = ZONE_BLOCKS_ANY,
    },
};

bool zone_state_is_valid(enum czone_zone_state state)
{
    return (unsigned)state < sizeof(rows) / sizeof(rows[0]);
}

enum zone_blocks_rule zone_state_blocks_rule(enum czone_zone_state state)
{
    return zone_state_is_valid(state) ? rows[state].blocks : ZONE_BLOCKS_NO_CLAIM;
}

bool czone_zone_state_may_follow(enum czone_zone_state from, enum czone_zone_state to)
{
    return zone_state_is_valid(from) && zone_state_is_valid(to) && (rows[from].next & TO(to)) != 0;
}
