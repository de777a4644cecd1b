/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/text.h"

static json_t *value;
static struct reason reason;

static void teardown(void)
{
    json_decref(value);
    value = NULL;
}

static int parse(const char *text)
{
    return varlink_text_parse(text, strlen(text), &value, &reason);
}

START_TEST(an_object_is_parsed)
{
    ck_assert_int_eq(parse(" {\"a\" : [1, true, null, \"x\"]}\n"), 0);
    ck_assert_uint_eq(json_array_size(json_object_get(value, "a")), 4);
}
END_TEST

static const char *const not_messages[] = {
    "",
    " ",
    "null",
    "[]",
    "\"text\"",
    "1",
    "{",
    "}",
    "{]",
    "{}{}",
    "{} x",
    "{'a':1}",
    "{a:1}",
    "{\"a\":1,}",
    "{\"a\":01}",
    "{\"a\":NaN}",
    "{\"a\":Infinity}",
    "{\"a\":\"\n\"}",
    "{\"a\":\"\\ud800\"}",
    "{\"a\":\"\\",
    "{\"a\":1,\"a\":2}",
    "{\"a\":1,\"\\u0061\":2}",
    "{\"\\u0000\":1}",
    /* a number that JSON does not know stays an error, however long */
    "{\"a\":0123456789012345678901234567890}",
    "{\"a\":x99999999999999999999}",
    "{\"a\":+99999999999999999999}",
    "{\"a\":--99999999999999999999}",
};

START_TEST(what_is_no_json_object_is_refused)
{
    ck_assert_int_eq(parse(not_messages[_i]), -EBADMSG);
    ck_assert_str_ne(reason.text, "");
}
END_TEST

static const char *const not_utf8[] = {
    "{\"a\":\"\xff\"}",
    "{\"a\":\"\xc0\x80\"}",         /* overlong NUL */
    "{\"a\":\"\xe0\x80\xaf\"}",     /* overlong slash */
    "{\"a\":\"\xed\xa0\x80\"}",     /* surrogate */
    "{\"a\":\"\xf4\x90\x80\x80\"}", /* beyond U+10FFFF */
    "{\"a\":\"\x80\"}",
    "{\"a\":\"\xc3",
    "\xef\xbb", /* half a byte order mark */
};

START_TEST(what_is_no_utf8_is_refused)
{
    ck_assert_int_eq(parse(not_utf8[_i]), -EILSEQ);
    ck_assert_ptr_nonnull(strstr(reason.text, "not UTF-8"));
}
END_TEST

START_TEST(a_nul_inside_is_refused)
{
    ck_assert_int_eq(varlink_text_parse("{\"a\":\"x\0y\"}", 11, &value, &reason), -EILSEQ);
    ck_assert_int_eq(varlink_text_parse("{}\0", 3, &value, &reason), -EILSEQ);
}
END_TEST

/* `{"a":` once, then arrays. */
static int parse_nested(size_t depth)
{
    char text[128] = "{\"a\":";
    size_t at = strlen(text);

    memset(text + at, '[', depth - 1);
    memset(text + at + depth - 1, ']', depth - 1);
    (void)stpcpy(text + at + 2 * (depth - 1), "}");
    return parse(text);
}

START_TEST(nesting_ends_at_its_limit)
{
    ck_assert_int_eq(parse_nested(VARLINK_DEPTH_MAX), 0);
    json_decref(value);
    value = NULL;
    ck_assert_int_eq(parse_nested(VARLINK_DEPTH_MAX + 1), -E2BIG);
    ck_assert_ptr_nonnull(strstr(reason.text, "nests deeper"));
}
END_TEST

START_TEST(brackets_in_strings_are_no_nesting)
{
    ck_assert_int_eq(parse("{\"a\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\":\"{{{{{{{{{{{{{{{{{{{{{{{{{{{{"
                           "{{{{{{{\\\\\"}"),
                     0);
}
END_TEST

START_TEST(the_number_of_values_ends_at_its_limit)
{
    size_t n = VARLINK_VALUES_MAX + 10;
    char *text = malloc(3 * n + 16);
    char *at = stpcpy(text, "{\"a\":[0");

    while (n-- > 0)
        at = stpcpy(at, ",{}");
    (void)stpcpy(at, "]}");
    ck_assert_int_eq(parse(text), -E2BIG);
    ck_assert_ptr_nonnull(strstr(reason.text, "values"));
    free(text);
}
END_TEST

static const char *const huge_integers[] = {
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "1180591620717411303424",
    "99999999999999999999999999999999999999999999999999",
};

START_TEST(an_integer_beyond_int64_becomes_a_real_that_no_field_takes)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "{\"s\":\"%s\",\"a\":%s,\"b\":[1,%s],\"c\":7}", huge_integers[_i],
                   huge_integers[_i], huge_integers[_i]);
    ck_assert_int_eq(parse(text), 0);
    ck_assert(json_is_real(json_object_get(value, "a")));
    ck_assert(json_is_real(json_array_get(json_object_get(value, "b"), 1)));
    ck_assert_str_eq(json_string_value(json_object_get(value, "s")), huge_integers[_i]);
    ck_assert_int_eq(json_integer_value(json_object_get(value, "c")), 7);
}
END_TEST

START_TEST(the_ends_of_int64_are_exact)
{
    ck_assert_int_eq(parse("{\"a\":9223372036854775807,\"b\":-9223372036854775808}"), 0);
    ck_assert(json_integer_value(json_object_get(value, "a")) == INT64_MAX);
    ck_assert(json_integer_value(json_object_get(value, "b")) == INT64_MIN);
}
END_TEST

START_TEST(an_escaped_nul_stays_inside_its_string)
{
    ck_assert_int_eq(parse("{\"a\":\"x\\u0000y\"}"), 0);
    ck_assert_uint_eq(json_string_length(json_object_get(value, "a")), 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/text");
    TCase *tcase = tcase_create("text");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, an_object_is_parsed);
    tcase_add_loop_test(tcase, what_is_no_json_object_is_refused, 0,
                        sizeof(not_messages) / sizeof(*not_messages));
    tcase_add_loop_test(tcase, what_is_no_utf8_is_refused, 0, sizeof(not_utf8) / sizeof(*not_utf8));
    tcase_add_test(tcase, a_nul_inside_is_refused);
    tcase_add_test(tcase, nesting_ends_at_its_limit);
    tcase_add_test(tcase, brackets_in_strings_are_no_nesting);
    tcase_add_test(tcase, the_number_of_values_ends_at_its_limit);
    tcase_add_loop_test(tcase, an_integer_beyond_int64_becomes_a_real_that_no_field_takes, 0,
                        sizeof(huge_integers) / sizeof(*huge_integers));
    tcase_add_test(tcase, the_ends_of_int64_are_exact);
    tcase_add_test(tcase, an_escaped_nul_stays_inside_its_string);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
