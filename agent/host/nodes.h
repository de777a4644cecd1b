/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_NODES_H
#define HOST_NODES_H

/* A set of guest NUMA nodes, written as Linux writes it: `1,3-5`. Pure. */

#include <stdbool.h>
#include <stdint.h>

#include "proto/reason.h"

/* Linux' own limit (MAX_NUMNODES on x86); QEMU allows 128. */
#define NODES_MAX 1024

struct nodes {
    uint64_t words[NODES_MAX / 64];
};

/* A node outside 0…NODES_MAX-1 is in no set and is not added. */
bool nodes_has(const struct nodes *nodes, int node);
void nodes_add(struct nodes *nodes, int node);
void nodes_remove(struct nodes *nodes, int node);
bool nodes_empty(const struct nodes *nodes);

/*
 * Reads a list; an empty one is an error.
 *
 * @ret  set on success only
 *
 * Returns 0 or -EINVAL; the reason names the part that is wrong.
 */
int nodes_parse(const char *text, struct nodes *ret, struct reason *reason);

#endif
