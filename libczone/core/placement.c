/* SPDX-License-Identifier: Apache-2.0 */
#include "placement.h"

#include <errno.h>
#include <inttypes.h>

#include "failure_set.h"
#include "run_index.h"

#define MIB (UINT64_C(1) << 20)

/* A run that would do, with what it is judged by. */
struct candidate {
    bool found;
    int tier;
    czone_node_id node;
    struct block_run run;
};

int placement_blocks(uint64_t bytes, uint64_t block_size, uint64_t *ret_n_blocks)
{
    if (bytes == 0 || bytes > INT64_MAX || block_size == 0)
        return -EINVAL;
    *ret_n_blocks = (bytes - 1) / block_size + 1;
    return 0;
}

static bool tier_allowed(const struct czone_tier_choice *choice, int tier)
{
    return choice->preference != CZONE_TIER_NAMED || choice->tier == tier;
}

/* Whether a beats b, by tier and length alone: ties in both go to the one that was seen first, and nodes are
 * walked in ascending order. */
static bool better(enum czone_tier_preference preference, const struct candidate *a,
                   const struct candidate *b)
{
    if (!b->found)
        return true;

    int slow_a = tier_slowness(a->tier), slow_b = tier_slowness(b->tier);
    if (preference == CZONE_TIER_FAST && slow_a != slow_b)
        return slow_a < slow_b;
    if (preference == CZONE_TIER_SLOW && slow_a != slow_b)
        return slow_a > slow_b;
    if (a->run.n != b->run.n)
        return a->run.n < b->run.n;
    return slow_a > slow_b;
}

/* The lowest run of exactly this length. */
static struct block_run run_of_length(const struct inventory *inventory, czone_node_id node, uint64_t length)
{
    const struct block_run *runs;
    size_t n = inventory_node_runs(inventory, node, &runs);

    for (size_t i = 0; i < n; i++)
        if (runs[i].n == length)
            return runs[i];
    return (struct block_run){ 0 };
}

static struct candidate best_by_index(const struct inventory *inventory,
                                      const struct placement_request *request)
{
    const struct run_index *index = inventory_free_runs(inventory);
    struct candidate best = { .found = false };

    for (size_t i = 0; i < run_index_n_tiers(index); i++) {
        struct candidate next = { .found = true, .tier = run_index_tier(index, i) };
        if (!tier_allowed(&request->tier, next.tier) ||
            !run_index_shortest(index, i, request->n_blocks, &next.run.n, &next.node))
            continue;
        if (better(request->tier.preference, &next, &best))
            best = next;
        if (request->tier.preference == CZONE_TIER_FAST)
            break;
    }
    if (best.found)
        best.run = run_of_length(inventory, best.node, best.run.n);
    return best;
}

/* Whole blocks inside a range of bytes; n 0 if there are none. */
static struct block_run blocks_within(const struct czone_range *within, uint64_t block_size)
{
    uint64_t end = within->size > UINT64_MAX - within->start ? UINT64_MAX : within->start + within->size;
    uint64_t first = within->start / block_size + (within->start % block_size != 0);
    uint64_t last = end / block_size;

    return (struct block_run){ .first = { first }, .n = last > first ? last - first : 0 };
}

static struct block_run clip(const struct block_run *run, const struct block_run *window)
{
    uint64_t first = run->first.n > window->first.n ? run->first.n : window->first.n;
    uint64_t run_end = run->first.n + run->n, window_end = window->first.n + window->n;
    uint64_t end = run_end < window_end ? run_end : window_end;

    return (struct block_run){ .first = { first }, .n = end > first ? end - first : 0 };
}

/* Calls for each run of a free node of an allowed tier, cut to the window (NULL: whole). */
typedef void (*run_fn)(void *data, const struct candidate *candidate);

static void each_free_run(const struct inventory *inventory, const struct czone_tier_choice *tier,
                          const struct block_run *window, run_fn fn, void *data)
{
    const struct czone_node *nodes;
    size_t n_nodes = inventory_nodes(inventory, &nodes);

    for (size_t i = 0; i < n_nodes; i++) {
        const struct block_run *runs;
        if (nodes[i].role != CZONE_NODE_FREE || !tier_allowed(tier, nodes[i].tier))
            continue;
        size_t n_runs = inventory_node_runs(inventory, nodes[i].id, &runs);
        for (size_t j = 0; j < n_runs; j++) {
            struct candidate candidate = { .found = true, .tier = nodes[i].tier, .node = nodes[i].id };
            candidate.run = window ? clip(&runs[j], window) : runs[j];
            fn(data, &candidate);
        }
    }
}

