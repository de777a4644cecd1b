/* SPDX-License-Identifier: Apache-2.0 */

/*
 * What placing, reserving and releasing a zone costs in the allocator itself, and how that grows with nodes
 * and blocks. The baseline of each line places by walking the runs of all free nodes, in the same inventory
 * and the same run, and must find the same place.
 *
 * Half of the nodes stay claimed. Times are of single operations, less what reading the clock costs; caches
 * are warm, as after the first few zones.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/ledger.h"
#include "core/placement.h"

#define BLOCK_SIZE (UINT64_C(128) << 20)
#define N_ROUNDS   20000
#define NODES_MOST 1000

enum { PLACE, PLACE_BASELINE, RESERVE, RELEASE, N_OPERATIONS };

static const char *const operation_names[N_OPERATIONS] = { "place", "place-baseline", "reserve", "release" };

enum layout { ONE_RUN, MANY_RUNS };

static const char *const layout_names[] = { "one-run", "many-runs" };

struct bench {
    struct inventory *inventory;
    struct ledger *ledger;
    int n_nodes;
    uint64_t n_blocks;
    uint64_t random;
    uint64_t clock_cost;
    uint64_t *times[N_OPERATIONS];
};

struct result {
    uint64_t p50[N_OPERATIONS];
    uint64_t p99[N_OPERATIONS];
};

static void die(const char *what, int error)
{
    fprintf(stderr, "bench_allocator: %s: %s\n", what, strerror(-error));
    exit(EXIT_FAILURE);
}

static void must(const char *what, int r)
{
    if (r < 0)
        die(what, r);
}

static uint64_t random_below(struct bench *bench, uint64_t n)
{
    bench->random ^= bench->random << 13;
    bench->random ^= bench->random >> 7;
    bench->random ^= bench->random << 17;
    return bench->random % n;
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

static int compare_times(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static uint64_t percentile(uint64_t *sorted, unsigned percent)
{
    return sorted[(N_ROUNDS - 1) * percent / 100];
}

static uint64_t measure_clock(uint64_t *times)
{
    for (size_t i = 0; i < N_ROUNDS; i++) {
        uint64_t start = now();
        times[i] = now() - start;
    }
    qsort(times, N_ROUNDS, sizeof(*times), compare_times);
    return percentile(times, 50);
}

static void note(struct bench *bench, int operation, size_t round, uint64_t start)
{
    uint64_t time = now() - start;
    bench->times[operation][round] = time > bench->clock_cost ? time - bench->clock_cost : 0;
}

/* Nodes of two tiers after home node 0. With many runs, one block in eight is missing. */
static void fill(struct bench *bench, enum layout layout)
{
    size_t n = 0, room = (size_t)bench->n_nodes * bench->n_blocks;
    struct czone_block *blocks = calloc(room, sizeof(*blocks));

    if (!blocks)
        die("blocks", -ENOMEM);
    must("inventory", inventory_new(BLOCK_SIZE, &bench->inventory));
    must("home node", inventory_put_node(bench->inventory, (czone_node_id){ 0 }, 0, true));
    for (int node = 1; node <= bench->n_nodes; node++) {
        must("node", inventory_put_node(bench->inventory, (czone_node_id){ node }, node % 2, false));
        for (uint64_t i = 0; i < bench->n_blocks; i++)
            if (layout == ONE_RUN || random_below(bench, 8) > 0)
                blocks[n++] = (struct czone_block){
                    .id = { (uint64_t)node * bench->n_blocks + i },
                    .node = { node },
                    .provider = CZONE_PROVIDER_VIRTIO_MEM,
                };
    }
    must("blocks", inventory_load(bench->inventory, blocks, n));
    must("ledger", ledger_new(&bench->ledger));
    free(blocks);
}

