/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/guest/zone/grace.h"
#include "tests/unit/guest_test.h"

static char run_dir[] = "/tmp/czone-grace-XXXXXX";
static char attribute[sizeof(run_dir) + sizeof("/rcu_expedited")];
static struct marks marks = MARKS_INIT;
static struct grace grace;

static void write_attribute(char value)
{
    FILE *file = fopen(attribute, "we");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fprintf(file, "%c\n", value), 2);
    ck_assert_int_eq(fclose(file), 0);
}

static int value(void)
{
    FILE *file = fopen(attribute, "re");
    int c;

    ck_assert_ptr_nonnull(file);
    c = fgetc(file);
    (void)fclose(file);
    return c;
}

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(run_dir));
    (void)snprintf(attribute, sizeof(attribute), "%s/rcu_expedited", run_dir);
    write_attribute('0');
    ck_assert_int_eq(marks_open(&marks, run_dir, "knobs"), 0);
    grace = (struct grace){ 0 };
}

static void tear_down(void)
{
    marks_clear(&marks, "rcu_expedited");
    marks_close(&marks);
    (void)unlink(attribute);
    (void)snprintf(attribute, sizeof(attribute), "%s/knobs", run_dir);
    (void)rmdir(attribute);
    (void)rmdir(run_dir);
}

START_TEST(grace_periods_are_expedited_until_the_last_job_is_over)
{
    ck_assert_int_eq(grace_open(&grace, attribute, &marks), 0);
    grace_hold(&grace);
    grace_hold(&grace);
    ck_assert_int_eq(value(), '1');
    grace_release(&grace);
    ck_assert_int_eq(value(), '1');
    grace_release(&grace);
    ck_assert_int_eq(value(), '0');
    grace_close(&grace);
}
END_TEST

START_TEST(what_a_crash_left_on_is_put_back)
{
    struct grace crashed = { 0 };

    ck_assert_int_eq(grace_open(&crashed, attribute, &marks), 0);
    grace_hold(&crashed);
    ck_assert_int_eq(grace_open(&grace, attribute, &marks), 0);
    ck_assert_int_eq(value(), '0');
    grace_hold(&grace);
    ck_assert_int_eq(value(), '1');
    grace_close(&grace);
    ck_assert_int_eq(value(), '0');
}
END_TEST

START_TEST(an_operator_who_wants_them_expedited_always_keeps_that)
{
    write_attribute('1');
    ck_assert_int_eq(grace_open(&grace, attribute, &marks), 0);
    grace_hold(&grace);
    grace_release(&grace);
    grace_close(&grace);
    ck_assert_int_eq(value(), '1');
}
END_TEST

START_TEST(a_kernel_without_the_attribute_is_no_error)
{
    ck_assert_int_eq(unlink(attribute), 0);
    ck_assert_int_eq(grace_open(&grace, attribute, &marks), 0);
    grace_hold(&grace);
    grace_release(&grace);
    grace_close(&grace);
    ck_assert_int_eq(access(attribute, F_OK), -1);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("grace");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, grace_periods_are_expedited_until_the_last_job_is_over);
    tcase_add_test(tests, what_a_crash_left_on_is_put_back);
    tcase_add_test(tests, an_operator_who_wants_them_expedited_always_keeps_that);
    tcase_add_test(tests, a_kernel_without_the_attribute_is_no_error);
    return guest_test_main(tests, "guest_grace");
}
