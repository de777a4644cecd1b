/* SPDX-License-Identifier: Apache-2.0 */
#include "core_test.h"

#include "core/plan.h"

#define N_BLOCKS 12

/* A make-believe kernel: blocks 0 to N_BLOCKS - 1 of node 1 and one cgroup. It checks each op before it does
 * it, as the helper does. */
struct kernel {
    enum czone_block_state states[N_BLOCKS];
    struct node_set mems;
    uint64_t memory_max;
    uint64_t n_reclaimed;
};

static int kernel_do(struct kernel *kernel, const struct plan *plan, const struct plan_op *op)
{
    if (plan_op_is_block(op)) {
        struct czone_block now = { .id = op->block, .node = { 1 }, .state = kernel->states[op->block.n] };
        int r = plan_op_check(op, &now);
        if (r > 0)
            kernel->states[op->block.n] = plan_op_after(op);
        return r < 0 ? r : 0;
    }
    if (op->kind == PLAN_CPUSET_MEMS)
        kernel->mems = plan->sets[op->set];
    else if (op->kind == PLAN_MEMORY_MAX)
        kernel->memory_max = op->value;
    else
        kernel->n_reclaimed += op->value;
    return 0;
}

static void run_first(struct kernel *kernel, const struct plan *plan, size_t n_ops)
{
    for (size_t i = 0; i < n_ops; i++)
        ck_assert_int_eq(kernel_do(kernel, plan, &plan->ops[i]), 0);
}

static struct inventory *inventory_of(const struct kernel *kernel)
{
    struct inventory *inventory = NULL;

    ck_assert_int_eq(inventory_new(BLOCK_SIZE, &inventory), 0);
    put_node(inventory, 1, 0);
    for (uint64_t i = 0; i < N_BLOCKS; i++)
        put_blocks(inventory, 1, i, 1, kernel->states[i], CZONE_PROVIDER_DIMM);
    return inventory;
}

static struct plan *create(const struct kernel *kernel, uint64_t first, uint64_t n)
{
    struct inventory *inventory = inventory_of(kernel);
    struct block_run run = { BLOCK(first), n };
    struct plan *plan = NULL;

    ck_assert_int_eq(plan_create(inventory, NODE(1), &run, 1000, &plan, NULL), 0);
    inventory_free(inventory);
    return plan;
}

START_TEST(create_onlines_a_fresh_run_in_ascending_order)
{
    struct kernel kernel = { 0 };
    struct plan *plan = create(&kernel, 2, 5);

    ck_assert_int_eq(plan->mode, PLAN_ALL_OR_NOTHING);
    ck_assert_uint_eq(plan->timeout_ms, 1000);
    ck_assert_uint_eq(plan->n_ops, 5);
    for (size_t i = 0; i < 5; i++) {
        ck_assert_int_eq(plan->ops[i].kind, PLAN_BLOCK_ONLINE_MOVABLE);
        ck_assert_uint_eq(plan->ops[i].block.n, 2 + i);
        ck_assert_int_eq(plan->ops[i].node.n, 1);
    }
    plan_free(plan);
}
END_TEST

START_TEST(create_repairs_before_it_onlines_and_clears_the_rest_of_the_node_last)
{
    struct kernel kernel = { 0 };
    /* Run 2 to 5; 3 is in the wrong zone, 4 is right already; 0 and 9 are somebody's. */
    kernel.states[3] = CZONE_BLOCK_KERNEL;
    kernel.states[4] = CZONE_BLOCK_MOVABLE;
    kernel.states[0] = CZONE_BLOCK_MOVABLE;
    kernel.states[9] = CZONE_BLOCK_KERNEL;
    struct plan *plan = create(&kernel, 2, 4);
    static const struct {
        int kind;
        uint64_t block;
    } expected[] = {
        { PLAN_BLOCK_OFFLINE, 3 },        { PLAN_BLOCK_ONLINE_MOVABLE, 3 }, { PLAN_BLOCK_ONLINE_MOVABLE, 2 },
        { PLAN_BLOCK_ONLINE_MOVABLE, 5 }, { PLAN_BLOCK_OFFLINE, 9 },        { PLAN_BLOCK_OFFLINE, 0 },
    };

    ck_assert_uint_eq(plan->n_ops, 6);
    for (size_t i = 0; i < 6; i++) {
        ck_assert_int_eq(plan->ops[i].kind, expected[i].kind);
        ck_assert_uint_eq(plan->ops[i].block.n, expected[i].block);
    }
    plan_free(plan);
}
END_TEST