/* The rule for tier "any", by a walk over the runs of every free node. */
static bool place_by_walk(const struct inventory *inventory, uint64_t n_blocks, struct placement *ret)
{
    const struct czone_node *nodes;
    size_t n_nodes = inventory_nodes(inventory, &nodes);
    struct placement best = { .node = CZONE_NODE_NONE };

    for (size_t i = 0; i < n_nodes; i++) {
        const struct block_run *runs;
        if (nodes[i].role != CZONE_NODE_FREE || nodes[i].longest_run < n_blocks)
            continue;
        size_t n_runs = inventory_node_runs(inventory, nodes[i].id, &runs);
        for (size_t j = 0; j < n_runs; j++)
            if (runs[j].n >= n_blocks && (best.node.n < 0 || runs[j].n < best.run.n ||
                                          (runs[j].n == best.run.n && nodes[i].tier > best.tier)))
                best = (struct placement){ .node = nodes[i].id, .tier = nodes[i].tier, .run = runs[j] };
    }
    *ret = best;
    return best.node.n >= 0;
}

static struct czone_zone_info info_of(const struct placement *placement)
{
    struct czone_zone_info info = {
        .state = CZONE_ZONE_PLUGGED,
        .node = placement->node,
        .tier = placement->tier,
        .provider = placement->provider,
        .range = { placement->run.first.n * BLOCK_SIZE, placement->run.n * BLOCK_SIZE },
        .first_block = placement->run.first,
        .n_blocks = placement->run.n,
    };

    /* As container ids look. */
    snprintf(info.name, sizeof(info.name), "container-%08x", (unsigned)placement->node.n * 2654435761U);
    return info;
}

/* false: full. */
static bool reserve(struct bench *bench, struct placement_request *request)
{
    struct placement placement;

    int r = placement_find(bench->inventory, request, &placement, NULL);
    if (r == -ENOSPC)
        return false;
    must("placement", r);
    struct czone_zone_info info = info_of(&placement);
    must("claim", ledger_claim(bench->ledger, bench->inventory, &info));
    return true;
}

static void release(struct bench *bench, const char *name)
{
    must("draining", ledger_move(bench->ledger, name, CZONE_ZONE_DRAINING));
    must("offline", ledger_move(bench->ledger, name, CZONE_ZONE_OFFLINE));
    must("release", ledger_release(bench->ledger, bench->inventory, name));
}

static void compare_places(struct bench *bench, const struct placement_request *request, size_t round)
{
    struct placement by_index, by_walk;

    uint64_t start = now();
    int r = placement_find(bench->inventory, request, &by_index, NULL);
    note(bench, PLACE, round, start);
    start = now();
    bool found = place_by_walk(bench->inventory, request->n_blocks, &by_walk);
    note(bench, PLACE_BASELINE, round, start);

    if (found != (r == 0) ||
        (found && (by_index.node.n != by_walk.node.n || by_index.run.first.n != by_walk.run.first.n))) {
        fprintf(stderr, "bench_allocator: the baseline found another place\n");
        exit(EXIT_FAILURE);
    }
}

static struct placement_request random_request(struct bench *bench)
{
    /* Up to half of a node: fits in nearly every state. */
    return (struct placement_request){ .n_blocks = 1 + random_below(bench, bench->n_blocks / 2) };
}

/* One zone goes and one comes in each round, at random places. */
static void run_rounds(struct bench *bench)
{
    char names[NODES_MOST][CZONE_ZONE_NAME_MAX + 1];
    struct czone_zone_info *zones;
    struct placement_request request = { .n_blocks = 1 };
    int n_zones = 0;

    while (n_zones < bench->n_nodes / 2 && reserve(bench, &request))
        n_zones++;
    if (n_zones == 0)
        die("the first zone was refused", -ENOSPC);
    must("list", ledger_list(bench->ledger, &zones));
    for (int i = 0; i < n_zones; i++)
        memcpy(names[i], zones[i].name, sizeof(names[i]));
    free(zones);

    for (size_t round = 0; round < N_ROUNDS; round++) {
        char *name = names[random_below(bench, (uint64_t)n_zones)];
        uint64_t start = now();
        release(bench, name);
        note(bench, RELEASE, round, start);

        struct placement placement;
        do {
            request = random_request(bench);
        } while (!place_by_walk(bench->inventory, request.n_blocks, &placement));
        struct czone_zone_info info = info_of(&placement);
        compare_places(bench, &request, round);
        start = now();
        if (!reserve(bench, &request))
            die("a zone that fits was refused", -ENOSPC);
        note(bench, RESERVE, round, start);
        memcpy(name, info.name, sizeof(info.name));
    }
}

