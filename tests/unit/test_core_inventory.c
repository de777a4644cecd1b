/* SPDX-License-Identifier: Apache-2.0 */
#include "core_test.h"

#include "core/block_map.h"

static enum czone_node_role role_of(const struct inventory *inventory, int node)
{
    const struct czone_node *known = inventory_node(inventory, NODE(node));

    ck_assert_ptr_nonnull(known);
    return known->role;
}

START_TEST(roles_follow_from_cpus_blocks_and_claims)
{
    struct inventory *machine = machine_new();

    ck_assert_int_eq(role_of(machine, 0), CZONE_NODE_HOME);
    put_node(machine, 1, 4);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_EMPTY);
    plug(machine, 1, 32, 4);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_FREE);
    ck_assert_int_eq(inventory_claim(machine, NODE(1)), 0);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_CLAIMED);
    ck_assert_int_eq(inventory_claim(machine, NODE(1)), -EBUSY);
    ck_assert_int_eq(inventory_unclaim(machine, NODE(1)), 0);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_FREE);

    /* A claim outlives the memory: the host may have it back before the claim ends. */
    ck_assert_int_eq(inventory_claim(machine, NODE(1)), 0);
    for (uint64_t i = 32; i < 36; i++)
        ck_assert_int_eq(inventory_remove_block(machine, BLOCK(i)), 0);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_CLAIMED);
    ck_assert_int_eq(inventory_unclaim(machine, NODE(1)), 0);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_EMPTY);
    assert_valid(machine);
    inventory_free(machine);
}
END_TEST

START_TEST(memory_from_boot_makes_a_node_home_or_unfit)
{
    struct inventory *machine = machine_new();

    put_node(machine, 1, 0);
    put_blocks(machine, 1, 16, 2, CZONE_BLOCK_KERNEL, CZONE_PROVIDER_BOOT);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_HOME);
    put_node(machine, 2, 0);
    put_blocks(machine, 2, 24, 2, CZONE_BLOCK_MOVABLE, CZONE_PROVIDER_BOOT);
    ck_assert_int_eq(role_of(machine, 2), CZONE_NODE_UNFIT);
    inventory_free(machine);
}
END_TEST

START_TEST(a_node_with_cpus_never_holds_a_zone)
{
    struct inventory *machine = machine_new();

    ck_assert_int_eq(inventory_put_node(machine, NODE(1), 0, true), 0);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_UNFIT);
    plug(machine, 1, 32, 4);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_UNFIT);
    struct czone_block block = { BLOCK(32), NODE(1), CZONE_BLOCK_MOVABLE, CZONE_PROVIDER_VIRTIO_MEM };
    ck_assert_int_eq(inventory_put_block(machine, &block), 1);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_HOME);
    ck_assert_int_eq(inventory_put_node(machine, NODE(1), 0, false), 0);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_FREE);
    assert_valid(machine);
    inventory_free(machine);
}
END_TEST

START_TEST(hot_plugged_memory_in_the_wrong_kernel_zone_is_still_free_to_be_put_right)
{
    struct inventory *machine = machine_new();

    put_node(machine, 1, 0);
    put_blocks(machine, 1, 32, 2, CZONE_BLOCK_KERNEL, CZONE_PROVIDER_DIMM);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_FREE);
    inventory_free(machine);
}
END_TEST