START_TEST(create_of_what_is_as_it_should_be_has_nothing_to_do)
{
    struct kernel kernel = { 0 };

    kernel.states[2] = CZONE_BLOCK_MOVABLE;
    struct plan *plan = create(&kernel, 2, 1);
    ck_assert_uint_eq(plan->n_ops, 0);
    ck_assert_uint_eq(plan_size(plan), sizeof(*plan));
    plan_free(plan);
}
END_TEST

START_TEST(create_refuses_missing_and_going_blocks_and_names_them)
{
    struct kernel kernel = { 0 };
    struct block_run run = { BLOCK(10), 3 };
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct plan *plan = NULL;

    kernel.states[6] = CZONE_BLOCK_GOING_OFFLINE;
    struct inventory *inventory = inventory_of(&kernel);
    ck_assert_int_eq(plan_create(inventory, NODE(1), &run, 1, &plan, &failure), -ENOENT);
    ck_assert_ptr_nonnull(strstr(failure.message, "2 of the 3 blocks from 10"));
    run = (struct block_run){ BLOCK(5), 3 };
    ck_assert_int_eq(plan_create(inventory, NODE(1), &run, 1, &plan, &failure), -EBUSY);
    ck_assert(failure.has_block);
    ck_assert_uint_eq(failure.block.n, 6);
    ck_assert_int_eq(plan_create(inventory, NODE(2), &run, 1, &plan, &failure), -ENOENT);
    run.n = 0;
    ck_assert_int_eq(plan_create(inventory, NODE(1), &run, 1, &plan, &failure), -ENOENT);
    ck_assert_ptr_null(plan);
    inventory_free(inventory);
}
END_TEST

static void random_states(struct kernel *kernel, uint64_t *random)
{
    for (size_t i = 0; i < N_BLOCKS; i++)
        kernel->states[i] = (enum czone_block_state)random_below(random, 3);
}

START_TEST(create_makes_exactly_the_run_online_whatever_was_before)
{
    uint64_t random = random_seed();

    for (int round = 0; round < 2000; round++) {
        struct kernel kernel = { 0 };
        uint64_t first = random_below(&random, N_BLOCKS), n = 1 + random_below(&random, N_BLOCKS - first);

        random_states(&kernel, &random);
        struct plan *plan = create(&kernel, first, n);
        run_first(&kernel, plan, plan->n_ops);
        for (uint64_t i = 0; i < N_BLOCKS; i++)
            ck_assert_int_eq(kernel.states[i],
                             i >= first && i < first + n ? CZONE_BLOCK_MOVABLE : CZONE_BLOCK_OFFLINE);
        plan_free(plan);
    }
}
END_TEST

START_TEST(undo_after_any_number_of_ops_restores_every_block)
{
    uint64_t random = random_seed();

    for (int round = 0; round < 300; round++) {
        struct kernel before = { 0 };
        uint64_t first = random_below(&random, N_BLOCKS), n = 1 + random_below(&random, N_BLOCKS - first);

        random_states(&before, &random);
        struct plan *plan = create(&before, first, n);
        for (size_t n_done = 0; n_done <= plan->n_ops; n_done++) {
            struct kernel kernel = before;
            struct plan *undo;
            run_first(&kernel, plan, n_done);
            ck_assert_int_eq(plan_undo(plan, n_done, 500, &undo), 0);
            ck_assert_int_eq(undo->mode, PLAN_AS_FAR_AS_CAN);
            ck_assert_uint_eq(undo->timeout_ms, 500);
            run_first(&kernel, undo, undo->n_ops);
            ck_assert_mem_eq(kernel.states, before.states, sizeof(before.states));
            plan_free(undo);
        }
        struct plan *none = NULL;
        ck_assert_int_eq(plan_undo(plan, plan->n_ops + 1, 500, &none), -EINVAL);
        ck_assert_ptr_null(none);
        plan_free(plan);
    }
}
END_TEST

