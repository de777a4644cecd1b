/* SPDX-License-Identifier: Apache-2.0 */

/* Each rule of the two checks is broken on purpose, and only that rule: the check must say which. */

#include "core_zone.h"

#include "core/inventory_struct.h"
#include "core/ledger_struct.h"

static struct inventory *machine;
static struct ledger *ledger;

static void setup(void)
{
    machine = zone_machine_new();
    ck_assert_int_eq(ledger_new(&ledger), 0);
    ck_assert_int_eq(claim(ledger, machine, "web", 1, CZONE_ZONE_ONLINE), 0);
    set_states(machine, 1, 4, CZONE_BLOCK_MOVABLE);
    ck_assert_int_eq(claim(ledger, machine, "db", 2, CZONE_ZONE_OFFLINE), 0);
    assert_books(ledger, machine);
}

static void teardown(void)
{
    ledger_free(ledger);
    inventory_free(machine);
}

static void assert_broken(const char *rule)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;

    ck_assert_msg(ledger_validate(ledger, machine, &failure) == -EUCLEAN, "nothing was found, expected: %s",
                  rule);
    ck_assert_int_eq(failure.error, -EUCLEAN);
    ck_assert_msg(strstr(failure.message, rule) != NULL, "found \"%s\", expected: %s", failure.message, rule);
}

static struct czone_zone_info *zone_of(const char *name)
{
    struct czone_zone_info *info = (struct czone_zone_info *)ledger_find(ledger, name);

    ck_assert_ptr_nonnull(info);
    return info;
}

static struct node_entry *entry_of(int node)
{
    return &machine->entries[machine->position[node]];
}

START_TEST(books_without_fault_are_valid)
{
    ck_assert_int_eq(ledger_validate(ledger, machine, NULL), 0);
}
END_TEST

START_TEST(a_claim_that_is_not_found_by_name_is_told)
{
    snprintf(zone_of("web")->name, CZONE_ZONE_NAME_MAX, "other");
    assert_broken("a claim is found by its name");
}
END_TEST

START_TEST(an_invalid_name_is_told)
{
    zone_of("web")->name[0] = '/';
    assert_broken("a zone has a valid name");
}
END_TEST

START_TEST(a_wrong_number_of_claims_is_told)
{
    ledger->n++;
    assert_broken("every claim is found by its node and by its name (3 claims, 2 by node, 2 by name)");
}
END_TEST

START_TEST(a_lost_chain_is_told)
{
    size_t bucket = ledger_bucket("web");
    struct ledger_entry *lost = ledger->by_name[bucket];

    ledger->by_name[bucket] = NULL;
    assert_broken("every claim is found by its node and by its name (2 claims, 2 by node, 1 by name)");
    ledger->by_name[bucket] = lost;
}
END_TEST

START_TEST(a_chain_that_loops_is_told)
{
    struct ledger_entry *entry = ledger->by_name[ledger_bucket("web")];

    entry->next = entry;
    assert_broken("every claim is found by its node and by its name");
}
END_TEST

START_TEST(a_wrong_set_of_nodes_is_told)
{
    node_set_add(&ledger->nodes, NODE(3));
    assert_broken("the set of nodes with a zone is right");
}
END_TEST

START_TEST(a_claim_in_the_slot_of_another_node_is_told)
{
    zone_of("web")->node = NODE(3);
    assert_broken("a claim is found by its node");
}
END_TEST

START_TEST(a_mark_without_a_zone_is_told)
{
    ck_assert_int_eq(inventory_claim(machine, NODE(3)), 0);
    assert_broken("exactly the nodes with a zone are claimed (node 3 is marked");
}
END_TEST

START_TEST(a_zone_without_a_mark_is_told)
{
    ck_assert_int_eq(inventory_unclaim(machine, NODE(1)), 0);
    assert_broken("exactly the nodes with a zone are claimed (node 1 has a zone");
}
END_TEST

START_TEST(a_zone_on_a_node_that_is_gone_is_told)
{
    inventory_free(machine);
    machine = machine_new();
    assert_broken("a zone is on a node that exists");
}
END_TEST

