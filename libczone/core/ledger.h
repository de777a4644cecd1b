/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_LEDGER_H
#define CZONE_CORE_LEDGER_H

#include <czone/zone.h>

#include "inventory.h"

/*
 * The book of claims: zones by name and by node. It also marks the nodes of an inventory as claimed, which
 * takes their runs out of placement; so the inventory is a parameter of what claims and releases.
 *
 * Costs: find, claim, move and release O(1); list O(n log n).
 */
struct ledger;

int ledger_new(struct ledger **ret_ledger);        /* 0 or -ENOMEM */
struct ledger *ledger_free(struct ledger *ledger); /* accepts NULL, returns NULL */

/*
 * Enters a claim and marks its node. info: all fields are kept; range, first_block and n_blocks must agree
 * with the inventory's block size. Not retained.
 * state: any that goes with a claim (not WANTED, not RETURNED): PLUGGED for a new zone, whatever the claim's
 * file says for one that was found.
 * Returns 0, -EINVAL (name, state, empty run, or range that disagrees), -EEXIST (name taken), -EBUSY (node
 * holds a zone), -ENOENT (node unknown to the inventory) or -ENOMEM. On failure nothing changed.
 */
int ledger_claim(struct ledger *ledger, struct inventory *inventory, const struct czone_zone_info *info);

/* NULL if there is none. Borrowed until that claim ends. */
const struct czone_zone_info *ledger_find(const struct ledger *ledger, const char *name);
const struct czone_zone_info *ledger_find_node(const struct ledger *ledger, czone_node_id node);

/* The claim with this cgroup path, not "". As above; O(n). */
const struct czone_zone_info *ledger_find_cgroup(const struct ledger *ledger, const char *cgroup);

/*
 * Moves a zone to its next state. Returns 0 (also when it is in that state already), -ENOENT (no such zone)
 * or -EINVAL (no arrow leads there, or to RETURNED, which is ledger_release()).
 */
int ledger_move(struct ledger *ledger, const char *name, enum czone_zone_state state);

/* Notes the cgroup, a path below the cgroup root; "" for none. Returns 0, -ENOENT or -ENAMETOOLONG. */
int ledger_set_cgroup(struct ledger *ledger, const char *name, const char *cgroup);

/*
 * Ends a claim: its node is free again. Returns 0, -ENOENT (no such zone) or -EBUSY (no arrow from its state
 * to RETURNED: it still has, or may have, memory online). Never fails for want of memory.
 */
int ledger_release(struct ledger *ledger, struct inventory *inventory, const char *name);

/* Marks the nodes of all claims in an inventory that replaces the one before. Returns 0, or -ENOENT (a
 * claim's node is unknown to it; then the inventory is not usable). */
int ledger_mark(const struct ledger *ledger, struct inventory *inventory);

size_t ledger_count(const struct ledger *ledger);

/* Copies of all claims, in ascending order of their range; one allocation, free() it. *ret_infos is NULL when
 * there are none. Returns the number or -ENOMEM. */
int ledger_list(const struct ledger *ledger, struct czone_zone_info **ret_infos);

/*
 * Checks the books against each other and against the inventory, by walking all of them; trusts none of the
 * shortcuts above. The rules, in the order they are checked:
 *   1. the inventory's derived figures agree with its blocks (inventory_validate())
 *   2. the book itself: names valid, each claim found under its name and its node
 *   3. one zone a node, and exactly the nodes with a zone are marked as claimed
 *   4. a run is not empty and its range is its blocks
 *   5. no block is in two zones
 *   6. a run is inside its node: the blocks that are present are on the zone's node
 *   7. states agree with blocks (zone_state_blocks_rule())
 * Returns 0 or -EUCLEAN; then the failure's sentence begins with the rule that is broken and names zone, node
 * and block. -ENOMEM if the check itself has no memory.
 */
int ledger_validate(const struct ledger *ledger, const struct inventory *inventory,
                    struct czone_failure *failure);

#endif
