/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ledger_struct.h"
#include "name.h"
#include "zone_state.h"

/* FNV-1a. Names come from callers, who could choose colliding ones; a chain has at most NODE_MAX of them. */
size_t ledger_bucket(const char *name)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);

    for (; *name; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001B3);
    return (size_t)(hash % NODE_MAX);
}

int ledger_new(struct ledger **ret_ledger)
{
    struct ledger *ledger = calloc(1, sizeof(*ledger));
    if (!ledger)
        return -ENOMEM;
    *ret_ledger = ledger;
    return 0;
}

struct ledger *ledger_free(struct ledger *ledger)
{
    if (!ledger)
        return NULL;
    for (size_t i = 0; i < NODE_MAX; i++)
        free(ledger->by_node[i]);
    free(ledger);
    return NULL;
}

static struct ledger_entry *find(const struct ledger *ledger, const char *name)
{
    if (!name_is_valid(name))
        return NULL;

    struct ledger_entry *entry = ledger->by_name[ledger_bucket(name)];
    while (entry && strcmp(entry->info.name, name) != 0)
        entry = entry->next;
    return entry;
}

static bool has_claim(enum czone_zone_state state)
{
    return zone_state_is_valid(state) && zone_state_blocks_rule(state) != ZONE_BLOCKS_NO_CLAIM;
}

/* Whether first_block, n_blocks and range say the same. Block numbers are checked before they are multiplied.
 */
static bool run_agrees(const struct czone_zone_info *info, uint64_t block_size)
{
    uint64_t n_max = UINT64_MAX / block_size;

    return info->n_blocks > 0 && info->first_block.n < n_max &&
           info->n_blocks <= n_max - info->first_block.n &&
           info->range.start == info->first_block.n * block_size &&
           info->range.size == info->n_blocks * block_size;
}

int ledger_claim(struct ledger *ledger, struct inventory *inventory, const struct czone_zone_info *info)
{
    if (!name_is_valid(info->name) || !has_claim(info->state) ||
        !run_agrees(info, inventory_block_size(inventory)) ||
        strnlen(info->cgroup, sizeof(info->cgroup)) == sizeof(info->cgroup))
        return -EINVAL;
    if (find(ledger, info->name))
        return -EEXIST;
    if (!inventory_node(inventory, info->node))
        return -ENOENT;
    if (ledger->by_node[info->node.n])
        return -EBUSY;

    struct ledger_entry *entry = malloc(sizeof(*entry));
    if (!entry)
        return -ENOMEM;
    int r = inventory_claim(inventory, info->node);
    if (r < 0) {
        free(entry);
        return r;
    }
    struct ledger_entry **bucket = &ledger->by_name[ledger_bucket(info->name)];
    entry->info = *info;
    entry->next = *bucket;
    *bucket = entry;
    ledger->by_node[info->node.n] = entry;
    node_set_add(&ledger->nodes, info->node);
    ledger->n++;
    return 0;
}

const struct czone_zone_info *ledger_find(const struct ledger *ledger, const char *name)
{
    const struct ledger_entry *entry = find(ledger, name);
    return entry ? &entry->info : NULL;
}

const struct czone_zone_info *ledger_find_node(const struct ledger *ledger, czone_node_id node)
{
    if (!node_is_valid(node) || !ledger->by_node[node.n])
        return NULL;
    return &ledger->by_node[node.n]->info;
}

const struct czone_zone_info *ledger_find_cgroup(const struct ledger *ledger, const char *cgroup)
{
    for (czone_node_id node = node_set_next(&ledger->nodes, 0); node.n >= 0;
         node = node_set_next(&ledger->nodes, node.n + 1))
        if (strcmp(ledger->by_node[node.n]->info.cgroup, cgroup) == 0)
            return &ledger->by_node[node.n]->info;
    return NULL;
}

int ledger_move(struct ledger *ledger, const char *name, enum czone_zone_state state)
{
    struct ledger_entry *entry = find(ledger, name);

    if (!entry)
        return -ENOENT;
    if (entry->info.state == state)
        return 0;
    if (!has_claim(state) || !czone_zone_state_may_follow(entry->info.state, state))
        return -EINVAL;
    entry->info.state = state;
    return 0;
}

int ledger_set_cgroup(struct ledger *ledger, const char *name, const char *cgroup)
{
    struct ledger_entry *entry = find(ledger, name);
    size_t length = strlen(cgroup);

    if (!entry)
        return -ENOENT;
    if (length >= sizeof(entry->info.cgroup))
        return -ENAMETOOLONG;
    memcpy(entry->info.cgroup, cgroup, length + 1);
    return 0;
}

int ledger_release(struct ledger *ledger, struct inventory *inventory, const char *name)
{
    struct ledger_entry *entry = find(ledger, name);

    if (!entry)
        return -ENOENT;
    if (!czone_zone_state_may_follow(entry->info.state, CZONE_ZONE_RETURNED))
        return -EBUSY;

    struct ledger_entry **link = &ledger->by_name[ledger_bucket(name)];
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    ledger->by_node[entry->info.node.n] = NULL;
    node_set_remove(&ledger->nodes, entry->info.node);
    ledger->n--;
    /* -ENOENT: the node itself is gone from the machine, and its mark with it. */
    inventory_unclaim(inventory, entry->info.node);
    free(entry);
    return 0;
}

int ledger_mark(const struct ledger *ledger, struct inventory *inventory)
{
    for (czone_node_id node = node_set_next(&ledger->nodes, 0); node.n >= 0;
         node = node_set_next(&ledger->nodes, node.n + 1)) {
        int r = inventory_claim(inventory, node);
        if (r < 0)
            return r;
    }
    return 0;
}

size_t ledger_count(const struct ledger *ledger)
{
    return ledger->n;
}

static int compare_ranges(const void *a, const void *b)
{
    uint64_t x = ((const struct czone_zone_info *)a)->range.start;
    uint64_t y = ((const struct czone_zone_info *)b)->range.start;
    return x < y ? -1 : x > y;
}

int ledger_list(const struct ledger *ledger, struct czone_zone_info **ret_infos)
{
    struct czone_zone_info *infos = NULL;
    size_t n = 0;

    if (ledger->n > 0) {
        infos = malloc(ledger->n * sizeof(*infos));
        if (!infos)
            return -ENOMEM;
        for (czone_node_id node = node_set_next(&ledger->nodes, 0); node.n >= 0;
             node = node_set_next(&ledger->nodes, node.n + 1))
            infos[n++] = ledger->by_node[node.n]->info;
        qsort(infos, n, sizeof(*infos), compare_ranges);
    }
    *ret_infos = infos;
    return (int)n;
}
