/* SPDX-License-Identifier: Apache-2.0 */
#include "core_test.h"

#include "core/placement.h"

static int place(const struct inventory *inventory, uint64_t n, enum czone_tier_preference preference,
                 int tier, struct placement *ret)
{
    struct placement_request request = { .n_blocks = n, .tier = { preference, tier } };
    return placement_find(inventory, &request, ret, NULL);
}

static void assert_placed(const struct inventory *inventory, uint64_t n,
                          enum czone_tier_preference preference, int tier, int node, uint64_t first)
{
    struct placement placement;

    ck_assert_int_eq(place(inventory, n, preference, tier, &placement), 0);
    ck_assert_int_eq(placement.node.n, node);
    ck_assert_uint_eq(placement.run.first.n, first);
    ck_assert_uint_eq(placement.run.n, n);
}

START_TEST(the_shortest_sufficient_run_wins)
{
    struct inventory *machine = machine_new();

    put_node(machine, 1, 0);
    put_node(machine, 2, 0);
    put_node(machine, 3, 0);
    plug(machine, 1, 32, 8);
    plug(machine, 2, 64, 4);
    plug(machine, 3, 96, 6);
    assert_placed(machine, 1, CZONE_TIER_ANY, 0, 2, 64);
    assert_placed(machine, 4, CZONE_TIER_ANY, 0, 2, 64);
    assert_placed(machine, 5, CZONE_TIER_ANY, 0, 3, 96);
    assert_placed(machine, 7, CZONE_TIER_ANY, 0, 1, 32);
    inventory_free(machine);
}
END_TEST

START_TEST(ties_go_to_the_lowest_node_and_then_the_lowest_block)
{
    struct inventory *machine = machine_new();

    put_node(machine, 70, 0);
    put_node(machine, 2, 0);
    plug(machine, 70, 16, 4);
    plug(machine, 2, 64, 4);
    plug(machine, 2, 70, 4);
    assert_placed(machine, 3, CZONE_TIER_ANY, 0, 2, 64);
    inventory_free(machine);
}
END_TEST

START_TEST(a_second_longer_run_of_the_same_node_counts_too)
{
    struct inventory *machine = machine_new();

    put_node(machine, 1, 0);
    plug(machine, 1, 32, 2);
    plug(machine, 1, 40, 5);
    assert_placed(machine, 2, CZONE_TIER_ANY, 0, 1, 32);
    assert_placed(machine, 3, CZONE_TIER_ANY, 0, 1, 40);
    inventory_free(machine);
}
END_TEST

static struct inventory *tiered_machine(void)
{
    struct inventory *machine = machine_new();

    put_node(machine, 1, 4);
    put_node(machine, 2, 22);
    put_node(machine, 3, 4);
    put_node(machine, 4, 22);
    plug(machine, 1, 32, 4);
    plug(machine, 2, 64, 4);
    plug(machine, 3, 96, 8);
    plug(machine, 4, 128, 16);
    return machine;
}

START_TEST(preferences_choose_among_tiers)
{
    struct inventory *machine = tiered_machine();
    struct placement placement;

    /* Nodes 1 and 2 fit alike: the slower tier keeps fast memory free. */
    assert_placed(machine, 4, CZONE_TIER_ANY, 0, 2, 64);
    assert_placed(machine, 5, CZONE_TIER_ANY, 0, 3, 96);
    assert_placed(machine, 4, CZONE_TIER_FAST, 0, 1, 32);
    assert_placed(machine, 9, CZONE_TIER_FAST, 0, 4, 128);
    assert_placed(machine, 4, CZONE_TIER_SLOW, 0, 2, 64);
    assert_placed(machine, 5, CZONE_TIER_SLOW, 0, 4, 128);
    assert_placed(machine, 5, CZONE_TIER_NAMED, 4, 3, 96);
    ck_assert_int_eq(place(machine, 9, CZONE_TIER_NAMED, 4, &placement), -ENOSPC);
    ck_assert_int_eq(place(machine, 1, CZONE_TIER_NAMED, 5, &placement), -EINVAL);
    inventory_free(machine);
}
END_TEST

START_TEST(an_unknown_tier_counts_as_the_slowest)
{
    struct inventory *machine = tiered_machine();

    put_node(machine, 5, -1);
    plug(machine, 5, 160, 4);
    assert_placed(machine, 4, CZONE_TIER_SLOW, 0, 5, 160);
    assert_placed(machine, 4, CZONE_TIER_ANY, 0, 5, 160);
    assert_placed(machine, 4, CZONE_TIER_FAST, 0, 1, 32);
    inventory_free(machine);
}
END_TEST

