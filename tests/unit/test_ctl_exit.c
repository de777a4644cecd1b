/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/exit.h"

#include <check.h>
#include <stddef.h>
#include <stdlib.h>

START_TEST(codes_are_what_scripts_depend_on)
{
    ck_assert_int_eq(EXIT_USAGE, 2);
    ck_assert_int_eq(EXIT_CONNECTION, 3);
    ck_assert_int_eq(EXIT_REFUSED, 4);
    ck_assert_int_eq(EXIT_NO_MEMORY, 5);
    ck_assert_int_eq(EXIT_CANNOT_RUN, 6);
    ck_assert_int_eq(EXIT_NO_PROGRAM, 7);
    ck_assert_int_eq(EXIT_NOT_FOUND, 8);
    ck_assert_int_eq(EXIT_TIMED_OUT, 9);
    ck_assert_int_eq(EXIT_NOT_EXCLUSIVE, 10);
}
END_TEST

START_TEST(failures_of_run_do_not_look_like_a_programs_and_follow_the_shell)
{
    ck_assert_int_eq(exit_of_run(EXIT_OK), 0);
    ck_assert_int_eq(exit_of_run(EXIT_DETACHED), 120);
    ck_assert_int_eq(exit_of_run(EXIT_FAILED), 121);
    ck_assert_int_eq(exit_of_run(EXIT_USAGE), 122);
    ck_assert_int_eq(exit_of_run(EXIT_NO_MEMORY), 125);
    ck_assert_int_eq(exit_of_run(EXIT_CANNOT_RUN), 126);
    ck_assert_int_eq(exit_of_run(EXIT_NO_PROGRAM), 127);
    ck_assert_int_eq(exit_of_run(EXIT_NOT_FOUND), 121);
    ck_assert_int_eq(exit_of_run(EXIT_TIMED_OUT), 121);
}
END_TEST

START_TEST(a_killed_process_has_the_status_a_shell_gives_it)
{
    ck_assert_int_eq(exit_of_process(3, 0), 3);
    ck_assert_int_eq(exit_of_process(0, 9), 137);
}
END_TEST

START_TEST(every_code_has_a_text)
{
    for (int code = EXIT_OK; code <= EXIT_DETACHED; code++)
        ck_assert_ptr_nonnull(exit_text(code));
    ck_assert_ptr_null(exit_text(EXIT_DETACHED + 1));
    ck_assert_ptr_null(exit_text(-1));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/exit");
    TCase *tcase = tcase_create("exit");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, codes_are_what_scripts_depend_on);
    tcase_add_test(tcase, failures_of_run_do_not_look_like_a_programs_and_follow_the_shell);
    tcase_add_test(tcase, a_killed_process_has_the_status_a_shell_gives_it);
    tcase_add_test(tcase, every_code_has_a_text);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
