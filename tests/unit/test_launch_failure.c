/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/launch/failure.h"

static const struct {
    const char *dirty, *clean;
} texts[] = {
    { "plain text", "plain text" },
    { "tab\tnewline\nend", "tab?newline?end" },
    { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" },
    { "\xe2\x82\xac \xf0\x9f\x98\x80", "\xe2\x82\xac \xf0\x9f\x98\x80" },
    { "bad \xff byte", "bad ? byte" },
    { "overlong \xc0\xaf", "overlong ??" },
    { "surrogate \xed\xa0\x80", "surrogate ???" },
    { "too big \xf4\x90\x80\x80", "too big ????" },
    { "cut \xe2\x82", "cut " },
    { "delete \x7f", "delete ?" },
};

START_TEST(text_becomes_one_line_of_utf8)
{
    char text[64];

    (void)snprintf(text, sizeof(text), "%s", texts[_i].dirty);
    launch_text_clean(text);
    ck_assert_str_eq(text, texts[_i].clean);
}
END_TEST

START_TEST(a_message_that_is_too_long_is_cut_between_characters)
{
    struct launch_failure failure;
    char name[1024];

    memset(name, 0, sizeof(name));
    for (int i = 0; i < 1000; i += 2) {
        name[i] = '\xc3'; /* u with two dots */
        name[i + 1] = '\xbc';
    }
    ck_assert_int_eq(
        launch_failure_set(&failure, LAUNCH_NO_ROOT, LAUNCH_STAGE_ROOT, -ENOENT, "root", "%s", name),
        -ENOENT);
    ck_assert_uint_le(strlen(failure.message), sizeof(failure.message) - 1);
    ck_assert_uint_eq(strlen(failure.message) % 2, 0);
}
END_TEST

START_TEST(every_stage_has_a_name)
{
    for (int stage = LAUNCH_STAGE_NONE; stage <= LAUNCH_STAGE_EXEC; stage++)
        ck_assert_str_ne(launch_stage_name((enum launch_stage)stage), "unknown");
    ck_assert_str_eq(launch_stage_name((enum launch_stage)(LAUNCH_STAGE_EXEC + 1)), "unknown");
    ck_assert_str_eq(launch_stage_name((enum launch_stage) - 1), "unknown");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_failure");
    TCase *tests = tcase_create("failure");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, text_becomes_one_line_of_utf8, 0, sizeof(texts) / sizeof(texts[0]));
    tcase_add_test(tests, a_message_that_is_too_long_is_cut_between_characters);
    tcase_add_test(tests, every_stage_has_a_name);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