START_TEST(runs_grow_merge_split_and_go)
{
    struct inventory *machine = machine_new();
    const struct block_run *runs;

    put_node(machine, 1, 0);
    plug(machine, 1, 10, 3);
    plug(machine, 1, 14, 2);
    ck_assert_uint_eq(inventory_node_runs(machine, NODE(1), &runs), 2);
    ck_assert_uint_eq(inventory_node(machine, NODE(1))->longest_run, 3);
    plug(machine, 1, 13, 1);
    ck_assert_uint_eq(inventory_node_runs(machine, NODE(1), &runs), 1);
    ck_assert_uint_eq(runs[0].first.n, 10);
    ck_assert_uint_eq(runs[0].n, 6);
    ck_assert_int_eq(inventory_remove_block(machine, BLOCK(11)), 0);
    ck_assert_uint_eq(inventory_node_runs(machine, NODE(1), &runs), 2);
    ck_assert_uint_eq(runs[1].first.n, 12);
    ck_assert_uint_eq(inventory_node(machine, NODE(1))->longest_run, 4);
    ck_assert_int_eq(inventory_remove_block(machine, BLOCK(10)), 0);
    ck_assert_uint_eq(inventory_node_runs(machine, NODE(1), &runs), 1);
    ck_assert_int_eq(inventory_remove_block(machine, BLOCK(10)), -ENOENT);
    assert_valid(machine);
    inventory_free(machine);
}
END_TEST

START_TEST(neighbouring_blocks_of_different_nodes_are_different_runs)
{
    struct inventory *machine = machine_new();
    const struct block_run *runs;

    put_node(machine, 1, 0);
    put_node(machine, 2, 0);
    plug(machine, 1, 10, 3);
    plug(machine, 2, 13, 3);
    ck_assert_uint_eq(inventory_node_runs(machine, NODE(1), &runs), 1);
    ck_assert_uint_eq(runs[0].n, 3);
    ck_assert_uint_eq(inventory_node_runs(machine, NODE(2), &runs), 1);
    ck_assert_uint_eq(runs[0].n, 3);
    inventory_free(machine);
}
END_TEST

START_TEST(putting_a_known_block_tells_whether_something_changed)
{
    struct inventory *machine = machine_new();
    struct czone_block block = { BLOCK(40), NODE(1), CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_DIMM };

    ck_assert_int_eq(inventory_put_block(machine, &block), -ENOENT);
    put_node(machine, 1, 0);
    put_node(machine, 2, 0);
    ck_assert_int_eq(inventory_put_block(machine, &block), 1);
    ck_assert_int_eq(inventory_put_block(machine, &block), 0);
    block.state = CZONE_BLOCK_MOVABLE;
    ck_assert_int_eq(inventory_put_block(machine, &block), 1);
    ck_assert_int_eq(inventory_block(machine, BLOCK(40))->state, CZONE_BLOCK_MOVABLE);
    block.node = NODE(2);
    ck_assert_int_eq(inventory_put_block(machine, &block), 1);
    ck_assert_int_eq(inventory_block(machine, BLOCK(40))->node.n, 2);
    ck_assert_int_eq(role_of(machine, 1), CZONE_NODE_EMPTY);
    assert_valid(machine);
    inventory_free(machine);
}
END_TEST

START_TEST(impossible_numbers_and_values_are_refused)
{
    struct inventory *machine = machine_new();
    struct czone_block block = { BLOCK(UINT64_MAX / BLOCK_SIZE), NODE(0), CZONE_BLOCK_OFFLINE,
                                 CZONE_PROVIDER_DIMM };
    struct inventory *none = NULL;

    ck_assert_int_eq(inventory_new(0, &none), -EINVAL);
    ck_assert_ptr_null(none);
    ck_assert_int_eq(inventory_put_node(machine, NODE(-1), 0, false), -EINVAL);
    ck_assert_int_eq(inventory_put_node(machine, NODE(NODE_MAX), 0, false), -EINVAL);
    ck_assert_int_eq(inventory_put_node(machine, NODE(1), -2, false), -EINVAL);
    ck_assert_int_eq(inventory_put_block(machine, &block), -EINVAL);
    block.id.n--;
    ck_assert_int_eq(inventory_put_block(machine, &block), 1);
    block.state = (enum czone_block_state)17;
    ck_assert_int_eq(inventory_put_block(machine, &block), -EINVAL);
    block.state = CZONE_BLOCK_OFFLINE;
    block.provider = (enum czone_provider)17;
    ck_assert_int_eq(inventory_put_block(machine, &block), -EINVAL);
    ck_assert_int_eq(inventory_claim(machine, NODE(9)), -ENOENT);
    ck_assert_int_eq(inventory_claim(machine, NODE(-1)), -ENOENT);
    assert_valid(machine);
    inventory_free(machine);
}
END_TEST