struct search {
    const struct placement_request *request;
    struct candidate best;
};

static void take_if_better(void *data, const struct candidate *candidate)
{
    struct search *search = data;

    if (candidate->run.n >= search->request->n_blocks &&
        better(search->request->tier.preference, candidate, &search->best))
        search->best = *candidate;
}

static void take_if_longer(void *data, const struct candidate *candidate)
{
    struct candidate *longest = data;

    if (candidate->run.n > longest->run.n)
        *longest = *candidate;
}

static int check_request(const struct inventory *inventory, const struct placement_request *request,
                         struct czone_failure *failure)
{
    const struct czone_node *nodes;
    size_t n_nodes = inventory_nodes(inventory, &nodes), n_usable = 0;
    bool tier_exists = request->tier.preference != CZONE_TIER_NAMED;

    for (size_t i = 0; i < n_nodes; i++) {
        if (nodes[i].role != CZONE_NODE_HOME && nodes[i].role != CZONE_NODE_UNFIT)
            n_usable++;
        if (nodes[i].tier == request->tier.tier)
            tier_exists = true;
    }
    if (n_usable == 0)
        return failure_set(failure, -ENODEV, CZONE_STAGE_PLACE, CZONE_NODE_NONE,
                           "this machine has no NUMA node for zones: give QEMU one per zone with \"-smp "
                           "N,maxcpus=N+1 -numa node,nodeid=1,cpus=N\" and room to plug with \"-m "
                           "SIZE,maxmem=SIZE,slots=N\"");
    if (!tier_exists)
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
                           "no node is of tier memory_tier%d: ask for one of "
                           "/sys/devices/virtual/memory_tiering, or for any",
                           request->tier.tier);
    return 0;
}

/* Says why nothing was found. */
static int no_space(const struct inventory *inventory, const struct placement_request *request,
                    const struct block_run *window, struct czone_failure *failure)
{
    uint64_t mib = inventory_block_size(inventory) / MIB;
    const char *where = window ? " inside the given address range" : "";
    struct candidate longest = { .found = false };

    int r = check_request(inventory, request, failure);
    if (r < 0)
        return r;

    each_free_run(inventory, &request->tier, window, take_if_longer, &longest);
    if (longest.run.n == 0)
        return failure_set(failure, -ENOSPC, CZONE_STAGE_PLACE, CZONE_NODE_NONE,
                           "no free node of the wanted tier has memory%s: %" PRIu64 " blocks of %" PRIu64
                           " MiB are needed; let the host plug them or release a zone",
                           where, request->n_blocks, mib);
    return failure_set(failure, -ENOSPC, CZONE_STAGE_PLACE, longest.node,
                       "no free node has %" PRIu64 " contiguous blocks of %" PRIu64
                       " MiB%s: the longest run is %" PRIu64 " on node %" PRId32
                       "; let the host plug more or release a zone",
                       request->n_blocks, mib, where, longest.run.n, longest.node.n);
}

int placement_find(const struct inventory *inventory, const struct placement_request *request,
                   struct placement *ret_placement, struct czone_failure *failure)
{
    bool windowed = request->within.size > 0;
    struct block_run window = blocks_within(&request->within, inventory_block_size(inventory));
    struct search search = { .request = request };

    if (request->n_blocks == 0 || (unsigned)request->tier.preference > CZONE_TIER_NAMED)
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
                           "a zone needs at least one block and a tier preference that exists");

    if (windowed)
        each_free_run(inventory, &request->tier, &window, take_if_better, &search);
    else
        search.best = best_by_index(inventory, request);
    if (!search.best.found)
        return no_space(inventory, request, windowed ? &window : NULL, failure);

    const struct candidate *best = &search.best;
    *ret_placement = (struct placement){
        .node = best->node,
        .tier = best->tier,
        .provider = inventory_node(inventory, best->node)->provider,
        .run = { .first = best->run.first, .n = request->n_blocks },
    };
    return 0;
}
