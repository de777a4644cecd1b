/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_PLACEMENT_H
#define CZONE_CORE_PLACEMENT_H

#include <czone/failure.h>

#include "inventory.h"

struct placement_request {
    uint64_t n_blocks; /* not 0 */
    struct czone_tier_choice tier;
    struct czone_range within; /* bytes; size 0: anywhere */
};

/* Where a zone goes: n_blocks of the request, from the start of the best-fitting run. */
struct placement {
    czone_node_id node;
    int tier;
    enum czone_provider provider; /* of the node */
    struct block_run run;
};

/* Whole blocks that hold `bytes`. Returns 0 or -EINVAL (0, or above INT64_MAX). */
int placement_blocks(uint64_t bytes, uint64_t block_size, uint64_t *ret_n_blocks);

/*
 * Finds the run for a zone; changes nothing. Deterministic, in this order:
 *   tier ANY    shortest sufficient run, slowest tier, lowest node, lowest block
 *   tier FAST   fastest tier that fits, shortest sufficient run, lowest node, lowest block
 *   tier SLOW   the same with the slowest tier
 *   tier NAMED  shortest sufficient run of that tier, lowest node, lowest block
 * A tier the kernel does not tell (-1) counts as slower than all it tells. With `within` a run is what lies
 * inside the range of it.
 *
 * Cost: O(log of the distinct run lengths) per tier; with `within` O(runs of free nodes).
 * Returns 0, or with a sentence in failure
 *   -EINVAL  the request is void, or no node is of the named tier
 *   -ENOSPC  no free node has such a run; the sentence says what the longest is
 *   -ENODEV  no node could ever hold a zone: there is none but home and unfit nodes
 */
int placement_find(const struct inventory *inventory, const struct placement_request *request,
                   struct placement *ret_placement, struct czone_failure *failure);

#endif