START_TEST(node_provider_is_that_of_all_its_blocks)
{
    struct inventory *machine = machine_new();

    put_node(machine, 1, 0);
    ck_assert_int_eq(inventory_node(machine, NODE(1))->provider, CZONE_PROVIDER_UNKNOWN);
    put_blocks(machine, 1, 10, 2, CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_DIMM);
    ck_assert_int_eq(inventory_node(machine, NODE(1))->provider, CZONE_PROVIDER_DIMM);
    plug(machine, 1, 12, 1);
    ck_assert_int_eq(inventory_node(machine, NODE(1))->provider, CZONE_PROVIDER_UNKNOWN);
    inventory_free(machine);
}
END_TEST

START_TEST(zone_cpuset_is_home_and_zone_with_its_relative_index)
{
    struct inventory *machine = machine_new();
    struct node_set mems;
    unsigned index = 99;
    char text[NODE_SET_TEXT_MAX];

    put_node(machine, 1, 0);
    plug(machine, 1, 32, 2);
    put_node(machine, 3, 0);
    put_blocks(machine, 3, 48, 2, CZONE_BLOCK_KERNEL, CZONE_PROVIDER_BOOT);
    put_node(machine, 5, 0);
    plug(machine, 5, 64, 2);

    ck_assert_int_eq(inventory_zone_cpuset(machine, NODE(1), &mems, &index), 0);
    ck_assert_int_ge(node_set_format(&mems, text, sizeof(text)), 0);
    ck_assert_str_eq(text, "0-1,3");
    ck_assert_uint_eq(index, 1);
    ck_assert_int_eq(inventory_zone_cpuset(machine, NODE(5), &mems, &index), 0);
    ck_assert_int_ge(node_set_format(&mems, text, sizeof(text)), 0);
    ck_assert_str_eq(text, "0,3,5");
    ck_assert_uint_eq(index, 2);
    ck_assert_int_eq(inventory_zone_cpuset(machine, NODE(7), &mems, &index), -ENOENT);
    inventory_home(machine, &mems);
    ck_assert_int_ge(node_set_format(&mems, text, sizeof(text)), 0);
    ck_assert_str_eq(text, "0,3");
    inventory_free(machine);
}
END_TEST

START_TEST(zone_cpuset_without_a_home_node_is_refused)
{
    struct inventory *machine;
    struct node_set mems;
    unsigned index;

    ck_assert_int_eq(inventory_new(BLOCK_SIZE, &machine), 0);
    put_node(machine, 1, 0);
    plug(machine, 1, 32, 2);
    ck_assert_int_eq(inventory_zone_cpuset(machine, NODE(1), &mems, &index), -ENODEV);
    inventory_free(machine);
}
END_TEST

START_TEST(block_map_keeps_what_a_plain_array_keeps)
{
    uint64_t random = random_seed();
    struct block_map map = { 0 };
    int32_t model[512];

    memset(model, 0xFF, sizeof(model));
    ck_assert_int_eq(block_map_get(&map, BLOCK(1)).n, -1);
    for (int i = 0; i < 20000; i++) {
        uint64_t block = random_below(&random, 512);
        if (random_below(&random, 2)) {
            ck_assert_int_eq(block_map_reserve(&map, map.n_used + 1), 0);
            model[block] = (int32_t)random_below(&random, NODE_MAX);
            block_map_put(&map, BLOCK(block), NODE(model[block]));
        } else {
            model[block] = -1;
            block_map_remove(&map, BLOCK(block));
        }
        uint64_t other = random_below(&random, 512);
        ck_assert_int_eq(block_map_get(&map, BLOCK(other)).n, model[other]);
    }
    for (uint64_t block = 0; block < 512; block++)
        ck_assert_int_eq(block_map_get(&map, BLOCK(block)).n, model[block]);
    block_map_done(&map);
}
END_TEST