START_TEST(offline_goes_from_the_highest_online_block_down)
{
    struct kernel kernel = { 0 };
    struct block_run run = { BLOCK(1), 8 };
    struct plan *plan;

    for (size_t i = 0; i < N_BLOCKS; i++)
        kernel.states[i] = CZONE_BLOCK_MOVABLE;
    kernel.states[4] = CZONE_BLOCK_OFFLINE;
    kernel.states[6] = CZONE_BLOCK_KERNEL;
    struct inventory *inventory = inventory_of(&kernel);
    ck_assert_int_eq(inventory_remove_block(inventory, BLOCK(2)), 0);
    ck_assert_int_eq(plan_offline(inventory, NODE(1), &run, 70, &plan), 0);
    ck_assert_int_eq(plan->mode, PLAN_AS_FAR_AS_CAN);
    ck_assert_uint_eq(plan->n_ops, 6);
    for (size_t i = 1; i < plan->n_ops; i++)
        ck_assert_uint_lt(plan->ops[i].block.n, plan->ops[i - 1].block.n);
    run_first(&kernel, plan, plan->n_ops);
    ck_assert_int_eq(kernel.states[0], CZONE_BLOCK_MOVABLE);
    ck_assert_int_eq(kernel.states[6], CZONE_BLOCK_OFFLINE);
    ck_assert_int_eq(kernel.states[9], CZONE_BLOCK_MOVABLE);
    plan_free(plan);
    inventory_free(inventory);
}
END_TEST

static struct plan_binding binding(const char *mems, uint64_t memory_max)
{
    struct plan_binding binding = { .memory_max = memory_max };

    ck_assert_int_eq(node_set_parse(mems, &binding.mems), 0);
    return binding;
}

typedef int (*binding_plan_fn)(const struct plan_binding *old, const struct plan_binding *wanted,
                               unsigned timeout_ms, struct plan **ret_plan);

static void assert_binds_and_undoes(binding_plan_fn plan_fn, const struct plan_binding *old,
                                    const struct plan_binding *wanted)
{
    struct plan *plan, *undo;

    ck_assert_int_eq(plan_fn(old, wanted, 100, &plan), 0);
    ck_assert_int_eq(plan->mode, PLAN_ALL_OR_NOTHING);
    for (size_t n_done = 0; n_done <= plan->n_ops; n_done++) {
        struct kernel kernel = { .mems = old->mems, .memory_max = old->memory_max };
        run_first(&kernel, plan, n_done);
        if (n_done == plan->n_ops) {
            ck_assert(node_set_equal(&kernel.mems, &wanted->mems));
            ck_assert_uint_eq(kernel.memory_max, wanted->memory_max);
        }
        ck_assert_int_eq(plan_undo(plan, n_done, 100, &undo), 0);
        run_first(&kernel, undo, undo->n_ops);
        ck_assert(node_set_equal(&kernel.mems, &old->mems));
        ck_assert_uint_eq(kernel.memory_max, old->memory_max);
        plan_free(undo);
    }
    plan_free(plan);
}

START_TEST(bind_and_move_set_both_attributes_and_undo_sets_them_back)
{
    struct plan_binding none = binding("", PLAN_MAX), one = binding("0,1", 500 * MIB);
    struct plan_binding two = binding("0,2", 900 * MIB);

    assert_binds_and_undoes(plan_bind, &none, &one);
    assert_binds_and_undoes(plan_move, &one, &two);
    assert_binds_and_undoes(plan_move, &two, &one);
}
END_TEST

START_TEST(move_lowers_the_limit_before_and_raises_it_after_the_migration)
{
    struct plan_binding small = binding("0,1", 500 * MIB), large = binding("0,2", 900 * MIB);
    struct plan *plan;

    ck_assert_int_eq(plan_move(&large, &small, 100, &plan), 0);
    ck_assert_int_eq(plan->ops[0].kind, PLAN_MEMORY_MAX);
    ck_assert_int_eq(plan->ops[1].kind, PLAN_CPUSET_MEMS);
    plan_free(plan);
    ck_assert_int_eq(plan_move(&small, &large, 100, &plan), 0);
    ck_assert_int_eq(plan->ops[0].kind, PLAN_CPUSET_MEMS);
    ck_assert_int_eq(plan->ops[1].kind, PLAN_MEMORY_MAX);
    plan_free(plan);
}
END_TEST

