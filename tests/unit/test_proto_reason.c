/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/reason.h"
#include "proto/text.h"

START_TEST(a_reason_may_be_absent)
{
    ck_assert_int_eq(reason_fail(NULL, -EINVAL, "nobody %s", "listens"), -EINVAL);
}
END_TEST

START_TEST(what_could_move_a_cursor_is_replaced)
{
    struct reason reason;

    reason_set(&reason, "a%sb", "\x1b[2J\n\x7f");
    ck_assert_str_eq(reason.text, "a?[2J??b");
    reason_set(&reason, "C1 \xc2\x9b, bidi \xe2\x80\xae and \xe2\x81\xa6, line \xe2\x80\xa8");
    ck_assert_str_eq(reason.text, "C1 ?, bidi ? and ?, line ?");
}
END_TEST

START_TEST(text_that_is_not_utf8_becomes_utf8)
{
    struct reason reason;

    reason_set(&reason, "%s", "x\xff\xc3y\xc3\xa9");
    ck_assert_str_eq(reason.text, "x??y\xc3\xa9");
    reason_set(&reason, "%s", "ends \xe2\x82");
    ck_assert_str_eq(reason.text, "ends ??");
}
END_TEST

START_TEST(a_long_reason_is_cut_between_characters)
{
    struct reason reason;
    char text[1024];
    size_t length;

    for (size_t offset = 0; offset < 4; offset++) {
        memset(text, 'a', offset);
        for (size_t i = offset; i + 4 < sizeof(text); i += 4)
            memcpy(text + i, "\xf0\x9f\x98\x80", 5);
        reason_set(&reason, "%s", text);
        length = strlen(reason.text);
        ck_assert_uint_lt(length, sizeof(reason.text));
        ck_assert_uint_gt(length, sizeof(reason.text) - 5);
        ck_assert_ptr_null(strchr(reason.text, '?'));
        ck_assert_int_eq(varlink_text_check(reason.text, length, NULL), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/reason");
    TCase *tcase = tcase_create("reason");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, a_reason_may_be_absent);
    tcase_add_test(tcase, what_could_move_a_cursor_is_replaced);
    tcase_add_test(tcase, text_that_is_not_utf8_becomes_utf8);
    tcase_add_test(tcase, a_long_reason_is_cut_between_characters);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
