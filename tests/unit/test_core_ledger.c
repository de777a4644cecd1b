/* SPDX-License-Identifier: Apache-2.0 */
#include "core_zone.h"

#include "core/placement.h"
#include "core/zone_state.h"

static struct inventory *machine;
static struct ledger *ledger;

static void setup(void)
{
    machine = zone_machine_new();
    ck_assert_int_eq(ledger_new(&ledger), 0);
}

static void teardown(void)
{
    ledger_free(ledger);
    inventory_free(machine);
}

START_TEST(a_claim_is_found_by_name_and_node_and_takes_the_node)
{
    ck_assert_int_eq(claim(ledger, machine, "web", 2, CZONE_ZONE_PLUGGED), 0);
    ck_assert_str_eq(ledger_find(ledger, "web")->name, "web");
    ck_assert_ptr_eq(ledger_find_node(ledger, NODE(2)), ledger_find(ledger, "web"));
    ck_assert_ptr_null(ledger_find(ledger, "we"));
    ck_assert_ptr_null(ledger_find(ledger, "../web"));
    ck_assert_ptr_null(ledger_find_node(ledger, NODE(1)));
    ck_assert_ptr_null(ledger_find_node(ledger, NODE(-1)));
    ck_assert_ptr_null(ledger_find_node(ledger, NODE(100000)));
    ck_assert_int_eq(inventory_node(machine, NODE(2))->role, CZONE_NODE_CLAIMED);
    ck_assert_uint_eq(ledger_count(ledger), 1);
    assert_books(ledger, machine);
}
END_TEST

START_TEST(a_second_zone_of_the_name_or_on_the_node_is_refused)
{
    ck_assert_int_eq(claim(ledger, machine, "web", 2, CZONE_ZONE_PLUGGED), 0);
    ck_assert_int_eq(claim(ledger, machine, "web", 3, CZONE_ZONE_PLUGGED), -EEXIST);
    ck_assert_int_eq(claim(ledger, machine, "db", 2, CZONE_ZONE_PLUGGED), -EBUSY);
    ck_assert_int_eq(inventory_node(machine, NODE(3))->role, CZONE_NODE_FREE);
    ck_assert_uint_eq(ledger_count(ledger), 1);
    assert_books(ledger, machine);

    /* A mark without a zone in this book: somebody else's claim is under way. */
    ck_assert_int_eq(inventory_claim(machine, NODE(3)), 0);
    ck_assert_int_eq(claim(ledger, machine, "db", 3, CZONE_ZONE_PLUGGED), -EBUSY);
    ck_assert_uint_eq(ledger_count(ledger), 1);
    ck_assert_ptr_null(ledger_find(ledger, "db"));
}
END_TEST

START_TEST(claims_that_make_no_sense_are_refused)
{
    struct czone_zone_info info;

    ck_assert_int_eq(claim(ledger, machine, "", 2, CZONE_ZONE_PLUGGED), -EINVAL);
    ck_assert_int_eq(claim(ledger, machine, "a/b", 2, CZONE_ZONE_PLUGGED), -EINVAL);
    ck_assert_int_eq(claim(ledger, machine, "a", 2, CZONE_ZONE_WANTED), -EINVAL);
    ck_assert_int_eq(claim(ledger, machine, "a", 2, CZONE_ZONE_RETURNED), -EINVAL);
    ck_assert_int_eq(claim(ledger, machine, "a", 2, (enum czone_zone_state)99), -EINVAL);
    ck_assert_int_eq(claim(ledger, machine, "a", 77, CZONE_ZONE_PLUGGED), -ENOENT);

    info = zone_info("a", 2, 0, CZONE_ZONE_PLUGGED);
    ck_assert_int_eq(ledger_claim(ledger, machine, &info), -EINVAL);
    info = zone_info("a", 2, 4, CZONE_ZONE_PLUGGED);
    info.range.size += 1;
    ck_assert_int_eq(ledger_claim(ledger, machine, &info), -EINVAL);
    info = zone_info("a", 2, 4, CZONE_ZONE_PLUGGED);
    info.range.start -= BLOCK_SIZE;
    ck_assert_int_eq(ledger_claim(ledger, machine, &info), -EINVAL);
    /* Numbers from a file that would overflow when multiplied. */
    info = zone_info("a", 2, 4, CZONE_ZONE_PLUGGED);
    info.first_block.n = UINT64_MAX;
    ck_assert_int_eq(ledger_claim(ledger, machine, &info), -EINVAL);
    info = zone_info("a", 2, SIZE_MAX, CZONE_ZONE_PLUGGED);
    ck_assert_int_eq(ledger_claim(ledger, machine, &info), -EINVAL);
    info = zone_info("a", 2, 4, CZONE_ZONE_PLUGGED);
    memset(info.cgroup, 'x', sizeof(info.cgroup));
    ck_assert_int_eq(ledger_claim(ledger, machine, &info), -EINVAL);
    memset(info.name, 'x', sizeof(info.name));
    ck_assert_int_eq(ledger_claim(ledger, machine, &info), -EINVAL);
    ck_assert_uint_eq(ledger_count(ledger), 0);
    assert_books(ledger, machine);
}
END_TEST