/* The model: one row for each block number, nothing derived. */
#define MODEL_BLOCKS 96
#define MODEL_NODES  5

struct model {
    bool present[MODEL_BLOCKS];
    struct czone_block blocks[MODEL_BLOCKS];
};

static void assert_same(const struct inventory *inventory, const struct model *model)
{
    const struct czone_block *blocks;
    size_t n = inventory_blocks(inventory, &blocks), found = 0;

    for (uint64_t i = 0; i < MODEL_BLOCKS; i++) {
        const struct czone_block *block = inventory_block(inventory, BLOCK(i));
        ck_assert_int_eq(block != NULL, model->present[i]);
        if (!block)
            continue;
        ck_assert_uint_lt(found, n);
        ck_assert_mem_eq(block, &blocks[found++], sizeof(*block));
        ck_assert_int_eq(block->node.n, model->blocks[i].node.n);
        ck_assert_int_eq(block->state, model->blocks[i].state);
        ck_assert_int_eq(block->provider, model->blocks[i].provider);
    }
    ck_assert_uint_eq(found, n);
}

static struct czone_block random_block(uint64_t *random)
{
    struct czone_block block;

    memset(&block, 0, sizeof(block)); /* padding too: blocks are compared as memory */
    block.id.n = random_below(random, MODEL_BLOCKS);
    block.node.n = (int32_t)random_below(random, MODEL_NODES);
    block.state = (enum czone_block_state)random_below(random, 4);
    block.provider = (enum czone_provider)random_below(random, 5);
    return block;
}

static void random_step(struct inventory *inventory, struct model *model, uint64_t *random)
{
    struct czone_block block = random_block(random);
    uint64_t what = random_below(random, 100);
    bool *present = &model->present[block.id.n];

    if (what < 45) {
        ck_assert_int_ge(inventory_put_block(inventory, &block), 0);
        *present = true;
        model->blocks[block.id.n] = block;
    } else if (what < 85) {
        ck_assert_int_eq(inventory_remove_block(inventory, block.id), *present ? 0 : -ENOENT);
        *present = false;
    } else if (what < 90) {
        ck_assert_int_eq(inventory_put_node(inventory, block.node, (int)random_below(random, 4) - 1,
                                            random_below(random, 3) == 0),
                         0);
    } else if (what < 95) {
        int r = inventory_claim(inventory, block.node);
        ck_assert(r == 0 || r == -EBUSY);
    } else {
        ck_assert_int_eq(inventory_unclaim(inventory, block.node), 0);
    }
}

START_TEST(random_changes_keep_every_derived_figure_right)
{
    uint64_t random = random_seed();
    struct inventory *inventory;
    struct model model = { 0 };

    ck_assert_int_eq(inventory_new(BLOCK_SIZE, &inventory), 0);
    for (int node = MODEL_NODES; node-- > 0;)
        put_node(inventory, node, node % 3 - 1);
    for (int i = 0; i < 6000; i++) {
        random_step(inventory, &model, &random);
        assert_valid(inventory);
        if (i % 8 == 0)
            assert_same(inventory, &model);
    }
    inventory_free(inventory);
}
END_TEST

