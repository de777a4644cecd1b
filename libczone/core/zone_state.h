/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_ZONE_STATE_H
#define CZONE_CORE_ZONE_STATE_H

#include <czone/types.h>

/*
 * The life of a zone:
 *
 *     wanted --> plugged --> online <--> bound
 *       |         |   \         \         /
 *       |         |    `-------> draining <--> quarantined
 *       |         |                  |
 *       v         v                  v
 *     returned <--+-------------- offline
 *
 * plugged -> returned is an undone reservation; bound -> online a container that moved away; quarantined ->
 * draining another try of the release.
 */

/* What a state requires of the blocks of the zone's run. */
enum zone_blocks_rule {
    ZONE_BLOCKS_ANY,     /* under way: present or gone, whatever their state */
    ZONE_BLOCKS_MOVABLE, /* every block present and online in ZONE_MOVABLE */
    ZONE_BLOCKS_OFF,     /* no block online: each is offline or gone */
    ZONE_BLOCKS_NO_CLAIM /* a zone in this state has no claim, hence no blocks */
};

/* false for a value that is no state. */
bool zone_state_is_valid(enum czone_zone_state state);

/* NO_CLAIM for a value that is no state. */
enum zone_blocks_rule zone_state_blocks_rule(enum czone_zone_state state);

#endif
