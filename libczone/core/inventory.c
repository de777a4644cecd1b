/* SPDX-License-Identifier: Apache-2.0 */
#include "inventory_struct.h"

#include <errno.h>
#include <string.h>

#include "array.h"

static struct node_entry *entry_of(const struct inventory *inventory, czone_node_id node)
{
    if (!node_is_valid(node) || inventory->position[node.n] < 0)
        return NULL;
    return &inventory->entries[inventory->position[node.n]];
}

static struct czone_node *node_of_entry(const struct inventory *inventory, const struct node_entry *entry)
{
    return &inventory->nodes[entry - inventory->entries];
}

int inventory_new(uint64_t block_size, struct inventory **ret_inventory)
{
    if (block_size == 0)
        return -EINVAL;

    struct inventory *inventory = calloc(1, sizeof(*inventory));
    if (!inventory)
        return -ENOMEM;
    inventory->block_size = block_size;
    memset(inventory->position, 0xFF, sizeof(inventory->position));
    inventory->view = calloc(1, sizeof(*inventory->view));
    if (!inventory->view || run_index_new(&inventory->free_runs) < 0) {
        inventory_free(inventory);
        return -ENOMEM;
    }
    *ret_inventory = inventory;
    return 0;
}

struct inventory *inventory_free(struct inventory *inventory)
{
    if (!inventory)
        return NULL;
    for (size_t i = 0; i < inventory->n_nodes; i++)
        node_blocks_done(&inventory->entries[i].set);
    free(inventory->nodes);
    free(inventory->entries);
    block_map_done(&inventory->node_of);
    run_index_free(inventory->free_runs);
    if (inventory->view)
        free(inventory->view->blocks);
    free(inventory->view);
    free(inventory);
    return NULL;
}

enum czone_node_role node_entry_role(const struct node_entry *entry)
{
    if (entry->claimed)
        return CZONE_NODE_CLAIMED;
    if (entry->set.n_boot_kernel > 0 || (entry->has_cpus && entry->set.n_online > 0))
        return CZONE_NODE_HOME;
    /* Tasks fill the memory of the node they run on by default, so a node with CPUs is never exclusive. */
    if (entry->has_cpus || entry->set.by_provider[CZONE_PROVIDER_BOOT] > 0)
        return CZONE_NODE_UNFIT;
    return entry->set.n_blocks > 0 ? CZONE_NODE_FREE : CZONE_NODE_EMPTY;
}

/*
 * A node is detached before its blocks, tier or marks change and attached afterwards: the first takes its
 * runs out of the index, the second derives its figures anew and enters its runs if it is free.
 */
static void detach(struct inventory *inventory, struct node_entry *entry)
{
    const struct czone_node *node = node_of_entry(inventory, entry);

    if (!entry->indexed)
        return;
    for (size_t i = 0; i < entry->set.n_runs; i++)
        run_index_drop(inventory->free_runs, node->tier, entry->set.runs[i].n, node->id);
    entry->indexed = false;
}

static void attach(struct inventory *inventory, struct node_entry *entry)
{
    struct czone_node *node = node_of_entry(inventory, entry);

    node->role = node_entry_role(entry);
    node->provider = node_blocks_provider(&entry->set);
    node->n_blocks = entry->set.n_blocks;
    node->longest_run = entry->set.longest;
    if (node->role == CZONE_NODE_HOME)
        node_set_add(&inventory->home, node->id);
    else
        node_set_remove(&inventory->home, node->id);

    if (node->role != CZONE_NODE_FREE)
        return;
    for (size_t i = 0; i < entry->set.n_runs; i++)
        run_index_put(inventory->free_runs, node->tier, entry->set.runs[i].n, node->id);
    entry->indexed = true;
}

