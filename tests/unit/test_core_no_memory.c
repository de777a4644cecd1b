/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Every allocation of every operation fails in turn. The operation must say -ENOMEM and leave its structure
 * as it was, and the same operation must then work.
 */

#include "core_zone.h"

#include <sys/wait.h>
#include <unistd.h>

#include "core/placement.h"
#include "core/plan.h"

/* Which allocation from now on fails: 1 the next, 0 none. Only set around the operation itself: check is
 * linked statically and allocates too, in each assertion. */
static unsigned fail_at;
static unsigned n_failed;

static bool fails(void)
{
    if (fail_at == 0 || --fail_at > 0)
        return false;
    n_failed++;
    return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_reallocarray(void *old, size_t n, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_reallocarray(void *old, size_t n, size_t size);

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_reallocarray(void *old, size_t n, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, n, size);
}

static struct inventory *machine;
static struct ledger *ledger;

/* All that can be seen from outside, as text. */
static char *snapshot(void)
{
    size_t room = 1 << 18, length = 0;
    char *text = __real_malloc(room);
    const struct czone_node *nodes;
    const struct czone_block *blocks;

    ck_assert_ptr_nonnull(text);
    size_t n = inventory_nodes(machine, &nodes);
    for (size_t i = 0; i < n; i++)
        length += (size_t)snprintf(text + length, room - length, "node %d %d %d %d %zu %zu\n", nodes[i].id.n,
                                   nodes[i].role, nodes[i].tier, nodes[i].provider, nodes[i].n_blocks,
                                   nodes[i].longest_run);
    n = inventory_blocks(machine, &blocks);
    for (size_t i = 0; i < n; i++)
        length += (size_t)snprintf(text + length, room - length, "block %" PRIu64 " %d %d %d\n",
                                   blocks[i].id.n, blocks[i].node.n, blocks[i].state, blocks[i].provider);
    for (int32_t node = 0; node < NODE_MAX; node++) {
        const struct czone_zone_info *zone = ledger_find_node(ledger, NODE(node));
        if (zone)
            length += (size_t)snprintf(text + length, room - length, "zone %s %d\n", zone->name, zone->state);
    }
    return text;
}

enum outcome { NEEDED_NO_MORE, FAILED_AS_IT_SHOULD, NO_ERROR, CHANGED, BOOKS_BROKEN, LEAKED };

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/lsan_interface.h>
#else
static int __lsan_do_recoverable_leak_check(void)
{
    return 0;
}
#endif

/* In a child, so that room made by an attempt that failed later does not spare the next attempt an
 * allocation. */
static enum outcome attempt(int (*operation)(void), unsigned at)
{
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        char *before = snapshot(), *after = NULL;
        fail_at = at;
        n_failed = 0;
        int r = operation();
        fail_at = 0;
        enum outcome outcome = FAILED_AS_IT_SHOULD;
        if (n_failed == 0)
            outcome = NEEDED_NO_MORE;
        else if (r != -ENOMEM)
            outcome = NO_ERROR;
        else if (strcmp(before, after = snapshot()) != 0)
            outcome = CHANGED;
        else if (ledger_validate(ledger, machine, NULL) < 0)
            outcome = BOOKS_BROKEN;
        else if (__lsan_do_recoverable_leak_check())
            outcome = LEAKED;
        free(before);
        free(after);
        _exit(outcome);
    }

    int status;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(WIFEXITED(status), "the operation crashed when allocation %u failed", at);
    return (enum outcome)WEXITSTATUS(status);
}

/* Runs the operation with its first, second, ... allocation failing, until it needs no more; then for real.
 * Returns how many it needs. */
static unsigned exhaust(int (*operation)(void))
{
    for (unsigned at = 1;; at++) {
        enum outcome outcome = attempt(operation, at);
        if (outcome == NEEDED_NO_MORE) {
            ck_assert_int_ge(operation(), 0);
            assert_books(ledger, machine);
            return at - 1;
        }
        ck_assert_int_eq(outcome, FAILED_AS_IT_SHOULD);
    }
}

static void setup(void)
{
    fail_at = 0;
    machine = zone_machine_new();
    ck_assert_int_eq(ledger_new(&ledger), 0);
}

static void teardown(void)
{
    ledger_free(ledger);
    inventory_free(machine);
}

static int32_t next_node;

static int add_node(void)
{
    return inventory_put_node(machine, NODE(next_node), 9, false);
}

START_TEST(adding_nodes)
{
    unsigned n = 0;

    for (next_node = 100; next_node < 140; next_node++)
        n += exhaust(add_node);
    ck_assert_uint_gt(n, 0);
}
END_TEST

static struct czone_block next_block;

static int put_one_block(void)
{
    return inventory_put_block(machine, &next_block);
}

static int remove_one_block(void)
{
    return inventory_remove_block(machine, next_block.id);
}

START_TEST(adding_blocks_with_gaps_and_taking_every_other_one)
{
    unsigned n = 0;

    put_node(machine, 50, 7);
    for (uint64_t i = 0; i < 150; i++) {
        next_block =
            (struct czone_block){ { 2000 + i + i / 17 }, { 50 }, CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_DIMM };
        n += exhaust(put_one_block);
    }
    ck_assert_uint_gt(n, 10);
    n = 0;
    for (uint64_t i = 0; i < 150; i += 5) {
        next_block.id.n = 2000 + i + i / 17;
        n += exhaust(remove_one_block);
    }
    ck_assert_uint_gt(n, 0);
}
END_TEST

