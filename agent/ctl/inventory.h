/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_INVENTORY_H
#define CTL_INVENTORY_H

/* What io.czone.Zone.List answers: zones, nodes and, for a map, every memory block. */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ctl/ctl.h"

struct zone {
    const char *name;
    const char *state;
    const char *container; /* or NULL */
    int64_t node;
    int64_t tier; /* or -1 */
    const char *provider;
    int64_t start, size;
    int64_t used;
};

struct node {
    int64_t node;
    const char *role;
    int64_t tier; /* or -1 */
    const char *provider;
    int64_t blocks;
};

struct block {
    int64_t block; /* times block_size: its address */
    int64_t node;
    const char *state;
    const char *zone; /* or NULL */
};

/* Sorted: zones by address, nodes by number, blocks by number, each block once. */
struct inventory {
    json_t *answer; /* owns every string */
    struct zone *zones;
    struct node *nodes;
    struct block *blocks;
    json_t *dangers;
    size_t n_zones, n_nodes, n_blocks;
    int64_t block_size;
    bool host_attached;
};

void inventory_done(struct inventory *inventory);

/* Asks the guest. @blocks  for a map. The caller empties *ret with inventory_done(). */
enum exit_code inventory_get(struct ctl *ctl, bool blocks, struct inventory *ret);

/* Reads an answer of List; tells if it makes no sense. */
enum exit_code inventory_read(const struct ctl *ctl, json_t *answer, struct inventory *ret);

/* The zone of this name, or NULL. */
const struct zone *inventory_zone(const struct inventory *inventory, const char *name);

/* Prints what endangers exclusivity, and that no host is attached, for people. */
void inventory_tell_dangers(const struct ctl *ctl, const struct inventory *inventory);

#endif
