/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/guest/options.h"
#include "tests/unit/guest_test.h"

static struct options options;

static int parse(char *first, char *second)
{
    char name[] = "czoned";
    char *argv[] = { name, first, second, NULL };
    int argc = 1;

    while (argv[argc] != NULL)
        argc++;
    optind = 0; /* getopt starts anew, getopt(3) */
    return options_parse(&options, argc, argv);
}

static void be_quiet(void)
{
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stderr));
    ck_assert_ptr_nonnull(freopen("/dev/null", "w", stdout));
}

START_TEST(without_options_the_documented_defaults_stand)
{
    ck_assert_int_eq(parse(NULL, NULL), 1);
    ck_assert_uint_eq(options.n_listen, 0);
    ck_assert_uint_eq(options.max_containers, 256);
    ck_assert_uint_eq(options.default_pids, 4096);
    ck_assert_uint_eq(options.plug_timeout_ms, 30000);
    ck_assert_uint_eq(options.unplug_timeout_ms, 30000);
    ck_assert(!options.local_vsock);
}
END_TEST

START_TEST(addresses_and_seconds_are_read)
{
    char listen[] = "--listen=unix:/x", timeout[] = "--plug-timeout=7";

    ck_assert_int_eq(parse(listen, timeout), 1);
    ck_assert_uint_eq(options.n_listen, 1);
    ck_assert_str_eq(options.listen[0].path, "/x");
    ck_assert_uint_eq(options.plug_timeout_ms, 7000);
}
END_TEST

static char bad[][40] = {
    "--listen=nowhere",  "--plug-timeout=0",      "--plug-timeout=-1",
    "--plug-timeout=1x", "--plug-timeout=99999",  "--plug-timeout=",
    "--unknown",         "--max-containers=1000", "argument",
    "--default-pids= 5",
};

START_TEST(what_makes_no_sense_is_refused)
{
    ck_assert_int_eq(parse(bad[_i], NULL), -EINVAL);
}
END_TEST

START_TEST(help_and_version_end_it_with_success)
{
    char help[] = "--help", version[] = "--version";

    ck_assert_int_eq(parse(help, NULL), 0);
    ck_assert_int_eq(parse(version, NULL), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("options");

    tcase_add_checked_fixture(tests, be_quiet, NULL);
    tcase_add_test(tests, without_options_the_documented_defaults_stand);
    tcase_add_test(tests, addresses_and_seconds_are_read);
    tcase_add_loop_test(tests, what_makes_no_sense_is_refused, 0, (int)(sizeof(bad) / sizeof(*bad)));
    tcase_add_test(tests, help_and_version_end_it_with_success);
    return guest_test_main(tests, "guest_options");
}