START_TEST(claimed_nodes_are_passed_over_until_they_are_free_again)
{
    struct inventory *machine = tiered_machine();

    ck_assert_int_eq(inventory_claim(machine, NODE(2)), 0);
    assert_placed(machine, 4, CZONE_TIER_ANY, 0, 1, 32);
    ck_assert_int_eq(inventory_claim(machine, NODE(1)), 0);
    assert_placed(machine, 4, CZONE_TIER_ANY, 0, 3, 96);
    ck_assert_int_eq(inventory_unclaim(machine, NODE(2)), 0);
    assert_placed(machine, 4, CZONE_TIER_ANY, 0, 2, 64);
    inventory_free(machine);
}
END_TEST

START_TEST(within_counts_only_what_lies_wholly_inside)
{
    struct inventory *machine = tiered_machine();
    struct placement_request request = { .n_blocks = 4, .within = { 128 * BLOCK_SIZE, 16 * BLOCK_SIZE } };
    struct placement placement;

    ck_assert_int_eq(placement_find(machine, &request, &placement, NULL), 0);
    ck_assert_int_eq(placement.node.n, 4);
    ck_assert_uint_eq(placement.run.first.n, 128);

    /* One byte short at either end costs a whole block. */
    request.within = (struct czone_range){ 130 * BLOCK_SIZE + 1, 5 * BLOCK_SIZE - 1 };
    ck_assert_int_eq(placement_find(machine, &request, &placement, NULL), 0);
    ck_assert_uint_eq(placement.run.first.n, 131);
    request.within.size--;
    ck_assert_int_eq(placement_find(machine, &request, &placement, NULL), -ENOSPC);

    /* A range up to the end of the address space does not wrap. */
    request.within = (struct czone_range){ 128 * BLOCK_SIZE, UINT64_MAX };
    ck_assert_int_eq(placement_find(machine, &request, &placement, NULL), 0);
    ck_assert_int_eq(placement.node.n, 4);
    request.within = (struct czone_range){ UINT64_MAX, UINT64_MAX };
    ck_assert_int_eq(placement_find(machine, &request, &placement, NULL), -ENOSPC);
    inventory_free(machine);
}
END_TEST

START_TEST(a_run_cut_by_the_range_is_judged_by_what_is_left)
{
    struct inventory *machine = tiered_machine();
    /* Cuts node 3 to 4 blocks; node 4 stays at 16. */
    struct placement_request request = { .n_blocks = 3, .within = { 100 * BLOCK_SIZE, 60 * BLOCK_SIZE } };
    struct placement placement;

    ck_assert_int_eq(placement_find(machine, &request, &placement, NULL), 0);
    ck_assert_int_eq(placement.node.n, 3);
    ck_assert_uint_eq(placement.run.first.n, 100);
    inventory_free(machine);
}
END_TEST

START_TEST(refusals_say_what_is_missing)
{
    struct inventory *machine = tiered_machine();
    struct placement_request request = { .n_blocks = 17 };
    struct placement placement;
    struct czone_failure failure = CZONE_FAILURE_INIT;

    ck_assert_int_eq(placement_find(machine, &request, &placement, &failure), -ENOSPC);
    ck_assert_int_eq(failure.error, -ENOSPC);
    ck_assert_int_eq(failure.stage, CZONE_STAGE_PLACE);
    ck_assert_ptr_nonnull(strstr(failure.message, "17 contiguous blocks of 128 MiB"));
    ck_assert_ptr_nonnull(strstr(failure.message, "longest run is 16 on node 4"));

    request = (struct placement_request){ .n_blocks = 1, .tier = { CZONE_TIER_NAMED, 9 } };
    ck_assert_int_eq(placement_find(machine, &request, &placement, &failure), -EINVAL);
    ck_assert_int_eq(failure.stage, CZONE_STAGE_REQUEST);
    ck_assert_ptr_nonnull(strstr(failure.message, "memory_tier9"));

    request = (struct placement_request){ .n_blocks = 0 };
    ck_assert_int_eq(placement_find(machine, &request, &placement, &failure), -EINVAL);
    request = (struct placement_request){ .n_blocks = 1, .tier = { (enum czone_tier_preference)7, 0 } };
    ck_assert_int_eq(placement_find(machine, &request, &placement, &failure), -EINVAL);
    inventory_free(machine);
}
END_TEST

