/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_LEFTOVERS_H
#define CZONE_LEFTOVERS_H

#include <czone/release.h>

#include "ctx.h"

/*
 * Looks for memory on a node that should have none and adds what there is to the account. Costs two small
 * files if the node's used pages are within the slack; else a walk over the cgroups that have memory there.
 * Returns 0 or a negative errno.
 */
int leftovers_find(struct czone_ctx *ctx, czone_node_id node, struct czone_release *release);

#endif