/* Index classes are made for every run of every node, free or not: so a claim can end without allocating. */
static int reserve_classes(struct inventory *inventory, const struct node_blocks *set, int tier)
{
    for (size_t i = 0; i < set->n_runs; i++) {
        int r = run_index_reserve(inventory->free_runs, tier, set->runs[i].n);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_node(struct inventory *inventory, czone_node_id id, struct node_entry **ret_entry)
{
    int r = array_reserve(inventory->nodes, inventory->room_nodes, inventory->n_nodes + 1);
    if (r >= 0)
        r = array_reserve(inventory->entries, inventory->room_entries, inventory->n_nodes + 1);
    if (r < 0)
        return r;

    size_t at = inventory->n_nodes;
    while (at > 0 && inventory->nodes[at - 1].id.n > id.n)
        at--;
    size_t n_after = inventory->n_nodes - at;
    memmove(&inventory->nodes[at + 1], &inventory->nodes[at], n_after * sizeof(*inventory->nodes));
    memmove(&inventory->entries[at + 1], &inventory->entries[at], n_after * sizeof(*inventory->entries));
    inventory->n_nodes++;
    inventory->nodes[at] = (struct czone_node){ .id = id };
    inventory->entries[at] = (struct node_entry){ 0 };
    for (size_t i = at; i < inventory->n_nodes; i++)
        inventory->position[inventory->nodes[i].id.n] = (int16_t)i;
    *ret_entry = &inventory->entries[at];
    return 0;
}

int inventory_put_node(struct inventory *inventory, czone_node_id id, int tier, bool has_cpus)
{
    if (!node_is_valid(id) || tier < -1)
        return -EINVAL;

    struct node_entry *entry = entry_of(inventory, id);
    int r = entry ? reserve_classes(inventory, &entry->set, tier) : add_node(inventory, id, &entry);
    if (r < 0)
        return r;

    detach(inventory, entry);
    node_of_entry(inventory, entry)->tier = tier;
    entry->has_cpus = has_cpus;
    attach(inventory, entry);
    return 0;
}

/* Block numbers whose end address does not fit in 64 bits cannot be. */
static bool block_is_valid(const struct inventory *inventory, const struct czone_block *block)
{
    return block->id.n < UINT64_MAX / inventory->block_size &&
           (unsigned)block->state <= CZONE_BLOCK_GOING_OFFLINE && (unsigned)block->provider < N_PROVIDERS;
}

/* Makes all room that adding the block to the node takes. */
static int reserve_add(struct inventory *inventory, struct node_entry *entry, czone_block_id block)
{
    struct node_blocks *set = &entry->set;
    struct block_view *view = inventory->view;
    int tier = node_of_entry(inventory, entry)->tier;

    int r = node_blocks_reserve(set, set->n_blocks + 1, set->n_runs + 1);
    if (r >= 0)
        r = block_map_reserve(&inventory->node_of, inventory->node_of.n_used + 1);
    if (r >= 0)
        r = array_reserve(view->blocks, view->room, inventory->node_of.n_used + 1);
    if (r >= 0)
        r = run_index_reserve(inventory->free_runs, tier, node_blocks_run_with(set, block));
    return r;
}

static int reserve_remove(struct inventory *inventory, struct node_entry *entry, czone_block_id block)
{
    struct node_blocks *set = &entry->set;
    int tier = node_of_entry(inventory, entry)->tier;
    uint64_t before, after;

    int r = node_blocks_reserve(set, set->n_blocks, set->n_runs + 1);
    node_blocks_runs_without(set, block, &before, &after);
    if (r >= 0 && before > 0)
        r = run_index_reserve(inventory->free_runs, tier, before);
    if (r >= 0 && after > 0)
        r = run_index_reserve(inventory->free_runs, tier, after);
    return r;
}

static void do_add(struct inventory *inventory, struct node_entry *entry, const struct czone_block *block)
{
    detach(inventory, entry);
    node_blocks_insert(&entry->set, block);
    attach(inventory, entry);
    block_map_put(&inventory->node_of, block->id, block->node);
    inventory->view->current = false;
}

static void do_remove(struct inventory *inventory, struct node_entry *entry, czone_block_id block)
{
    detach(inventory, entry);
    node_blocks_remove(&entry->set, block);
    attach(inventory, entry);
    block_map_remove(&inventory->node_of, block);
    inventory->view->current = false;
}

static int update_block(struct inventory *inventory, struct node_entry *entry,
                        const struct czone_block *block)
{
    const struct czone_block *known = node_blocks_find(&entry->set, block->id);

    if (known->state == block->state && known->provider == block->provider)
        return 0;
    detach(inventory, entry);
    node_blocks_update(&entry->set, block);
    attach(inventory, entry);
    inventory->view->current = false;
    return 1;
}

int inventory_put_block(struct inventory *inventory, const struct czone_block *block)
{
    struct node_entry *entry = entry_of(inventory, block->node);

    if (!block_is_valid(inventory, block))
        return -EINVAL;
    if (!entry)
        return -ENOENT;

    struct node_entry *known = entry_of(inventory, block_map_get(&inventory->node_of, block->id));
    if (known == entry)
        return update_block(inventory, entry, block);

    int r = reserve_add(inventory, entry, block->id);
    if (r >= 0 && known)
        r = reserve_remove(inventory, known, block->id);
    if (r < 0)
        return r;
    if (known)
        do_remove(inventory, known, block->id);
    do_add(inventory, entry, block);
    return 1;
}

int inventory_remove_block(struct inventory *inventory, czone_block_id block)
{
    struct node_entry *entry = entry_of(inventory, block_map_get(&inventory->node_of, block));
    if (!entry)
        return -ENOENT;

    int r = reserve_remove(inventory, entry, block);
    if (r < 0)
        return r;
    do_remove(inventory, entry, block);
    return 0;
}

static int compare_blocks(const void *a, const void *b)
{
    uint64_t x = ((const struct czone_block *)a)->id.n, y = ((const struct czone_block *)b)->id.n;
    return x < y ? -1 : x > y;
}

static int load_into_nodes(struct inventory *inventory, const struct czone_block *blocks, size_t n_blocks)
{
    for (size_t i = 0; i < n_blocks; i++) {
        struct node_entry *entry = entry_of(inventory, blocks[i].node);
        if (!entry)
            return -ENOENT;
        if (!block_is_valid(inventory, &blocks[i]) || (i > 0 && blocks[i].id.n == blocks[i - 1].id.n))
            return -EINVAL;
        int r = node_blocks_reserve(&entry->set, entry->set.n_blocks + 1, entry->set.n_runs + 1);
        if (r < 0)
            return r;
        node_blocks_append(&entry->set, &blocks[i]);
        block_map_put(&inventory->node_of, blocks[i].id, blocks[i].node);
    }
    for (size_t i = 0; i < inventory->n_nodes; i++) {
        int r = reserve_classes(inventory, &inventory->entries[i].set, inventory->nodes[i].tier);
        if (r < 0)
            return r;
    }
    return 0;
}

int inventory_load(struct inventory *inventory, const struct czone_block *blocks, size_t n_blocks)
{
    struct block_view *view = inventory->view;

    if (inventory->node_of.n_used > 0)
        return -EINVAL;
    if (n_blocks == 0)
        return 0;

    int r = array_reserve(view->blocks, view->room, n_blocks);
    if (r >= 0)
        r = block_map_reserve(&inventory->node_of, n_blocks);
    if (r < 0)
        return r;

    memcpy(view->blocks, blocks, n_blocks * sizeof(*blocks));
    qsort(view->blocks, n_blocks, sizeof(*view->blocks), compare_blocks);
    r = load_into_nodes(inventory, view->blocks, n_blocks);
    if (r < 0) {
        for (size_t i = 0; i < inventory->n_nodes; i++)
            node_blocks_clear(&inventory->entries[i].set);
        block_map_clear(&inventory->node_of);
        n_blocks = 0;
    }
    view->n = n_blocks;
    view->current = true;
    for (size_t i = 0; i < inventory->n_nodes; i++)
        attach(inventory, &inventory->entries[i]);
    return r;
}

static int set_claimed(struct inventory *inventory, czone_node_id node, bool claimed)
{
    struct node_entry *entry = entry_of(inventory, node);

    if (!entry)
        return -ENOENT;
    if (claimed && entry->claimed)
        return -EBUSY;
    detach(inventory, entry);
    entry->claimed = claimed;
    attach(inventory, entry);
    return 0;
}

int inventory_claim(struct inventory *inventory, czone_node_id node)
{
    return set_claimed(inventory, node, true);
}

int inventory_unclaim(struct inventory *inventory, czone_node_id node)
{
    return set_claimed(inventory, node, false);
}

uint64_t inventory_block_size(const struct inventory *inventory)
{
    return inventory->block_size;
}

size_t inventory_nodes(const struct inventory *inventory, const struct czone_node **ret_nodes)
{
    *ret_nodes = inventory->nodes;
    return inventory->n_nodes;
}

/* Nodes mostly come one after the other in the address space, so this is mostly a sorted array already. */
static void sort_view(struct block_view *view)
{
    for (size_t i = 1; i < view->n; i++)
        if (view->blocks[i - 1].id.n > view->blocks[i].id.n) {
            qsort(view->blocks, view->n, sizeof(*view->blocks), compare_blocks);
            return;
        }
}

size_t inventory_blocks(const struct inventory *inventory, const struct czone_block **ret_blocks)
{
    struct block_view *view = inventory->view;

    if (!view->current) {
        view->n = 0;
        for (size_t i = 0; i < inventory->n_nodes; i++) {
            const struct node_blocks *set = &inventory->entries[i].set;
            if (set->n_blocks == 0)
                continue;
            memcpy(&view->blocks[view->n], set->blocks, set->n_blocks * sizeof(*set->blocks));
            view->n += set->n_blocks;
        }
        sort_view(view);
        view->current = true;
    }
    *ret_blocks = view->blocks;
    return view->n;
}

const struct czone_node *inventory_node(const struct inventory *inventory, czone_node_id node)
{
    const struct node_entry *entry = entry_of(inventory, node);
    return entry ? node_of_entry(inventory, entry) : NULL;
}

const struct czone_block *inventory_block(const struct inventory *inventory, czone_block_id block)
{
    const struct node_entry *entry = entry_of(inventory, block_map_get(&inventory->node_of, block));
    return entry ? node_blocks_find(&entry->set, block) : NULL;
}

size_t inventory_node_blocks(const struct inventory *inventory, czone_node_id node,
                             const struct czone_block **ret_blocks)
{
    const struct node_entry *entry = entry_of(inventory, node);

    *ret_blocks = entry ? entry->set.blocks : NULL;
    return entry ? entry->set.n_blocks : 0;
}

size_t inventory_node_runs(const struct inventory *inventory, czone_node_id node,
                           const struct block_run **ret_runs)
{
    const struct node_entry *entry = entry_of(inventory, node);

    *ret_runs = entry ? entry->set.runs : NULL;
    return entry ? entry->set.n_runs : 0;
}

void inventory_home(const struct inventory *inventory, struct node_set *ret_home)
{
    *ret_home = inventory->home;
}

int inventory_zone_cpuset(const struct inventory *inventory, czone_node_id node, struct node_set *ret_mems,
                          unsigned *ret_index)
{
    struct node_set mems = inventory->home;

    if (!entry_of(inventory, node))
        return -ENOENT;
    /* The zone's node alone would starve the kernel of non-movable memory on behalf of the cgroup. */
    if (node_set_next(&mems, 0).n < 0 || (node_set_has(&mems, node) && node_set_count(&mems) == 1))
        return -ENODEV;
    node_set_add(&mems, node);
    *ret_mems = mems;
    *ret_index = (unsigned)node_set_index(&mems, node);
    return 0;
}

const struct run_index *inventory_free_runs(const struct inventory *inventory)
{
    return inventory->free_runs;
}