START_TEST(moves_follow_the_arrows_and_no_others)
{
    for (int from = 0; from <= CZONE_ZONE_QUARANTINED; from++)
        for (int to = 0; to <= CZONE_ZONE_QUARANTINED; to++) {
            if (zone_state_blocks_rule(from) == ZONE_BLOCKS_NO_CLAIM)
                continue;
            struct ledger *one;
            struct inventory *other = zone_machine_new();
            ck_assert_int_eq(ledger_new(&one), 0);
            ck_assert_int_eq(claim(one, other, "z", 1, from), 0);
            bool allowed = from == to || (to != CZONE_ZONE_RETURNED && czone_zone_state_may_follow(from, to));
            ck_assert_int_eq(ledger_move(one, "z", to), allowed ? 0 : -EINVAL);
            ck_assert_int_eq(ledger_find(one, "z")->state, allowed ? to : from);
            ledger_free(one);
            inventory_free(other);
        }
    ck_assert_int_eq(ledger_move(ledger, "nobody", CZONE_ZONE_ONLINE), -ENOENT);
}
END_TEST

START_TEST(release_frees_the_node_but_only_from_states_without_memory_online)
{
    ck_assert_int_eq(claim(ledger, machine, "web", 2, CZONE_ZONE_BOUND), 0);
    ck_assert_int_eq(ledger_release(ledger, machine, "web"), -EBUSY);
    ck_assert_int_eq(ledger_move(ledger, "web", CZONE_ZONE_DRAINING), 0);
    ck_assert_int_eq(ledger_release(ledger, machine, "web"), -EBUSY);
    ck_assert_int_eq(ledger_move(ledger, "web", CZONE_ZONE_OFFLINE), 0);
    ck_assert_int_eq(ledger_release(ledger, machine, "web"), 0);
    ck_assert_int_eq(ledger_release(ledger, machine, "web"), -ENOENT);
    ck_assert_int_eq(inventory_node(machine, NODE(2))->role, CZONE_NODE_FREE);
    ck_assert_ptr_null(ledger_find(ledger, "web"));
    assert_books(ledger, machine);
}
END_TEST

START_TEST(a_cgroup_path_is_kept_if_it_fits)
{
    char path[300];

    ck_assert_int_eq(claim(ledger, machine, "web", 2, CZONE_ZONE_ONLINE), 0);
    ck_assert_int_eq(ledger_set_cgroup(ledger, "web", "czone/web"), 0);
    ck_assert_str_eq(ledger_find(ledger, "web")->cgroup, "czone/web");
    memset(path, 'x', sizeof(path));
    path[256] = '\0';
    ck_assert_int_eq(ledger_set_cgroup(ledger, "web", path), -ENAMETOOLONG);
    ck_assert_str_eq(ledger_find(ledger, "web")->cgroup, "czone/web");
    path[255] = '\0';
    ck_assert_int_eq(ledger_set_cgroup(ledger, "web", path), 0);
    ck_assert_int_eq(ledger_set_cgroup(ledger, "db", "x"), -ENOENT);
}
END_TEST

START_TEST(list_ascends_by_range)
{
    struct czone_zone_info *infos;

    ck_assert_int_eq(ledger_list(ledger, &infos), 0);
    ck_assert_ptr_null(infos);
    ck_assert_int_eq(claim(ledger, machine, "c", 3, CZONE_ZONE_PLUGGED), 0);
    ck_assert_int_eq(claim(ledger, machine, "a", 4, CZONE_ZONE_PLUGGED), 0);
    ck_assert_int_eq(claim(ledger, machine, "b", 1, CZONE_ZONE_PLUGGED), 0);
    ck_assert_int_eq(ledger_list(ledger, &infos), 3);
    ck_assert_str_eq(infos[0].name, "b");
    ck_assert_str_eq(infos[1].name, "c");
    ck_assert_str_eq(infos[2].name, "a");
    free(infos);
}
END_TEST

START_TEST(claims_are_marked_in_an_inventory_that_replaces_the_old_one)
{
    ck_assert_int_eq(claim(ledger, machine, "web", 2, CZONE_ZONE_PLUGGED), 0);
    struct inventory *fresh = zone_machine_new();
    ck_assert_int_eq(ledger_mark(ledger, fresh), 0);
    assert_books(ledger, fresh);
    inventory_free(fresh);

    /* Without node 2 it cannot carry the claim. */
    fresh = machine_new();
    ck_assert_int_eq(ledger_mark(ledger, fresh), -ENOENT);
    inventory_free(fresh);
}
END_TEST