START_TEST(an_empty_run_is_told)
{
    zone_of("web")->n_blocks = 0;
    assert_broken("a run has blocks");
}
END_TEST

START_TEST(a_range_that_is_not_its_blocks_is_told)
{
    zone_of("web")->range.size += BLOCK_SIZE;
    assert_broken("a range is exactly the blocks of its run");
}
END_TEST

START_TEST(a_block_in_two_zones_is_told)
{
    struct czone_zone_info *web = zone_of("web"), *db = zone_of("db");

    db->first_block.n = web->first_block.n + web->n_blocks - 1;
    db->range.start = db->first_block.n * BLOCK_SIZE;
    assert_broken("no block is in two zones");
}
END_TEST

START_TEST(a_run_outside_its_node_is_told)
{
    struct czone_zone_info *web = zone_of("web");

    web->first_block.n = UINT64_C(32) * 3;
    web->range.start = web->first_block.n * BLOCK_SIZE;
    assert_broken("a run is inside its node");
}
END_TEST

START_TEST(an_online_zone_with_a_block_that_is_not_is_told)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_block block = { BLOCK(34), NODE(1), CZONE_BLOCK_KERNEL, CZONE_PROVIDER_VIRTIO_MEM };

    ck_assert_int_eq(inventory_put_block(machine, &block), 1);
    assert_broken("every block of an online zone is online and movable");
    ck_assert_int_eq(ledger_validate(ledger, machine, &failure), -EUCLEAN);
    ck_assert(failure.has_block);
    ck_assert_uint_eq(failure.block.n, 34);
    ck_assert_int_eq(failure.node.n, 1);
}
END_TEST

START_TEST(an_online_zone_with_a_block_missing_is_told)
{
    ck_assert_int_eq(inventory_remove_block(machine, BLOCK(35)), 0);
    assert_broken("every block of an online zone is present");
}
END_TEST

START_TEST(an_offline_zone_with_a_block_online_is_told)
{
    set_states(machine, 2, 1, CZONE_BLOCK_MOVABLE);
    assert_broken("no block of an offline zone is online");
}
END_TEST

START_TEST(a_state_that_has_no_claim_is_told)
{
    zone_of("db")->state = CZONE_ZONE_RETURNED;
    assert_broken("a zone with a claim is in a state that goes with one");
}
END_TEST

START_TEST(a_claim_over_absurdly_many_blocks_is_checked_without_counting_them)
{
    struct czone_zone_info *db = zone_of("db");

    db->n_blocks = UINT64_MAX / BLOCK_SIZE - db->first_block.n;
    db->range.size = db->n_blocks * BLOCK_SIZE;
    assert_broken("a run is inside its node");
}
END_TEST

START_TEST(nodes_out_of_order_are_told)
{
    struct czone_node swap = machine->nodes[1];

    machine->nodes[1] = machine->nodes[2];
    machine->nodes[2] = swap;
    assert_broken("it is not found under its number");
    machine->position[1] = 2;
    machine->position[2] = 1;
    assert_broken("it is out of order");
}
END_TEST

START_TEST(a_number_that_leads_nowhere_is_told)
{
    machine->position[500] = 1;
    assert_broken("a number leads to a node that does not exist");
}
END_TEST

START_TEST(a_block_noted_for_another_node_is_told)
{
    block_map_put(&machine->node_of, BLOCK(33), NODE(3));
    assert_broken("block 33 is out of order or noted for another node");
}
END_TEST

START_TEST(a_block_only_the_map_knows_is_told)
{
    ck_assert_int_eq(block_map_reserve(&machine->node_of, machine->node_of.n_used + 1), 0);
    block_map_put(&machine->node_of, BLOCK(999), NODE(3));
    assert_broken("the block map has a block that no node has");
}
END_TEST

START_TEST(wrong_runs_are_told)
{
    entry_of(3)->set.runs[0].n++;
    assert_broken("a run is longer than its blocks");
    entry_of(3)->set.runs[0].n -= 2;
    assert_broken("its runs do not agree with its blocks");
    entry_of(3)->set.runs[0].n++;
    entry_of(3)->set.longest++;
    assert_broken("the number of runs, or the longest, is wrong");
}
END_TEST

