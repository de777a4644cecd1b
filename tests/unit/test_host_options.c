/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/host/options.h"
#include "proto/fields.h"

START_TEST(rates_are_per_second)
{
    uint64_t rate;

    ck_assert_int_eq(option_rate("20", &rate), 0);
    ck_assert_uint_eq(rate, 20);
    ck_assert_int_eq(option_rate("7/s", &rate), 0);
    ck_assert_uint_eq(rate, 7);
    ck_assert_int_eq(option_rate("0", &rate), 0);
    ck_assert_int_eq(option_rate("7/m", &rate), -EINVAL);
    ck_assert_int_eq(option_rate("", &rate), -EINVAL);
    ck_assert_int_eq(option_rate("99999999999", &rate), -EINVAL);
}
END_TEST

/* Words between blanks; '' is an empty one. The buffer is the caller's: options borrow from it. */
static enum options_result parse(const char *line, char buffer[512], struct options *options)
{
    char *argv[32], *rest, *word;
    int argc = 0;

    ck_assert_int_lt(snprintf(buffer, 512, "czone-hostd %s", line), 512);
    for (word = strtok_r(buffer, " ", &rest); word && argc < 31; word = strtok_r(NULL, " ", &rest)) {
        if (strcmp(word, "''") == 0)
            *word = '\0';
        argv[argc++] = word;
    }
    argv[argc] = NULL;
    optind = 0; /* getopt(3): GNU's way to begin anew */
    return options_parse(argc, argv, options);
}

START_TEST(a_full_command_line_is_read)
{
    struct options options;
    char buffer[512];

    ck_assert_int_eq(parse("--vm vsock:4 --qmp /run/q --max-zone 1G --max-total 8G --rate 5/s --tier fast=1"
                           " --tier slow=2-3 --dimm-nodes 4,5 --stall-timeout 3 --json-log",
                           buffer, &options),
                     OPTIONS_RUN);
    ck_assert_int_eq(options.host.vm.type, ADDRESS_VSOCK);
    ck_assert_uint_eq(options.host.vm.cid, 4);
    ck_assert_str_eq(options.qemu.qmp_path, "/run/q");
    ck_assert_uint_eq(options.host.zone_max, UINT64_C(1) << 30);
    ck_assert_uint_eq(options.host.total_max, UINT64_C(8) << 30);
    ck_assert_uint_eq(options.host.rate, 5);
    ck_assert_uint_eq(options.host.tiers.count, 2);
    ck_assert(nodes_has(&options.qemu.dimm_nodes, 5));
    ck_assert_uint_eq(options.qemu.stall_us, 3000000);
    ck_assert(options.json_log);
}
END_TEST

static const char *const wrong_lines[] = {
    "",
    "--vm vsock:4",
    "--qmp /run/q",
    "--vm nonsense --qmp /run/q",
    "--vm vsock:4 --qmp ''",
    "--vm vsock:4 --qmp /q extra",
    "--vm vsock:4 --qmp /q --stall-timeout 0",
    "--vm vsock:4 --qmp /q --tier any=1",
    "--vm vsock:4 --qmp /q --max-zone many",
    "--vm vsock:4 --qmp /q --max-zone 1GB",
    "--vm vsock:4 --qmp /q --max-total 8388608T",
    "--frobnicate",
};

START_TEST(what_is_missing_or_wrong_is_refused)
{
    struct options options;
    char buffer[512];

    ck_assert_int_eq(parse(wrong_lines[_i], buffer, &options), OPTIONS_WRONG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/options");
    TCase *tcase = tcase_create("options");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, rates_are_per_second);
    tcase_add_test(tcase, a_full_command_line_is_read);
    tcase_add_loop_test(tcase, what_is_missing_or_wrong_is_refused, 0, (int)ELEMENTS(wrong_lines));
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