START_TEST(names_that_share_a_bucket_are_kept_apart)
{
    char name[8];

    /* More names than nodes can hold at once, one after the other: all pass through the same few nodes. */
    for (int i = 0; i < 4000; i++) {
        snprintf(name, sizeof(name), "z%d", i);
        ck_assert_int_eq(claim(ledger, machine, name, 1 + i % ZONE_NODES, CZONE_ZONE_PLUGGED), 0);
        if (i >= ZONE_NODES - 1) {
            snprintf(name, sizeof(name), "z%d", i - (ZONE_NODES - 1));
            ck_assert_int_eq(ledger_release(ledger, machine, name), 0);
        }
    }
    assert_books(ledger, machine);
}
END_TEST

/* What a caller does with a machine, at random: place, claim, move, release. The model is one row for each
 * node. */
struct model_zone {
    bool used;
    char name[8];
    enum czone_zone_state state;
};

static void follow_blocks(struct inventory *inventory, int node, enum czone_zone_state state)
{
    if (state == CZONE_ZONE_ONLINE)
        set_states(inventory, node, 4, CZONE_BLOCK_MOVABLE);
    if (state == CZONE_ZONE_OFFLINE)
        set_states(inventory, node, 4, CZONE_BLOCK_OFFLINE);
}

static void random_claim(struct model_zone *zones, int i)
{
    struct placement_request request = { .n_blocks = 4 };
    struct placement placement;
    char name[8];

    snprintf(name, sizeof(name), "z%d", i % 100);
    int r = placement_find(machine, &request, &placement, NULL);
    bool room = false, taken = false;
    int lowest = 0;
    for (int node = ZONE_NODES; node >= 1; node--) {
        if (!zones[node].used) {
            room = true;
            lowest = node;
        } else if (strcmp(zones[node].name, name) == 0) {
            taken = true;
        }
    }
    ck_assert_int_eq(r, room ? 0 : -ENOSPC);
    if (!room)
        return;
    ck_assert_int_eq(placement.node.n, lowest);
    ck_assert_int_eq(claim(ledger, machine, name, lowest, CZONE_ZONE_PLUGGED), taken ? -EEXIST : 0);
    if (!taken) {
        zones[lowest] = (struct model_zone){ .used = true, .state = CZONE_ZONE_PLUGGED };
        snprintf(zones[lowest].name, sizeof(zones[lowest].name), "%s", name);
    }
}

START_TEST(random_lives_of_zones_keep_the_books_valid)
{
    struct model_zone zones[ZONE_NODES + 1] = { 0 };
    uint64_t random = random_seed();

    for (int i = 0; i < 20000; i++) {
        struct model_zone *zone = &zones[1 + random_below(&random, ZONE_NODES)];
        int node = (int)(zone - zones);
        enum czone_zone_state to = (enum czone_zone_state)random_below(&random, 8);

        if (random_below(&random, 4) == 0) {
            random_claim(zones, i);
        } else if (zone->used && random_below(&random, 3) == 0) {
            bool ends = czone_zone_state_may_follow(zone->state, CZONE_ZONE_RETURNED);
            ck_assert_int_eq(ledger_release(ledger, machine, zone->name), ends ? 0 : -EBUSY);
            zone->used = !ends;
            /* An undone reservation leaves nothing online. */
            if (ends)
                set_states(machine, node, 4, CZONE_BLOCK_OFFLINE);
        } else if (zone->used && czone_zone_state_may_follow(zone->state, to) && to != CZONE_ZONE_RETURNED) {
            ck_assert_int_eq(ledger_move(ledger, zone->name, to), 0);
            zone->state = to;
            follow_blocks(machine, node, to);
        }
        assert_books(ledger, machine);
        for (int n = 1; n <= ZONE_NODES; n++) {
            const struct czone_zone_info *info = ledger_find_node(ledger, NODE(n));
            ck_assert_int_eq(info != NULL, zones[n].used);
            if (info) {
                ck_assert_str_eq(info->name, zones[n].name);
                ck_assert_int_eq(info->state, zones[n].state);
            }
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("ledger");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, a_claim_is_found_by_name_and_node_and_takes_the_node);
    tcase_add_test(tests, a_second_zone_of_the_name_or_on_the_node_is_refused);
    tcase_add_test(tests, claims_that_make_no_sense_are_refused);
    tcase_add_test(tests, moves_follow_the_arrows_and_no_others);
    tcase_add_test(tests, release_frees_the_node_but_only_from_states_without_memory_online);
    tcase_add_test(tests, a_cgroup_path_is_kept_if_it_fits);
    tcase_add_test(tests, list_ascends_by_range);
    tcase_add_test(tests, claims_are_marked_in_an_inventory_that_replaces_the_old_one);
    tcase_add_test(tests, names_that_share_a_bucket_are_kept_apart);
    tcase_add_test(tests, random_lives_of_zones_keep_the_books_valid);
    return core_test_main(tests, "core_ledger");
}