START_TEST(wrong_counters_are_told)
{
    entry_of(3)->set.n_online++;
    assert_broken("its counts of blocks are wrong");
    entry_of(3)->set.n_online--;
    entry_of(3)->set.by_provider[CZONE_PROVIDER_DIMM]++;
    assert_broken("its counts of blocks are wrong");
}
END_TEST

START_TEST(wrong_public_figures_are_told)
{
    machine->nodes[machine->position[3]].role = CZONE_NODE_EMPTY;
    assert_broken("its role or figures do not agree with its blocks");
    machine->nodes[machine->position[3]].role = CZONE_NODE_FREE;
    machine->nodes[machine->position[3]].longest_run = 1;
    assert_broken("its role or figures do not agree with its blocks");
}
END_TEST

START_TEST(a_wrong_home_node_is_told)
{
    node_set_add(&machine->home, NODE(3));
    assert_broken("it is a home node in one place and not in another");
}
END_TEST

START_TEST(a_run_missing_from_the_index_is_told)
{
    run_index_drop(machine->free_runs, 4, 8, NODE(3));
    assert_broken("the index of free runs lacks one of its runs");
}
END_TEST

START_TEST(a_claimed_run_left_in_the_index_is_told)
{
    run_index_put(machine->free_runs, 4, 8, NODE(1));
    assert_broken("the index of free runs has a run that no free node has");
}
END_TEST

START_TEST(a_stale_list_of_all_blocks_is_told)
{
    const struct czone_block *blocks;

    ck_assert_uint_gt(inventory_blocks(machine, &blocks), 0);
    machine->view->blocks[0].state = CZONE_BLOCK_OFFLINE;
    assert_broken("the list of all blocks is out of order or out of date");
    machine->view->n--;
    assert_broken("the list of all blocks has another number of them");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("validate");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, books_without_fault_are_valid);
    tcase_add_test(tests, a_claim_that_is_not_found_by_name_is_told);
    tcase_add_test(tests, an_invalid_name_is_told);
    tcase_add_test(tests, a_wrong_number_of_claims_is_told);
    tcase_add_test(tests, a_lost_chain_is_told);
    tcase_add_test(tests, a_chain_that_loops_is_told);
    tcase_add_test(tests, a_wrong_set_of_nodes_is_told);
    tcase_add_test(tests, a_claim_in_the_slot_of_another_node_is_told);
    tcase_add_test(tests, a_mark_without_a_zone_is_told);
    tcase_add_test(tests, a_zone_without_a_mark_is_told);
    tcase_add_test(tests, a_zone_on_a_node_that_is_gone_is_told);
    tcase_add_test(tests, an_empty_run_is_told);
    tcase_add_test(tests, a_range_that_is_not_its_blocks_is_told);
    tcase_add_test(tests, a_block_in_two_zones_is_told);
    tcase_add_test(tests, a_run_outside_its_node_is_told);
    tcase_add_test(tests, an_online_zone_with_a_block_that_is_not_is_told);
    tcase_add_test(tests, an_online_zone_with_a_block_missing_is_told);
    tcase_add_test(tests, an_offline_zone_with_a_block_online_is_told);
    tcase_add_test(tests, a_state_that_has_no_claim_is_told);
    tcase_add_test(tests, a_claim_over_absurdly_many_blocks_is_checked_without_counting_them);
    tcase_add_test(tests, nodes_out_of_order_are_told);
    tcase_add_test(tests, a_number_that_leads_nowhere_is_told);
    tcase_add_test(tests, a_block_noted_for_another_node_is_told);
    tcase_add_test(tests, a_block_only_the_map_knows_is_told);
    tcase_add_test(tests, wrong_runs_are_told);
    tcase_add_test(tests, wrong_counters_are_told);
    tcase_add_test(tests, wrong_public_figures_are_told);
    tcase_add_test(tests, a_wrong_home_node_is_told);
    tcase_add_test(tests, a_run_missing_from_the_index_is_told);
    tcase_add_test(tests, a_claimed_run_left_in_the_index_is_told);
    tcase_add_test(tests, a_stale_list_of_all_blocks_is_told);
    return core_test_main(tests, "core_validate");
}