START_TEST(empty_reclaims_and_has_no_undo)
{
    struct kernel kernel = { 0 };
    struct plan *plan, *undo;

    ck_assert_int_eq(plan_empty(7 * MIB, 100, &plan), 0);
    run_first(&kernel, plan, plan->n_ops);
    ck_assert_uint_eq(kernel.n_reclaimed, 7 * MIB);
    ck_assert_int_eq(plan_undo(plan, 1, 100, &undo), 0);
    ck_assert_uint_eq(undo->n_ops, 0);
    plan_free(undo);
    plan_free(plan);
    ck_assert_int_eq(plan_empty(0, 100, &plan), 0);
    ck_assert_uint_eq(plan->n_ops, 0);
    plan_free(plan);
}
END_TEST

START_TEST(an_op_is_refused_when_the_block_is_not_as_planned)
{
    struct plan_op op = {
        .kind = PLAN_BLOCK_ONLINE_MOVABLE, .before = CZONE_BLOCK_OFFLINE, .node = { 1 }, .block = { 5 }
    };
    struct czone_block now = { .id = { 5 }, .node = { 1 }, .state = CZONE_BLOCK_OFFLINE };

    ck_assert_int_eq(plan_op_check(&op, &now), 1);
    now.state = CZONE_BLOCK_MOVABLE;
    ck_assert_int_eq(plan_op_check(&op, &now), 0);
    now.state = CZONE_BLOCK_KERNEL;
    ck_assert_int_eq(plan_op_check(&op, &now), -ESTALE);
    now.state = CZONE_BLOCK_GOING_OFFLINE;
    ck_assert_int_eq(plan_op_check(&op, &now), -ESTALE);
    now.state = CZONE_BLOCK_OFFLINE;
    now.node = NODE(2);
    ck_assert_int_eq(plan_op_check(&op, &now), -ESTALE);
    now.node = NODE(1);
    now.id = BLOCK(6);
    ck_assert_int_eq(plan_op_check(&op, &now), -ESTALE);
    op.kind = PLAN_MEMORY_MAX;
    ck_assert_int_eq(plan_op_check(&op, &now), -EINVAL);
}
END_TEST

START_TEST(ops_are_named_after_what_is_written)
{
    static const char *const names[] = { "offline",     "online_movable", "online_kernel",
                                         "cpuset.mems", "memory.max",     "memory.reclaim" };

    for (uint8_t kind = 0; kind < 6; kind++) {
        struct plan_op op = { .kind = kind };
        ck_assert_str_eq(plan_op_name(&op), names[kind]);
        ck_assert_int_eq(plan_op_is_block(&op), kind < 3);
    }
    struct plan_op op = { .kind = 6 };
    ck_assert_str_eq(plan_op_name(&op), "unknown");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("plan");

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, create_onlines_a_fresh_run_in_ascending_order);
    tcase_add_test(tests, create_repairs_before_it_onlines_and_clears_the_rest_of_the_node_last);
    tcase_add_test(tests, create_of_what_is_as_it_should_be_has_nothing_to_do);
    tcase_add_test(tests, create_refuses_missing_and_going_blocks_and_names_them);
    tcase_add_test(tests, create_makes_exactly_the_run_online_whatever_was_before);
    tcase_add_test(tests, undo_after_any_number_of_ops_restores_every_block);
    tcase_add_test(tests, offline_goes_from_the_highest_online_block_down);
    tcase_add_test(tests, bind_and_move_set_both_attributes_and_undo_sets_them_back);
    tcase_add_test(tests, move_lowers_the_limit_before_and_raises_it_after_the_migration);
    tcase_add_test(tests, empty_reclaims_and_has_no_undo);
    tcase_add_test(tests, an_op_is_refused_when_the_block_is_not_as_planned);
    tcase_add_test(tests, ops_are_named_after_what_is_written);
    return core_test_main(tests, "core_plan");
}
