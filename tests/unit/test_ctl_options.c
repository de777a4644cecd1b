/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/options.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct target {
    bool flag, other;
    const char *text;
    int64_t number, size;
    json_t *list;
};

#define OF(member) offsetof(struct target, member)
static const struct option_row rows[] = {
    { "flag", 'f', OPTION_FLAG, OF(flag), NULL, "", 0, 0 },
    { "other", 'o', OPTION_FLAG, OF(other), NULL, "", 0, 0 },
    { "text", 't', OPTION_TEXT, OF(text), "TEXT", "", 0, 0 },
    { "number", 'n', OPTION_NUMBER, OF(number), "N", "", 1, 100 },
    { "size", 's', OPTION_SIZE, OF(size), "SIZE", "", 0, 0 },
    { "env", 'e', OPTION_LIST, OF(list), "NAME=VALUE", "", 0, 0 },
    { 0 },
};

static struct target target;
static char copy[256], *arguments[16];
static size_t n_arguments;
static struct reason reason;

static void setup(void)
{
    target = (struct target){ 0 };
}

static void teardown(void)
{
    options_free(rows, &target);
}

/* Parses words that are separated by blanks. */
static int parse(const char *line, bool stop)
{
    const struct option_table table = { rows, &target };
    char *words[16], *word, *rest = copy;
    size_t n = 0;
    int r;

    ck_assert_uint_lt(strlen(line), sizeof(copy));
    memcpy(copy, line, strlen(line) + 1);
    while ((word = strsep(&rest, " ")))
        words[n++] = word;
    r = options_parse(&table, 1, words, n, stop, &n_arguments, &reason);
    if (r == 0)
        memcpy(arguments, words, n_arguments * sizeof(*words));
    return r;
}

static void fails(const char *line, const char *because)
{
    ck_assert_int_eq(parse(line, false), -EINVAL);
    ck_assert_str_eq(reason.text, because);
}

START_TEST(options_are_read_in_every_spelling)
{
    ck_assert_int_eq(parse("--text a --number=7 -s 1G -fo", false), 0);
    ck_assert_uint_eq(n_arguments, 0);
    ck_assert_str_eq(target.text, "a");
    ck_assert_int_eq(target.number, 7);
    ck_assert_int_eq(target.size, INT64_C(1) << 30);
    ck_assert(target.flag && target.other);
}
END_TEST

START_TEST(a_letter_takes_the_rest_of_its_word_as_value)
{
    ck_assert_int_eq(parse("-fn42 -s128M", false), 0);
    ck_assert(target.flag);
    ck_assert_int_eq(target.number, 42);
    ck_assert_int_eq(target.size, INT64_C(128) << 20);
}
END_TEST

START_TEST(a_value_may_look_like_an_option_and_be_empty)
{
    ck_assert_int_eq(parse("--text --flag", false), 0);
    ck_assert_str_eq(target.text, "--flag");
    ck_assert(!target.flag);
    teardown();
    ck_assert_int_eq(parse("--text=", false), 0);
    ck_assert_str_eq(target.text, "");
}
END_TEST

START_TEST(arguments_may_stand_between_options)
{
    ck_assert_int_eq(parse("one --flag two - -n 3", false), 0);
    ck_assert_uint_eq(n_arguments, 3);
    ck_assert_str_eq(arguments[0], "one");
    ck_assert_str_eq(arguments[1], "two");
    ck_assert_str_eq(arguments[2], "-");
    ck_assert(target.flag);
    ck_assert_int_eq(target.number, 3);
}
END_TEST

START_TEST(two_dashes_end_options)
{
    ck_assert_int_eq(parse("--flag -- --other -- x", false), 0);
    ck_assert_uint_eq(n_arguments, 3);
    ck_assert_str_eq(arguments[0], "--other");
    ck_assert_str_eq(arguments[1], "--");
    ck_assert(target.flag && !target.other);
}
END_TEST

START_TEST(a_command_keeps_its_own_options)
{
    ck_assert_int_eq(parse("-f ls --other -n 5 -- x", true), 0);
    ck_assert_uint_eq(n_arguments, 6);
    ck_assert_str_eq(arguments[1], "--other");
    ck_assert_str_eq(arguments[4], "--");
    ck_assert(target.flag && !target.other);
    ck_assert_int_eq(target.number, 0);
}
END_TEST

START_TEST(a_list_collects_each_use)
{
    ck_assert_int_eq(parse("-e A=1 --env B=2 -eC=3", false), 0);
    ck_assert_uint_eq(json_array_size(target.list), 3);
    ck_assert_str_eq(json_string_value(json_array_get(target.list, 2)), "C=3");
}
END_TEST

START_TEST(errors_say_what_was_expected)
{
    fails("--nope", "there is no option --nope");
    fails("-x", "there is no option -x");
    fails("--flag=yes", "--flag takes no value");
    fails("--text", "--text needs a value: TEXT");
    fails("-n", "-n needs a value: N");
    fails("--number 0", "--number takes a whole number from 1 to 100, not '0'");
    fails("--number 101", "--number takes a whole number from 1 to 100, not '101'");
    fails("--number 5x", "--number takes a whole number from 1 to 100, not '5x'");
    fails("--number=", "--number takes a whole number from 1 to 100, not ''");
    fails("-s 1MB", "-s takes a size such as 128M, 1G or 134217728 (units are powers of 1024), not '1MB'");
    fails("-s 0", "-s must be more than 0");
    fails("-s 99999999T", "-s: '99999999T' is more than any machine has");
}
END_TEST

START_TEST(a_name_is_never_completed)
{
    fails("--num 5", "there is no option --num");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/options");
    TCase *tcase = tcase_create("options");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, options_are_read_in_every_spelling);
    tcase_add_test(tcase, a_letter_takes_the_rest_of_its_word_as_value);
    tcase_add_test(tcase, a_value_may_look_like_an_option_and_be_empty);
    tcase_add_test(tcase, arguments_may_stand_between_options);
    tcase_add_test(tcase, two_dashes_end_options);
    tcase_add_test(tcase, a_command_keeps_its_own_options);
    tcase_add_test(tcase, a_list_collects_each_use);
    tcase_add_test(tcase, errors_say_what_was_expected);
    tcase_add_test(tcase, a_name_is_never_completed);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