START_TEST(a_block_that_changes_its_node)
{
    put_node(machine, 60, 1);
    next_block = (struct czone_block){ { 35 }, { 60 }, CZONE_BLOCK_MOVABLE, CZONE_PROVIDER_DIMM };
    ck_assert_uint_gt(exhaust(put_one_block), 0);
    ck_assert_int_eq(inventory_block(machine, BLOCK(35))->node.n, 60);
    assert_valid(machine);
}
END_TEST

static int other_tier(void)
{
    return inventory_put_node(machine, NODE(1), 77, false);
}

START_TEST(a_node_that_changes_its_tier)
{
    ck_assert_uint_gt(exhaust(other_tier), 0);
    ck_assert_int_eq(inventory_node(machine, NODE(1))->tier, 77);
}
END_TEST

static struct czone_block many[200];

static int load(void)
{
    return inventory_load(machine, many, 200);
}

START_TEST(a_load)
{
    inventory_free(machine);
    ck_assert_int_eq(inventory_new(BLOCK_SIZE, &machine), 0);
    for (int node = 0; node < 5; node++)
        put_node(machine, node, node);
    for (uint64_t i = 0; i < 200; i++)
        many[i] =
            (struct czone_block){ { i * 3 / 2 }, { (int)i / 40 }, CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_DIMM };
    ck_assert_uint_gt(exhaust(load), 10);
    assert_valid(machine);
}
END_TEST

static int claim_web(void)
{
    return claim(ledger, machine, "web", 2, CZONE_ZONE_PLUGGED);
}

static int list(void)
{
    struct czone_zone_info *infos = NULL;
    int r = ledger_list(ledger, &infos);

    free(infos);
    return r;
}

static int validate(void)
{
    return ledger_validate(ledger, machine, NULL);
}

START_TEST(claims_lists_and_checks)
{
    ck_assert_uint_eq(exhaust(claim_web), 1);
    ck_assert_uint_eq(exhaust(list), 1);
    ck_assert_uint_eq(exhaust(validate), 1);
}
END_TEST

/* The negative errno of the first step that fails. */
static int place_and_give_back(void)
{
    struct placement_request request = { .n_blocks = 4 };
    struct placement placement;

    int r = placement_find(machine, &request, &placement, NULL);
    if (r >= 0)
        r = ledger_move(ledger, "web", CZONE_ZONE_ONLINE);
    if (r >= 0)
        r = ledger_set_cgroup(ledger, "web", "czone/web");
    if (r >= 0)
        r = ledger_move(ledger, "web", CZONE_ZONE_DRAINING);
    if (r >= 0)
        r = ledger_move(ledger, "web", CZONE_ZONE_OFFLINE);
    if (r >= 0)
        r = ledger_release(ledger, machine, "web");
    return r;
}

START_TEST(placing_and_giving_back_need_no_memory)
{
    ck_assert_int_eq(claim_web(), 0);
    ck_assert_uint_eq(exhaust(place_and_give_back), 0);
    ck_assert_uint_eq(ledger_count(ledger), 0);
    assert_books(ledger, machine);
}
END_TEST

static const struct block_run run = { { 64 }, 4 };
static struct plan *made;

static int make_create(void)
{
    return plan_create(machine, NODE(2), &run, 1, &made, NULL);
}

static int make_offline(void)
{
    return plan_offline(machine, NODE(2), &run, 1, &made);
}

static int make_empty(void)
{
    return plan_empty(1, 1, &made);
}

static int make_bind(void)
{
    struct plan_binding binding = { .memory_max = 1 };
    return plan_bind(&binding, &binding, 1, &made);
}

static int make_move(void)
{
    struct plan_binding binding = { .memory_max = 1 };
    return plan_move(&binding, &binding, 1, &made);
}

static struct plan *done;

static int make_undo(void)
{
    return plan_undo(done, done->n_ops, 1, &made);
}

START_TEST(plans)
{
    int (*const makers[])(void) = { make_create, make_offline, make_empty, make_bind, make_move, make_undo };

    ck_assert_int_eq(make_create(), 0);
    done = made;
    for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++) {
        made = NULL;
        ck_assert_uint_eq(exhaust(makers[i]), 1);
        ck_assert_ptr_nonnull(made);
        made = plan_free(made);
    }
    done = plan_free(done);
}
END_TEST

static int make_inventory(void)
{
    struct inventory *inventory = NULL;
    int r = inventory_new(BLOCK_SIZE, &inventory);

    inventory_free(inventory);
    return r;
}

static int make_ledger(void)
{
    struct ledger *one = NULL;
    int r = ledger_new(&one);

    ledger_free(one);
    return r;
}

START_TEST(constructors)
{
    ck_assert_uint_eq(exhaust(make_inventory), 3);
    ck_assert_uint_eq(exhaust(make_ledger), 1);
    ck_assert_ptr_null(inventory_free(NULL));
    ck_assert_ptr_null(ledger_free(NULL));
    ck_assert_ptr_null(plan_free(NULL));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("no_memory");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, adding_nodes);
    tcase_add_test(tests, adding_blocks_with_gaps_and_taking_every_other_one);
    tcase_add_test(tests, a_block_that_changes_its_node);
    tcase_add_test(tests, a_node_that_changes_its_tier);
    tcase_add_test(tests, a_load);
    tcase_add_test(tests, claims_lists_and_checks);
    tcase_add_test(tests, placing_and_giving_back_need_no_memory);
    tcase_add_test(tests, plans);
    tcase_add_test(tests, constructors);
    return core_test_main(tests, "core_no_memory");
}