START_TEST(load_in_any_order_gives_the_same_as_block_by_block)
{
    uint64_t random = random_seed();

    for (int round = 0; round < 100; round++) {
        struct inventory *loaded, *put;
        struct czone_block blocks[MODEL_BLOCKS];
        const struct czone_block *a, *b;
        const struct czone_node *nodes_a, *nodes_b;
        size_t n = 0;

        ck_assert_int_eq(inventory_new(BLOCK_SIZE, &loaded), 0);
        ck_assert_int_eq(inventory_new(BLOCK_SIZE, &put), 0);
        for (int node = 0; node < MODEL_NODES; node++) {
            put_node(loaded, node, node % 3);
            put_node(put, node, node % 3);
        }
        for (uint64_t i = 0; i < MODEL_BLOCKS; i++)
            if (random_below(&random, 3) > 0) {
                blocks[n] = random_block(&random);
                blocks[n++].id.n = i;
            }
        for (size_t i = n; i-- > 1;) {
            size_t j = random_below(&random, i + 1);
            struct czone_block swap = blocks[i];
            blocks[i] = blocks[j];
            blocks[j] = swap;
        }
        ck_assert_int_eq(inventory_load(loaded, blocks, n), 0);
        for (size_t i = 0; i < n; i++)
            ck_assert_int_eq(inventory_put_block(put, &blocks[i]), 1);
        assert_valid(loaded);
        ck_assert_uint_eq(inventory_blocks(loaded, &a), inventory_blocks(put, &b));
        ck_assert_mem_eq(a, b, n * sizeof(*a));
        ck_assert_uint_eq(inventory_nodes(loaded, &nodes_a), inventory_nodes(put, &nodes_b));
        for (int i = 0; i < MODEL_NODES; i++) {
            ck_assert_int_eq(nodes_a[i].role, nodes_b[i].role);
            ck_assert_uint_eq(nodes_a[i].longest_run, nodes_b[i].longest_run);
        }
        inventory_free(loaded);
        inventory_free(put);
    }
}
END_TEST

START_TEST(a_load_that_fails_leaves_no_blocks_and_can_be_tried_again)
{
    struct inventory *inventory;
    struct czone_block blocks[3] = {
        { BLOCK(8), NODE(1), CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_DIMM },
        { BLOCK(9), NODE(1), CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_DIMM },
        { BLOCK(8), NODE(2), CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_DIMM },
    };
    const struct czone_block *all;

    ck_assert_int_eq(inventory_new(BLOCK_SIZE, &inventory), 0);
    put_node(inventory, 1, 0);
    ck_assert_int_eq(inventory_load(inventory, blocks, 3), -ENOENT);
    put_node(inventory, 2, 0);
    ck_assert_int_eq(inventory_load(inventory, blocks, 3), -EINVAL);
    ck_assert_uint_eq(inventory_blocks(inventory, &all), 0);
    assert_valid(inventory);
    ck_assert_int_eq(inventory_load(inventory, blocks, 0), 0);
    ck_assert_int_eq(inventory_load(inventory, blocks, 2), 0);
    assert_valid(inventory);
    ck_assert_int_eq(inventory_load(inventory, blocks, 2), -EINVAL);
    ck_assert_uint_eq(inventory_blocks(inventory, &all), 2);
    inventory_free(inventory);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("inventory");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, roles_follow_from_cpus_blocks_and_claims);
    tcase_add_test(tests, memory_from_boot_makes_a_node_home_or_unfit);
    tcase_add_test(tests, a_node_with_cpus_never_holds_a_zone);
    tcase_add_test(tests, hot_plugged_memory_in_the_wrong_kernel_zone_is_still_free_to_be_put_right);
    tcase_add_test(tests, runs_grow_merge_split_and_go);
    tcase_add_test(tests, neighbouring_blocks_of_different_nodes_are_different_runs);
    tcase_add_test(tests, putting_a_known_block_tells_whether_something_changed);
    tcase_add_test(tests, impossible_numbers_and_values_are_refused);
    tcase_add_test(tests, node_provider_is_that_of_all_its_blocks);
    tcase_add_test(tests, zone_cpuset_is_home_and_zone_with_its_relative_index);
    tcase_add_test(tests, zone_cpuset_without_a_home_node_is_refused);
    tcase_add_test(tests, block_map_keeps_what_a_plain_array_keeps);
    tcase_add_test(tests, random_changes_keep_every_derived_figure_right);
    tcase_add_test(tests, load_in_any_order_gives_the_same_as_block_by_block);
    tcase_add_test(tests, a_load_that_fails_leaves_no_blocks_and_can_be_tried_again);
    return core_test_main(tests, "core_inventory");
}
