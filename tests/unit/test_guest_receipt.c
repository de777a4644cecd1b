/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "agent/guest/zone/receipt.h"
#include "tests/unit/guest_test.h"

static struct receipts receipts;

static void set_up(void)
{
    receipts_init(&receipts, 3);
}

static void tear_down(void)
{
    receipts_done(&receipts);
}

static const struct receipt *add(const char *container)
{
    struct receipt receipt = { .outcome = OUTCOME_RETURNED, .emptied_ns = 150, .offline_ns = 250 };

    (void)snprintf(receipt.container, sizeof(receipt.container), "%s", container);
    receipt.leftovers = calloc(12, sizeof(*receipt.leftovers));
    receipt.n_leftovers = 12;
    return receipts_add(&receipts, &receipt, 100);
}

START_TEST(points_in_time_become_durations_since_the_exit)
{
    const struct receipt *kept = add("a");

    ck_assert_uint_eq(kept->emptied_ns, 50);
    ck_assert_uint_eq(kept->offline_ns, 150);
    ck_assert_uint_eq(kept->confirmed_ns, 0);
}
END_TEST

START_TEST(numbers_go_on_when_the_oldest_fall_out)
{
    for (int i = 0; i < 5; i++)
        (void)add("a");
    ck_assert_uint_eq(receipts.n_entries, 3);
    ck_assert_uint_eq(receipts_after(&receipts, 0)->sequence, 3);
    ck_assert_uint_eq(receipts_after(&receipts, 4)->sequence, 5);
    ck_assert_ptr_null(receipts_after(&receipts, 5));
}
END_TEST

START_TEST(on_the_wire_absent_things_are_absent_and_leftovers_are_bounded)
{
    json_t *object = receipt_to_json(add("a"));

    ck_assert_ptr_nonnull(object);
    ck_assert_ptr_null(json_object_get(object, "confirmed_ns"));
    ck_assert_ptr_null(json_object_get(object, "message"));
    ck_assert_uint_eq(json_array_size(json_object_get(object, "leftovers")), RECEIPT_LEFTOVERS_MAX);
    ck_assert_str_eq(json_string_value(json_object_get(object, "outcome")), "returned");
    json_decref(object);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("receipt");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, points_in_time_become_durations_since_the_exit);
    tcase_add_test(tests, numbers_go_on_when_the_oldest_fall_out);
    tcase_add_test(tests, on_the_wire_absent_things_are_absent_and_leftovers_are_bounded);
    return guest_test_main(tests, "guest_receipt");
}