static struct result run_one(int n_nodes, uint64_t n_blocks, enum layout layout, uint64_t clock_cost,
                             uint64_t *times[N_OPERATIONS])
{
    struct bench bench = { .n_nodes = n_nodes, .n_blocks = n_blocks, .random = 88172645463325252 };
    struct result result;

    bench.clock_cost = clock_cost;
    memcpy(bench.times, times, sizeof(bench.times));
    fill(&bench, layout);
    run_rounds(&bench);
    must("validate", ledger_validate(bench.ledger, bench.inventory, NULL));
    for (int i = 0; i < N_OPERATIONS; i++) {
        qsort(times[i], N_ROUNDS, sizeof(*times[i]), compare_times);
        result.p50[i] = percentile(times[i], 50);
        result.p99[i] = percentile(times[i], 99);
    }
    ledger_free(bench.ledger);
    inventory_free(bench.inventory);
    return result;
}

static void print_json(int n_nodes, uint64_t n_blocks, enum layout layout, const struct result *result)
{
    printf("{\"nodes\":%d,\"blocks\":%" PRIu64 ",\"layout\":\"%s\"", n_nodes, n_blocks, layout_names[layout]);
    for (int i = 0; i < N_OPERATIONS; i++)
        printf(",\"%s\":{\"p50_ns\":%" PRIu64 ",\"p99_ns\":%" PRIu64 "}", operation_names[i], result->p50[i],
               result->p99[i]);
    printf("}\n");
}

static void print_row(int n_nodes, uint64_t n_blocks, enum layout layout, const struct result *result)
{
    printf("%5d %6" PRIu64 "  %-9s", n_nodes, n_blocks, layout_names[layout]);
    for (int i = 0; i < N_OPERATIONS; i++)
        printf(" %7" PRIu64 " %7" PRIu64, result->p50[i], result->p99[i]);
    printf(" %8.1fx\n",
           (double)result->p50[PLACE_BASELINE] / (double)(result->p50[PLACE] ? result->p50[PLACE] : 1));
}

int main(int argc, char **argv)
{
    static const int nodes[] = { 10, 100, NODES_MOST };
    static const uint64_t blocks[] = { 8, 64 };
    bool json = argc == 2 && strcmp(argv[1], "--json") == 0;
    uint64_t *times[N_OPERATIONS];

    if (argc > 1 && !json) {
        fprintf(stderr, "Usage: bench_allocator [--json]\n");
        return 2;
    }
    for (int i = 0; i < N_OPERATIONS; i++)
        if (!(times[i] = calloc(N_ROUNDS, sizeof(*times[i]))))
            die("times", -ENOMEM);
    uint64_t clock_cost = measure_clock(times[0]);

    if (!json) {
        printf("nanoseconds per operation, p50 and p99 of %d; reading the clock costs %" PRIu64
               " and is taken off\n\n",
               N_ROUNDS, clock_cost);
        printf("%5s %6s  %-9s %15s %15s %15s %15s %9s\n", "nodes", "blocks", "layout", "place", "by walk",
               "reserve", "release", "walk/place");
    }
    for (enum layout layout = ONE_RUN; layout <= MANY_RUNS; layout++)
        for (size_t b = 0; b < 2; b++)
            for (size_t n = 0; n < 3; n++) {
                struct result result = run_one(nodes[n], blocks[b], layout, clock_cost, times);
                if (json)
                    print_json(nodes[n], blocks[b], layout, &result);
                else
                    print_row(nodes[n], blocks[b], layout, &result);
            }
    for (int i = 0; i < N_OPERATIONS; i++)
        free(times[i]);
    return EXIT_SUCCESS;
}