START_TEST(a_machine_without_a_second_node_is_told_the_qemu_flags)
{
    struct inventory *machine = machine_new();
    struct placement_request request = { .n_blocks = 1 };
    struct placement placement;
    struct czone_failure failure = CZONE_FAILURE_INIT;

    ck_assert_int_eq(placement_find(machine, &request, &placement, &failure), -ENODEV);
    ck_assert_ptr_nonnull(strstr(failure.message, "-numa node"));
    ck_assert_ptr_nonnull(strstr(failure.message, "maxcpus"));
    ck_assert_ptr_nonnull(strstr(failure.message, "maxmem"));
    ck_assert_uint_lt(strlen(failure.message), sizeof(failure.message) - 1);

    /* An empty node is enough for the host to help. */
    put_node(machine, 1, 0);
    ck_assert_int_eq(placement_find(machine, &request, &placement, &failure), -ENOSPC);
    inventory_free(machine);
}
END_TEST

START_TEST(bytes_are_rounded_up_to_blocks)
{
    uint64_t n = 0;

    ck_assert_int_eq(placement_blocks(1, BLOCK_SIZE, &n), 0);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(placement_blocks(BLOCK_SIZE, BLOCK_SIZE, &n), 0);
    ck_assert_uint_eq(n, 1);
    ck_assert_int_eq(placement_blocks(BLOCK_SIZE + 1, BLOCK_SIZE, &n), 0);
    ck_assert_uint_eq(n, 2);
    ck_assert_int_eq(placement_blocks(INT64_MAX, BLOCK_SIZE, &n), 0);
    ck_assert_uint_eq(n, (UINT64_C(1) << 63) / BLOCK_SIZE);
    ck_assert_int_eq(placement_blocks(0, BLOCK_SIZE, &n), -EINVAL);
    ck_assert_int_eq(placement_blocks((uint64_t)INT64_MAX + 1, BLOCK_SIZE, &n), -EINVAL);
}
END_TEST

START_TEST(two_hundred_lengths_are_told_apart)
{
    struct inventory *machine = machine_new();
    struct placement placement;
    uint64_t first = 100;

    /* Node n has a run of n blocks; they come in an order that puts each new length somewhere in the middle.
     */
    for (int i = 0; i < 200; i++) {
        int node = 1 + i * 77 % 200;
        put_node(machine, node, 0);
        plug(machine, node, first, (uint64_t)node);
        first += (uint64_t)node + 1;
    }
    assert_valid(machine);
    for (int n = 1; n <= 200; n++) {
        ck_assert_int_eq(place(machine, (uint64_t)n, CZONE_TIER_ANY, 0, &placement), 0);
        ck_assert_int_eq(placement.node.n, n);
    }
    /* All but the ends are taken: the next sufficient one is far off. */
    for (int n = 2; n < 200; n++)
        ck_assert_int_eq(inventory_claim(machine, NODE(n)), 0);
    ck_assert_int_eq(place(machine, 2, CZONE_TIER_ANY, 0, &placement), 0);
    ck_assert_int_eq(placement.node.n, 200);
    ck_assert_int_eq(inventory_claim(machine, NODE(200)), 0);
    ck_assert_int_eq(place(machine, 2, CZONE_TIER_ANY, 0, &placement), -ENOSPC);
    ck_assert_int_eq(inventory_unclaim(machine, NODE(130)), 0);
    ck_assert_int_eq(place(machine, 2, CZONE_TIER_ANY, 0, &placement), 0);
    ck_assert_int_eq(placement.node.n, 130);
    assert_valid(machine);
    inventory_free(machine);
}
END_TEST

/* The rule of czone/zone.h, spelled out over all blocks, one by one. */
struct naive {
    bool found;
    int slowness;
    uint64_t length, first;
    int node;
};

static bool naive_less(enum czone_tier_preference preference, const struct naive *a, const struct naive *b)
{
    if (!b->found)
        return true;
    if (a->slowness != b->slowness && preference == CZONE_TIER_FAST)
        return a->slowness < b->slowness;
    if (a->slowness != b->slowness && preference == CZONE_TIER_SLOW)
        return a->slowness > b->slowness;
    if (a->length != b->length)
        return a->length < b->length;
    if (a->slowness != b->slowness)
        return a->slowness > b->slowness;
    if (a->node != b->node)
        return a->node < b->node;
    return a->first < b->first;
}

static bool naive_inside(const struct czone_range *within, uint64_t block)
{
    return within->size == 0 ||
           (block * BLOCK_SIZE >= within->start && (block + 1) * BLOCK_SIZE <= within->start + within->size);
}

static struct naive naive_find(const struct inventory *inventory, const struct placement_request *request)
{
    const struct czone_block *blocks;
    size_t n = inventory_blocks(inventory, &blocks);
    struct naive best = { .found = false };

