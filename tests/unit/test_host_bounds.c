/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <stdlib.h>

#include "agent/host/bounds.h"

#define SECOND UINT64_C(1000000)
#define MIB    (UINT64_C(1) << 20)

START_TEST(a_bucket_gives_its_burst_and_then_its_rate)
{
    struct bucket bucket;
    unsigned int taken = 0;

    bucket_init(&bucket, 10, 40, 0);
    for (unsigned int i = 0; i < 100; i++)
        taken += bucket_take(&bucket, 0);
    ck_assert_uint_eq(taken, 40);
    ck_assert(!bucket_take(&bucket, SECOND / 10 - 1));
    ck_assert(bucket_take(&bucket, SECOND / 10));
    ck_assert(!bucket_take(&bucket, SECOND / 10));
}
END_TEST

START_TEST(a_bucket_does_not_lose_fractions_of_a_token)
{
    struct bucket bucket;
    unsigned int taken = 0;

    bucket_init(&bucket, 3, 3, 0);
    for (uint64_t now = 0; now <= 10 * SECOND; now += 1000)
        taken += bucket_take(&bucket, now);
    ck_assert_uint_ge(taken, 32);
    ck_assert_uint_le(taken, 33);
}
END_TEST

START_TEST(a_bucket_never_holds_more_than_its_burst)
{
    struct bucket bucket;
    unsigned int taken = 0;

    bucket_init(&bucket, 1000000, 5, 0);
    for (unsigned int i = 0; i < 100; i++)
        taken += bucket_take(&bucket, UINT64_MAX - 1);
    ck_assert_uint_eq(taken, 5);
}
END_TEST

START_TEST(a_clock_that_goes_back_fills_nothing)
{
    struct bucket bucket;

    bucket_init(&bucket, 1, 1, 5 * SECOND);
    ck_assert(bucket_take(&bucket, 5 * SECOND));
    ck_assert(!bucket_take(&bucket, SECOND));
    ck_assert(!bucket_take(&bucket, 5 * SECOND + SECOND / 2));
    ck_assert(bucket_take(&bucket, 6 * SECOND));
}
END_TEST

START_TEST(rate_zero_is_no_limit)
{
    struct bucket bucket;

    bucket_init(&bucket, 0, 0, 0);
    for (unsigned int i = 0; i < 1000; i++)
        ck_assert(bucket_take(&bucket, 0));
}
END_TEST

START_TEST(a_zone_above_the_limit_is_refused_with_the_limit)
{
    struct driver_answer answer = { 0 };
    struct bounds bounds;

    bounds_init(&bounds, 512 * MIB, 0, 10, 0);
    ck_assert(bounds_allow_plug(&bounds, 512 * MIB, 0, 0, &answer));
    ck_assert_int_eq(answer.refusal, REFUSAL_NONE);
    ck_assert(!bounds_allow_plug(&bounds, 513 * MIB, 0, 0, &answer));
    ck_assert_int_eq(answer.refusal, REFUSAL_LIMIT);
    ck_assert_uint_eq(answer.limit, 512 * MIB);
}
END_TEST

START_TEST(the_total_counts_what_is_committed)
{
    struct driver_answer answer = { 0 };
    struct bounds bounds;

    bounds_init(&bounds, 0, 1024 * MIB, 10, 0);
    ck_assert(bounds_allow_plug(&bounds, 512 * MIB, 512 * MIB, 0, &answer));
    ck_assert(!bounds_allow_plug(&bounds, 512 * MIB, 640 * MIB, 0, &answer));
    ck_assert_int_eq(answer.refusal, REFUSAL_LIMIT);
    ck_assert_uint_eq(answer.limit, 384 * MIB);
    /* Memory that was there before us may already exceed the total. */
    ck_assert(!bounds_allow_plug(&bounds, MIB, UINT64_MAX, 0, &answer));
    ck_assert_uint_eq(answer.limit, 0);
    ck_assert(!bounds_allow_plug(&bounds, UINT64_MAX, 512 * MIB, 0, &answer));
}
END_TEST

START_TEST(plugs_beyond_the_rate_are_refused_with_the_rate)
{
    struct driver_answer answer = { 0 };
    struct bounds bounds;

    bounds_init(&bounds, 0, 0, 2, 0);
    for (unsigned int i = 0; i < 8; i++)
        ck_assert(bounds_allow_plug(&bounds, MIB, 0, 0, &answer));
    ck_assert(!bounds_allow_plug(&bounds, MIB, 0, 0, &answer));
    ck_assert_int_eq(answer.refusal, REFUSAL_RATE);
    ck_assert_uint_eq(answer.limit, 2);
}
END_TEST

START_TEST(a_flood_of_signals_is_noticed_even_without_a_limit_on_plugs)
{
    struct bounds bounds;
    unsigned int allowed = 0;

    bounds_init(&bounds, 0, 0, 0, 0);
    while (allowed < 100000 && bounds_allow_signal(&bounds, 0))
        allowed++;
    ck_assert_uint_gt(allowed, 1000);
    ck_assert_uint_lt(allowed, 100000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/bounds");
    TCase *tcase = tcase_create("bounds");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, a_bucket_gives_its_burst_and_then_its_rate);
    tcase_add_test(tcase, a_bucket_does_not_lose_fractions_of_a_token);
    tcase_add_test(tcase, a_bucket_never_holds_more_than_its_burst);
    tcase_add_test(tcase, a_clock_that_goes_back_fills_nothing);
    tcase_add_test(tcase, rate_zero_is_no_limit);
    tcase_add_test(tcase, a_zone_above_the_limit_is_refused_with_the_limit);
    tcase_add_test(tcase, the_total_counts_what_is_committed);
    tcase_add_test(tcase, plugs_beyond_the_rate_are_refused_with_the_rate);
    tcase_add_test(tcase, a_flood_of_signals_is_noticed_even_without_a_limit_on_plugs);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
