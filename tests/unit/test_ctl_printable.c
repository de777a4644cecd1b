/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/printable.h"

#include <check.h>
#include <locale.h>
#include <stdlib.h>

static void setup(void)
{
    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
}

static void shows(const char *text, bool utf8, const char *expected)
{
    char *copy = printable_copy(text, utf8);

    ck_assert_str_eq(copy, expected);
    free(copy);
}

static void cuts(const char *text, unsigned int width, bool utf8, const char *expected)
{
    char *cut = printable_cut(text, width, utf8);

    ck_assert_str_eq(cut, expected);
    free(cut);
}

START_TEST(plain_text_stays_as_it_is)
{
    shows("web-1 /bin/sh -c 'a b'", true, "web-1 /bin/sh -c 'a b'");
    shows("größer 容器", true, "größer 容器");
}
END_TEST

START_TEST(control_characters_cannot_reach_the_terminal)
{
    shows("a\033]0;title\a\n\r\tb\x7f", true, "a\\x1b]0;title\\x07\\n\\r\\tb\\x7f");
    shows("\xc2\x9b"
          "31m",
          true, "\\u{9b}31m");
}
END_TEST

START_TEST(an_escape_cannot_be_forged)
{
    shows("\\x1b", true, "\\\\x1b");
}
END_TEST

START_TEST(text_that_turns_direction_or_is_invisible_is_shown_as_such)
{
    shows("a\xe2\x80\xae"
          "b",
          true, "a\\u{202e}b");
    shows("we\xe2\x80\x8b"
          "b",
          true, "we\\u{200b}b");
    shows("\xf3\xa0\x81\x81", true, "\\u{e0041}");
}
END_TEST

START_TEST(bytes_that_are_not_utf8_are_escaped)
{
    shows("a\xff\xc0\x80\xed\xa0\x80", true, "a\\xff\\xc0\\x80\\xed\\xa0\\x80");
}
END_TEST

START_TEST(without_utf8_everything_is_ascii)
{
    shows("größer", false, "gr\\u{f6}\\u{df}er");
    shows("\U0010ffff", false, "\\u{10ffff}");
}
END_TEST

START_TEST(width_is_what_the_terminal_shows)
{
    ck_assert_uint_eq(printable_width("größer"), 6);
    ck_assert_uint_eq(printable_width("容器"), 4);
    ck_assert_uint_eq(printable_width("\\x1b"), 4);
}
END_TEST

START_TEST(what_is_too_wide_is_cut_with_a_mark)
{
    cuts("abc", 3, true, "abc");
    cuts("abcd", 3, true, "ab…");
    cuts("abcdef", 5, false, "ab...");
    cuts("容器容器", 5, true, "容器…");
    cuts("abcd", 0, true, "");
}
END_TEST

START_TEST(an_escape_is_not_cut_in_half)
{
    cuts("a\\x1bcdef", 5, true, "a…");
    cuts("a\\x1bcdef", 6, true, "a\\x1b…");
    cuts("\\u{202e}zzz", 9, true, "\\u{202e}…");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/printable");
    TCase *tcase = tcase_create("printable");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, plain_text_stays_as_it_is);
    tcase_add_test(tcase, control_characters_cannot_reach_the_terminal);
    tcase_add_test(tcase, an_escape_cannot_be_forged);
    tcase_add_test(tcase, text_that_turns_direction_or_is_invisible_is_shown_as_such);
    tcase_add_test(tcase, bytes_that_are_not_utf8_are_escaped);
    tcase_add_test(tcase, without_utf8_everything_is_ascii);
    tcase_add_test(tcase, width_is_what_the_terminal_shows);
    tcase_add_test(tcase, what_is_too_wide_is_cut_with_a_mark);
    tcase_add_test(tcase, an_escape_is_not_cut_in_half);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
