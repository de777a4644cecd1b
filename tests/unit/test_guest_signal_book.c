/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/signal_book.h"
#include "tests/unit/guest_test.h"

static struct signal_book book;

static void set_up(void)
{
    signal_book_init(&book);
}

static void tear_down(void)
{
    signal_book_done(&book);
}

static struct signal *open_plug(uint64_t deadline)
{
    struct signal wanted = { .kind = SIGNAL_PLUG, .bytes = 1, .deadline = deadline };

    return signal_book_open(&book, &wanted);
}

static struct signal *open_unplug(uint64_t start, uint64_t size, uint64_t deadline)
{
    struct signal wanted = { .kind = SIGNAL_UNPLUG, .range = { start, size }, .deadline = deadline };

    return signal_book_open(&book, &wanted);
}

START_TEST(ids_count_up_from_one_and_are_never_used_again)
{
    struct signal *first = open_plug(1);

    ck_assert_uint_eq(first->id, 1);
    signal_book_close(&book, first);
    ck_assert_uint_eq(open_plug(1)->id, 2);
    ck_assert_ptr_null(signal_book_find(&book, 1));
    ck_assert_ptr_nonnull(signal_book_find(&book, 2));
    ck_assert_ptr_null(signal_book_find(&book, 0));
}
END_TEST

START_TEST(the_next_deadline_is_the_earliest_of_those_that_are_not_overdue)
{
    ck_assert_uint_eq(signal_book_deadline(&book), UINT64_MAX);
    (void)open_plug(30);
    (void)open_plug(10);
    (void)open_plug(20);
    ck_assert_uint_eq(signal_book_deadline(&book), 10);
    ck_assert_uint_eq(signal_book_expire(&book, 10)->id, 2);
    ck_assert_uint_eq(signal_book_deadline(&book), 20);
}
END_TEST

START_TEST(each_signal_expires_once_and_stays_until_it_is_closed)
{
    (void)open_unplug(0, 1, 10);
    (void)open_unplug(1, 1, 11);
    ck_assert_ptr_null(signal_book_expire(&book, 9));
    ck_assert_uint_eq(signal_book_expire(&book, 100)->id, 1);
    ck_assert_uint_eq(signal_book_expire(&book, 100)->id, 2);
    ck_assert_ptr_null(signal_book_expire(&book, 100));
    ck_assert_uint_eq(book.n_open, 2);
    ck_assert(signal_book_find(&book, 1)->overdue);
}
END_TEST

START_TEST(memory_is_leaving_while_its_unplug_is_open_even_when_overdue)
{
    struct signal *signal = open_unplug(100, 50, 10);

    ck_assert(signal_book_leaving(&book, (struct czone_range){ 149, 10 }));
    ck_assert(signal_book_leaving(&book, (struct czone_range){ 90, 11 }));
    ck_assert(!signal_book_leaving(&book, (struct czone_range){ 150, 10 }));
    ck_assert(!signal_book_leaving(&book, (struct czone_range){ 90, 10 }));
    (void)signal_book_expire(&book, 10);
    ck_assert(signal_book_leaving(&book, (struct czone_range){ 100, 50 }));
    signal_book_close(&book, signal);
    ck_assert(!signal_book_leaving(&book, (struct czone_range){ 100, 50 }));
}
END_TEST

START_TEST(an_unplug_that_somebody_waits_for_is_not_unowned)
{
    int owner;

    open_unplug(100, 50, 10)->owner = &owner;
    ck_assert_ptr_null(signal_book_unowned(&book, (struct czone_range){ 100, 50 }));
    (void)open_unplug(200, 50, 10);
    ck_assert_uint_eq(signal_book_unowned(&book, (struct czone_range){ 249, 1 })->id, 2);
}
END_TEST

START_TEST(a_confirmed_unplug_is_still_leaving_but_takes_no_second_answer)
{
    struct signal *signal = open_unplug(100, 50, 10);

    signal->confirmed = true;
    ck_assert_ptr_null(signal_book_find(&book, signal->id));
    ck_assert(signal_book_leaving(&book, (struct czone_range){ 100, 50 }));
}
END_TEST

START_TEST(a_confirmed_unplug_departs_block_by_block)
{
    struct signal *signal = open_unplug(100, 50, 10);

    ck_assert(!signal_book_departing(&book, (struct czone_range){ 100, 50 }));
    signal->confirmed = true;
    signal->n_blocks_left = 2;
    ck_assert(signal_book_departing(&book, (struct czone_range){ 149, 5 }));
    signal_book_block_gone(&book, 99);
    signal_book_block_gone(&book, 150);
    ck_assert_uint_eq(signal->n_blocks_left, 2);
    signal_book_block_gone(&book, 100);
    signal_book_block_gone(&book, 125);
    ck_assert_uint_eq(signal->n_blocks_left, 0);
    signal_book_block_gone(&book, 100);
    ck_assert_uint_eq(signal->n_blocks_left, 0);
}
END_TEST

START_TEST(memory_is_arriving_while_a_plug_is_open_and_not_overdue)
{
    ck_assert(!signal_book_arriving(&book));
    (void)open_unplug(0, 1, 10);
    ck_assert(!signal_book_arriving(&book));
    (void)open_plug(10);
    ck_assert(signal_book_arriving(&book));
    while (signal_book_expire(&book, 10) != NULL)
        ;
    ck_assert(!signal_book_arriving(&book));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("signal_book");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, ids_count_up_from_one_and_are_never_used_again);
    tcase_add_test(tests, the_next_deadline_is_the_earliest_of_those_that_are_not_overdue);
    tcase_add_test(tests, each_signal_expires_once_and_stays_until_it_is_closed);
    tcase_add_test(tests, memory_is_leaving_while_its_unplug_is_open_even_when_overdue);
    tcase_add_test(tests, an_unplug_that_somebody_waits_for_is_not_unowned);
    tcase_add_test(tests, a_confirmed_unplug_is_still_leaving_but_takes_no_second_answer);
    tcase_add_test(tests, a_confirmed_unplug_departs_block_by_block);
    tcase_add_test(tests, memory_is_arriving_while_a_plug_is_open_and_not_overdue);
    return guest_test_main(tests, "guest_signal_book");
}
