/* SPDX-License-Identifier: Apache-2.0 */
/* How many are kept ready, by load: no system call but the loop's. */
#include <errno.h>
#include <unistd.h>

#include "agent/guest/container/pool_size.h"
#include "proto/fields.h"
#include "tests/unit/guest_test.h"

static struct event_base *base;
static struct turns turns;
static struct pool_size size;
static size_t n_made, n_dropped;
static int result;

static int add(void *owner)
{
    ck_assert_ptr_eq(owner, &n_made);
    if (result < 0)
        return result;
    n_made++;
    return 0;
}

static void drop(void *owner)
{
    ck_assert_ptr_eq(owner, &n_made);
    n_dropped++;
}

static const struct pool_size_ops ops = { add, drop };

static void set_up(void)
{
    n_made = n_dropped = 0;
    result = 0;
    base = event_base_new();
    ck_assert_ptr_nonnull(base);
    turns_init(&turns);
    ck_assert_int_eq(turns_open(&turns, base), 0);
    ck_assert_int_eq(pool_size_open(&size, base, &turns, &ops, &n_made, POOL_SIZE_MAX), 0);
}

static void tear_down(void)
{
    pool_size_close(&size);
    turns_close(&turns);
    event_base_free(base);
}

static void run_ms(long ms)
{
    struct timeval limit = { .tv_usec = ms * 1000 };

    ck_assert_int_eq(event_base_loopexit(base, &limit), 0);
    ck_assert_int_ge(event_base_dispatch(base), 0);
}

START_TEST(it_fills_itself_to_the_least_number_and_drops_all_at_its_end)
{
    ck_assert_uint_eq(n_made, 0);
    run_ms(5);
    ck_assert_uint_eq(n_made, POOL_SIZE_MIN);
    pool_size_close(&size);
    ck_assert_uint_eq(n_dropped, POOL_SIZE_MIN);
}
END_TEST

START_TEST(what_is_taken_is_replaced_but_not_while_a_start_may_be_under_way)
{
    run_ms(5);
    ck_assert(pool_size_take(&size));
    run_ms(5);
    ck_assert_uint_eq(n_made, POOL_SIZE_MIN);
    run_ms(80);
    ck_assert_uint_eq(n_made, POOL_SIZE_MIN + 1);
    ck_assert_uint_eq(size.n, POOL_SIZE_MIN);
}
END_TEST

START_TEST(as_many_are_kept_as_a_burst_took_that_found_none_left)
{
    run_ms(5);
    for (size_t i = 0; i < POOL_SIZE_MIN; i++)
        ck_assert(pool_size_take(&size));
    for (size_t i = 0; i < 3; i++)
        ck_assert(!pool_size_take(&size));
    ck_assert_uint_eq(size.target, POOL_SIZE_MIN + 3);
    run_ms(80);
    ck_assert_uint_eq(size.n, POOL_SIZE_MIN + 3);
    for (size_t i = 0; i < POOL_SIZE_MIN + 3; i++)
        ck_assert(pool_size_take(&size));
    ck_assert_uint_eq(size.target, POOL_SIZE_MIN + 3);
}
END_TEST

START_TEST(starts_one_after_the_other_are_no_burst)
{
    run_ms(5);
    for (int i = 0; i < 4; i++) {
        ck_assert(pool_size_take(&size));
        run_ms(80);
    }
    ck_assert_uint_eq(size.target, POOL_SIZE_MIN);
}
END_TEST

static size_t n_made_meanwhile;

/* Longer than what otherwise tells that a burst is over. */
static void take_long(struct turn *turn)
{
    (void)turn;
    (void)usleep(60000);
    n_made_meanwhile = n_made;
}

static void start_slowly(struct turn *turn)
{
    (void)pool_size_take(&size);
    take_long(turn);
}

START_TEST(a_burst_of_starts_that_take_long_is_one_burst)
{
    struct turn starts[POOL_SIZE_MIN + 2], others[POOL_SIZE_MIN + 2];

    run_ms(5);
    for (size_t i = 0; i < ELEMENTS(starts); i++) {
        starts[i] = (struct turn)TURN_INIT(start_slowly);
        others[i] = (struct turn)TURN_INIT(take_long);
        turns_add(&turns, &starts[i]);
        turns_add(&turns, &others[i]);
    }
    while (turns_waiting(&turns))
        run_ms(5);
    ck_assert_uint_eq(n_made_meanwhile, POOL_SIZE_MIN);
    ck_assert_uint_eq(size.target, ELEMENTS(starts));
    run_ms(150);
    ck_assert_uint_eq(size.n, ELEMENTS(starts));
}
END_TEST

START_TEST(it_grows_to_a_limit)
{
    for (size_t i = 0; i < POOL_SIZE_MAX + POOL_SIZE_MAX; i++)
        (void)pool_size_take(&size);
    ck_assert_uint_eq(size.target, POOL_SIZE_MAX);
    run_ms(80);
    ck_assert_uint_eq(size.n, POOL_SIZE_MAX);
}
END_TEST

START_TEST(it_grows_no_larger_than_its_owner_has_room_for)
{
    pool_size_close(&size);
    n_made = 0;
    ck_assert_int_eq(pool_size_open(&size, base, &turns, &ops, &n_made, POOL_SIZE_MIN + 1), 0);
    for (size_t i = 0; i < POOL_SIZE_MAX; i++)
        (void)pool_size_take(&size);
    ck_assert_uint_eq(size.target, POOL_SIZE_MIN + 1);
}
END_TEST

START_TEST(what_cannot_be_made_is_tried_again_when_one_is_taken)
{
    result = -EAGAIN;
    run_ms(5);
    ck_assert_uint_eq(size.n, 0);
    result = 0;
    run_ms(80);
    ck_assert_uint_eq(size.n, 0);
    ck_assert(!pool_size_take(&size));
    run_ms(80);
    ck_assert_uint_eq(size.n, POOL_SIZE_MIN);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("pool_size");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, it_fills_itself_to_the_least_number_and_drops_all_at_its_end);
    tcase_add_test(tests, what_is_taken_is_replaced_but_not_while_a_start_may_be_under_way);
    tcase_add_test(tests, as_many_are_kept_as_a_burst_took_that_found_none_left);
    tcase_add_test(tests, starts_one_after_the_other_are_no_burst);
    tcase_add_test(tests, a_burst_of_starts_that_take_long_is_one_burst);
    tcase_add_test(tests, it_grows_to_a_limit);
    tcase_add_test(tests, it_grows_no_larger_than_its_owner_has_room_for);
    tcase_add_test(tests, what_cannot_be_made_is_tried_again_when_one_is_taken);
    return guest_test_main(tests, "guest_pool_size");
}
