/* SPDX-License-Identifier: Apache-2.0 */
#include "node_blocks.h"

#include <errno.h>
#include <string.h>

#include "array.h"

void node_blocks_done(struct node_blocks *set)
{
    free(set->blocks);
    free(set->runs);
    *set = (struct node_blocks){ 0 };
}

void node_blocks_clear(struct node_blocks *set)
{
    *set = (struct node_blocks){
        .blocks = set->blocks,
        .room_blocks = set->room_blocks,
        .runs = set->runs,
        .room_runs = set->room_runs,
    };
}

int node_blocks_reserve(struct node_blocks *set, size_t n_blocks, size_t n_runs)
{
    int r = array_reserve(set->blocks, set->room_blocks, n_blocks);
    if (r < 0)
        return r;
    return array_reserve(set->runs, set->room_runs, n_runs);
}

size_t node_blocks_lower_bound(const struct node_blocks *set, czone_block_id block)
{
    size_t low = 0, high = set->n_blocks;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->blocks[middle].id.n < block.n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct czone_block *node_blocks_find(const struct node_blocks *set, czone_block_id block)
{
    size_t i = node_blocks_lower_bound(set, block);
    return i < set->n_blocks && set->blocks[i].id.n == block.n ? &set->blocks[i] : NULL;
}

/* Index of the first run that ends above the block: the one it is in, or the next one. */
static size_t run_lower_bound(const struct node_blocks *set, czone_block_id block)
{
    size_t low = 0, high = set->n_runs;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (set->runs[middle].first.n + set->runs[middle].n <= block.n)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Whether the run before index i ends just below the block, and the one at i starts just above it. */
static bool touches_before(const struct node_blocks *set, size_t i, czone_block_id block)
{
    return i > 0 && set->runs[i - 1].first.n + set->runs[i - 1].n == block.n;
}

static bool touches_after(const struct node_blocks *set, size_t i, czone_block_id block)
{
    return i < set->n_runs && set->runs[i].first.n == block.n + 1;
}

uint64_t node_blocks_run_with(const struct node_blocks *set, czone_block_id block)
{
    size_t i = run_lower_bound(set, block);
    uint64_t n = 1;

    if (touches_before(set, i, block))
        n += set->runs[i - 1].n;
    if (touches_after(set, i, block))
        n += set->runs[i].n;
    return n;
}

void node_blocks_runs_without(const struct node_blocks *set, czone_block_id block, uint64_t *ret_before,
                              uint64_t *ret_after)
{
    const struct block_run *run = &set->runs[run_lower_bound(set, block)];

    *ret_before = block.n - run->first.n;
    *ret_after = run->n - *ret_before - 1;
}

static void runs_open(struct node_blocks *set, size_t i)
{
    memmove(&set->runs[i + 1], &set->runs[i], (set->n_runs - i) * sizeof(*set->runs));
    set->n_runs++;
}

static void runs_close(struct node_blocks *set, size_t i)
{
    set->n_runs--;
    memmove(&set->runs[i], &set->runs[i + 1], (set->n_runs - i) * sizeof(*set->runs));
}

static void runs_add(struct node_blocks *set, czone_block_id block)
{
    size_t i = run_lower_bound(set, block);
    bool before = touches_before(set, i, block);
    bool after = touches_after(set, i, block);

    if (before && after) {
        set->runs[i - 1].n += 1 + set->runs[i].n;
        runs_close(set, i);
        i--;
    } else if (before) {
        i--;
        set->runs[i].n++;
    } else if (after) {
        set->runs[i].first = block;
        set->runs[i].n++;
    } else {
        runs_open(set, i);
        set->runs[i] = (struct block_run){ .first = block, .n = 1 };
    }
    if (set->runs[i].n > set->longest)
        set->longest = set->runs[i].n;
}

static void runs_cut(struct node_blocks *set, czone_block_id block)
{
    size_t i = run_lower_bound(set, block);
    uint64_t before, after, was = set->runs[i].n;

    node_blocks_runs_without(set, block, &before, &after);
    if (before > 0 && after > 0) {
        runs_open(set, i + 1);
        set->runs[i + 1] = (struct block_run){ .first = { block.n + 1 }, .n = after };
        set->runs[i].n = before;
    } else if (before > 0) {
        set->runs[i].n = before;
    } else if (after > 0) {
        set->runs[i] = (struct block_run){ .first = { block.n + 1 }, .n = after };
    } else {
        runs_close(set, i);
    }

    if (was < set->longest)
        return;
    set->longest = 0;
    for (i = 0; i < set->n_runs; i++)
        if (set->runs[i].n > set->longest)
            set->longest = set->runs[i].n;
}

/* sign: 1 counts a block in, -1 out. */
static void count(struct node_blocks *set, const struct czone_block *block, int sign)
{
    set->by_provider[block->provider] += (size_t)sign;
    if (block->state != CZONE_BLOCK_OFFLINE)
        set->n_online += (size_t)sign;
    if (block->provider == CZONE_PROVIDER_BOOT && block->state == CZONE_BLOCK_KERNEL)
        set->n_boot_kernel += (size_t)sign;
}

void node_blocks_insert(struct node_blocks *set, const struct czone_block *block)
{
    size_t i = node_blocks_lower_bound(set, block->id);

    memmove(&set->blocks[i + 1], &set->blocks[i], (set->n_blocks - i) * sizeof(*set->blocks));
    set->blocks[i] = *block;
    set->n_blocks++;
    count(set, block, 1);
    runs_add(set, block->id);
}

void node_blocks_append(struct node_blocks *set, const struct czone_block *block)
{
    size_t last = set->n_runs - 1;

    if (set->n_runs > 0 && set->runs[last].first.n + set->runs[last].n == block->id.n) {
        set->runs[last].n++;
    } else {
        last = set->n_runs++;
        set->runs[last] = (struct block_run){ .first = block->id, .n = 1 };
    }
    if (set->runs[last].n > set->longest)
        set->longest = set->runs[last].n;
    set->blocks[set->n_blocks++] = *block;
    count(set, block, 1);
}

void node_blocks_remove(struct node_blocks *set, czone_block_id block)
{
    size_t i = node_blocks_lower_bound(set, block);

    count(set, &set->blocks[i], -1);
    set->n_blocks--;
    memmove(&set->blocks[i], &set->blocks[i + 1], (set->n_blocks - i) * sizeof(*set->blocks));
    runs_cut(set, block);
}

void node_blocks_update(struct node_blocks *set, const struct czone_block *block)
{
    size_t i = node_blocks_lower_bound(set, block->id);

    count(set, &set->blocks[i], -1);
    set->blocks[i] = *block;
    count(set, block, 1);
}

enum czone_provider node_blocks_provider(const struct node_blocks *set)
{
    if (set->n_blocks == 0)
        return CZONE_PROVIDER_UNKNOWN;
    enum czone_provider provider = set->blocks[0].provider;
    return set->by_provider[provider] == set->n_blocks ? provider : CZONE_PROVIDER_UNKNOWN;
}
