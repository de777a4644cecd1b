/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/when.h"

#include <check.h>
#include <stdlib.h>
#include <time.h>

static void takes(int64_t ns, const char *expected)
{
    char buffer[WHEN_TEXT_MAX];

    ck_assert_str_eq(when_span(ns, buffer), expected);
}

START_TEST(a_span_is_printed_with_three_figures_that_matter)
{
    takes(0, "0 s");
    takes(999, "0 us");
    takes(850000, "850 us");
    takes(12345678, "12.3 ms");
    takes(INT64_C(1240000000), "1.24 s");
    takes(INT64_C(123000000000), "2 min 3 s");
    takes(INT64_C(18000000000000), "5 h 0 min");
    takes(INT64_C(273600000000000), "3 d 4 h");
}
END_TEST

START_TEST(a_span_of_clocks_that_disagree_is_none)
{
    takes(-5, "0 s");
}
END_TEST

START_TEST(a_time_is_printed_with_date_milliseconds_and_zone)
{
    char buffer[WHEN_TEXT_MAX];

    (void)setenv("TZ", "UTC", 1);
    tzset();
    ck_assert_str_eq(when_clock(INT64_C(1700000000250000000), buffer), "2023-11-14 22:13:20.250 +0000");
    ck_assert_str_eq(when_clock(-1, buffer), "-1 ns");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/when");
    TCase *tcase = tcase_create("when");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_span_is_printed_with_three_figures_that_matter);
    tcase_add_test(tcase, a_span_of_clocks_that_disagree_is_none);
    tcase_add_test(tcase, a_time_is_printed_with_date_milliseconds_and_zone);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