    for (size_t i = 0; i < n;) {
        const struct czone_node *node = inventory_node(inventory, blocks[i].node);
        size_t j = i;
        while (j < n && blocks[j].node.n == node->id.n && blocks[j].id.n == blocks[i].id.n + (j - i) &&
               naive_inside(&request->within, blocks[j].id.n))
            j++;
        struct naive run = { true, node->tier < 0 ? 1000 : node->tier, j - i, blocks[i].id.n, node->id.n };
        bool allowed = request->tier.preference != CZONE_TIER_NAMED || request->tier.tier == node->tier;
        if (node->role == CZONE_NODE_FREE && allowed && run.length >= request->n_blocks &&
            naive_less(request->tier.preference, &run, &best))
            best = run;
        i = j > i ? j : i + 1;
    }
    return best;
}

#define N_NODES  70
#define N_BLOCKS 600

static void random_change(struct inventory *inventory, uint64_t *random)
{
    int node = 1 + (int)random_below(random, N_NODES);
    struct czone_block block = { .id = { random_below(random, N_BLOCKS) },
                                 .node = { (int32_t)(1 + random_below(random, N_NODES)) },
                                 .provider = CZONE_PROVIDER_DIMM };

    switch (random_below(random, 8)) {
    case 0:
        inventory_claim(inventory, NODE(node));
        break;
    case 1:
        ck_assert_int_eq(inventory_unclaim(inventory, NODE(node)), 0);
        break;
    case 2:
        inventory_remove_block(inventory, block.id);
        break;
    case 3:
        put_node(inventory, node, (int)random_below(random, 4) - 1);
        break;
    default:
        /* Stretches rather than single blocks, so that there are runs worth the name. */
        for (uint64_t i = random_below(random, 12); i > 0; i--) {
            ck_assert_int_ge(inventory_put_block(inventory, &block), 0);
            block.id.n++;
        }
    }
}

static void random_request(struct placement_request *request, uint64_t *random)
{
    *request = (struct placement_request){
        .n_blocks = 1 + random_below(random, 12),
        .tier = { (enum czone_tier_preference)random_below(random, 4), (int)random_below(random, 3) },
    };
    if (random_below(random, 3) == 0)
        request->within = (struct czone_range){
            random_below(random, N_BLOCKS * BLOCK_SIZE),
            random_below(random, 100 * BLOCK_SIZE),
        };
}

START_TEST(every_placement_is_the_one_a_plain_search_finds)
{
    uint64_t random = random_seed();
    struct inventory *inventory;
    int n_found = 0;

    ck_assert_int_eq(inventory_new(BLOCK_SIZE, &inventory), 0);
    for (int node = 1; node <= N_NODES; node++)
        put_node(inventory, node, node % 3);
    for (int i = 0; i < 20000; i++) {
        struct placement_request request;
        struct placement placement;

        random_change(inventory, &random);
        if (i % 50 == 0)
            assert_valid(inventory);
        random_request(&request, &random);
        struct naive expected = naive_find(inventory, &request);
        int r = placement_find(inventory, &request, &placement, NULL);
        if (!expected.found) {
            ck_assert(r == -ENOSPC || r == -EINVAL);
            continue;
        }
        n_found++;
        ck_assert_int_eq(r, 0);
        ck_assert_int_eq(placement.node.n, expected.node);
        ck_assert_uint_eq(placement.run.first.n, expected.first);
        ck_assert_uint_eq(placement.run.n, request.n_blocks);
    }
    ck_assert_int_gt(n_found, 1000);
    inventory_free(inventory);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("placement");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_shortest_sufficient_run_wins);
    tcase_add_test(tests, ties_go_to_the_lowest_node_and_then_the_lowest_block);
    tcase_add_test(tests, a_second_longer_run_of_the_same_node_counts_too);
    tcase_add_test(tests, preferences_choose_among_tiers);
    tcase_add_test(tests, an_unknown_tier_counts_as_the_slowest);
    tcase_add_test(tests, claimed_nodes_are_passed_over_until_they_are_free_again);
    tcase_add_test(tests, within_counts_only_what_lies_wholly_inside);
    tcase_add_test(tests, a_run_cut_by_the_range_is_judged_by_what_is_left);
    tcase_add_test(tests, refusals_say_what_is_missing);
    tcase_add_test(tests, a_machine_without_a_second_node_is_told_the_qemu_flags);
    tcase_add_test(tests, bytes_are_rounded_up_to_blocks);
    tcase_add_test(tests, two_hundred_lengths_are_told_apart);
    tcase_add_test(tests, every_placement_is_the_one_a_plain_search_finds);
    return core_test_main(tests, "core_placement");
}
