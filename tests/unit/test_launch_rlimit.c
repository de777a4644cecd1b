/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>

#include "agent/guest/launch/rlimit.h"
#include "tests/unit/launch_run.h"

static struct run run;
static struct launch_rlimit limits[2];

static void set_up(void)
{
    run_set_up(&run);
    limits[0] = (struct launch_rlimit){ .resource = RLIMIT_NOFILE, .soft = 100, .hard = 200 };
    limits[1] = (struct launch_rlimit){ .resource = RLIMIT_CORE, .soft = 0, .hard = RLIM_INFINITY };
    run.request.rlimits = limits;
    run.request.n_rlimits = 2;
}

static void tear_down(void)
{
    run_tear_down(&run);
}

START_TEST(limits_are_what_was_asked_for)
{
    run_probe(&run, "limits-are-100-200");
}
END_TEST

START_TEST(they_hold_for_a_user_too)
{
    run.request.user = "joe";
    run_probe(&run, "limits-are-100-200");
}
END_TEST

static void expect_refused(const char *part)
{
    memset(&run.failure, 0, sizeof(run.failure));
    ck_assert_int_eq(run_check(&run), -EINVAL);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
    ck_assert_str_eq(run.failure.parameter, "rlimits");
    ck_assert_uint_eq(run.failure.index, 1);
    ck_assert_msg(strstr(run.failure.message, part) != NULL, "%s", run.failure.message);
}

START_TEST(nonsense_is_refused)
{
    limits[1].resource = RLIMIT_NLIMITS;
    expect_refused("not a resource");
    limits[1].resource = -1;
    expect_refused("not a resource");
    limits[1] = limits[0];
    expect_refused("nofile: is given twice");
    limits[1] = (struct launch_rlimit){ .resource = RLIMIT_STACK, .soft = RLIM_INFINITY, .hard = 1 };
    expect_refused("stack: the soft limit is above the hard one");
}
END_TEST

START_TEST(what_the_kernel_refuses_is_told)
{
    limits[0].hard = limits[0].soft = RLIM_INFINITY; /* more than fs.nr_open */
    run.args[1] = "true";
    ck_assert_int_eq(run_start(&run), -EPERM);
    ck_assert_int_eq(run.failure.stage, LAUNCH_STAGE_LIMITS);
    ck_assert_ptr_nonnull(strstr(run.failure.message, "nofile"));
}
END_TEST

START_TEST(every_resource_has_a_name_that_finds_it)
{
    for (int i = 0; i < RLIMIT_NLIMITS; i++)
        ck_assert_int_eq(launch_rlimit_find(launch_rlimit_name(i)), i);
    ck_assert_ptr_null(launch_rlimit_name(RLIMIT_NLIMITS));
    ck_assert_ptr_null(launch_rlimit_name(-1));
    ck_assert_int_eq(launch_rlimit_find("NOFILE"), -ENOENT);
    ck_assert_int_eq(launch_rlimit_find(""), -ENOENT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_rlimit");
    TCase *tests = tcase_create("rlimit");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, limits_are_what_was_asked_for);
    tcase_add_test(tests, they_hold_for_a_user_too);
    tcase_add_test(tests, nonsense_is_refused);
    tcase_add_test(tests, what_the_kernel_refuses_is_told);
    tcase_add_test(tests, every_resource_has_a_name_that_finds_it);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
