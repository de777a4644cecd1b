/* SPDX-License-Identifier: Apache-2.0 */

/* The tables of the program against what is written and printed about them. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/exit.h"
#include "agent/ctl/help.h"
#include "agent/ctl/verb.h"

/* The man page without font changes and escaped dashes. */
static char manual[65536];

static void setup(void)
{
    FILE *file = fopen(MANUAL, "re");
    size_t used = 0;
    int c;

    ck_assert_ptr_nonnull(file);
    while ((c = fgetc(file)) != EOF) {
        ck_assert_uint_lt(used, sizeof(manual) - 1);
        if (c != '\\') {
            manual[used++] = (char)c;
            continue;
        }
        c = fgetc(file);
        if (c == 'f')
            (void)fgetc(file);
        else
            manual[used++] = (char)c;
    }
    (void)fclose(file);
}

/* The part of the man page about a verb. */
static void find_section(const struct verb *verb, const char **ret_start, const char **ret_end)
{
    char head[64];
    const char *start = NULL;

    for (const char *format = "\n.TP\n%s \0\n.TP\n%s\n\0\n.TP\n.B %s\n\0"; *format && !start;
         format += strlen(format) + 1) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        (void)snprintf(head, sizeof(head), format, verb->name);
#pragma GCC diagnostic pop
        start = strstr(manual, head);
    }
    ck_assert_msg(start != NULL, "the man page does not describe %s", verb->name);
    *ret_start = start;
    *ret_end = strstr(start + 5, "\n.SH");
}

static void describes(const struct option_row *rows, const char *start, const char *end, const char *name)
{
    for (; rows && rows->name; rows++) {
        char spelling[64];
        const char *at;

        (void)snprintf(spelling, sizeof(spelling), "--%s", rows->name);
        at = strstr(start, spelling);
        ck_assert_msg(at && at < end, "the man page does not describe --%s of %s", rows->name, name);
        if (!rows->letter)
            continue;
        (void)snprintf(spelling, sizeof(spelling), "-%c, --%s", rows->letter, rows->name);
        at = strstr(start, spelling);
        ck_assert_msg(at && at < end, "the man page does not say that --%s of %s is -%c", rows->name, name,
                      rows->letter);
    }
}

START_TEST(the_man_page_describes_every_verb_and_option)
{
    const char *start, *end;

    for (const struct verb *const *verb = verbs; *verb; verb++) {
        find_section(*verb, &start, &end);
        describes((*verb)->options, start, end, (*verb)->name);
    }
    start = strstr(manual, ".SH OPTIONS");
    describes(common_options, start, strstr(start, "\n.SH EXIT"), "every verb");
}
END_TEST

START_TEST(the_man_page_describes_every_exit_status)
{
    const char *start = strstr(manual, ".SH EXIT STATUS");

    for (int code = 0; exit_text(code); code++) {
        char item[32];

        (void)snprintf(item, sizeof(item), ".TP\n.B %d\n", code);
        ck_assert_msg(strstr(start, item) != NULL, "exit status %d is not described", code);
    }
}
END_TEST

START_TEST(no_two_options_of_a_verb_share_a_name_or_letter)
{
    for (const struct verb *const *verb = verbs; *verb; verb++)
        for (const struct option_row *a = (*verb)->options; a && a->name; a++) {
            for (const struct option_row *b = (*verb)->options; b < a; b++)
                ck_assert_msg(strcmp(a->name, b->name) != 0 && (!a->letter || a->letter != b->letter),
                              "--%s and --%s of %s clash", a->name, b->name, (*verb)->name);
            for (const struct option_row *b = common_options; b->name; b++)
                ck_assert_msg(strcmp(a->name, b->name) != 0 && (!a->letter || a->letter != b->letter),
                              "--%s of %s hides a common option", a->name, (*verb)->name);
        }
}
END_TEST

START_TEST(general_help_names_every_verb_and_every_exit_status)
{
    char *text;
    size_t length;
    FILE *file = open_memstream(&text, &length);

    help_print(file);
    (void)fclose(file);
    for (const struct verb *const *verb = verbs; *verb; verb++)
        ck_assert_ptr_nonnull(strstr(text, (*verb)->summary));
    for (int code = 0; exit_text(code); code++)
        ck_assert_ptr_nonnull(strstr(text, exit_text(code)));
    free(text);
}
END_TEST

START_TEST(completion_knows_every_verb_and_option)
{
    char *text;
    size_t length;
    FILE *file = open_memstream(&text, &length);

    help_print_completion(file);
    (void)fclose(file);
    for (const struct verb *const *verb = verbs; *verb; verb++) {
        ck_assert_ptr_nonnull(strstr(text, (*verb)->name));
        for (const struct option_row *row = (*verb)->options; row && row->name; row++)
            ck_assert_ptr_nonnull(strstr(text, row->name));
    }
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/manual");
    TCase *tcase = tcase_create("manual");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, NULL);
    tcase_add_test(tcase, the_man_page_describes_every_verb_and_option);
    tcase_add_test(tcase, the_man_page_describes_every_exit_status);
    tcase_add_test(tcase, no_two_options_of_a_verb_share_a_name_or_letter);
    tcase_add_test(tcase, general_help_names_every_verb_and_every_exit_status);
    tcase_add_test(tcase, completion_knows_every_verb_and_option);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
