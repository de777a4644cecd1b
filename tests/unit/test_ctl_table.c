/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/table.h"

#include <check.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t length;
static struct terminal terminal;

static void setup(void)
{
    ck_assert_ptr_nonnull(setlocale(LC_CTYPE, "C.UTF-8"));
    terminal = (struct terminal){ .file = open_memstream(&text, &length), .utf8 = true };
}

static void teardown(void)
{
    free(text);
}

static struct table *two_rows(void)
{
    static const struct table_column columns[] = {
        { "ID", TABLE_CUT },
        { "MEMORY", TABLE_RIGHT },
        { "COMMAND", TABLE_CUT },
    };
    struct table *table = table_new(columns, 3);

    table_cell(table, PAINT_NONE, "%s", "web");
    table_cell(table, PAINT_GOOD, "%s", "128 MiB");
    table_cell(table, PAINT_NONE, "%s", "/bin/sh -c 'while true; do true; done'");
    table_cell(table, PAINT_NONE, "%s", "database-1");
    table_cell(table, PAINT_BAD, "%s", "1 GiB");
    table_cell(table, PAINT_NONE, "%s", "");
    return table;
}

static void prints(struct table *table, const char *expected)
{
    ck_assert_int_eq(table_print(table, &terminal), 0);
    (void)fclose(terminal.file);
    ck_assert_str_eq(text, expected);
    table_free(table);
}

START_TEST(columns_are_aligned_and_lines_have_no_blanks_at_their_end)
{
    prints(two_rows(), "ID           MEMORY  COMMAND\n"
                       "web         128 MiB  /bin/sh -c 'while true; do true; done'\n"
                       "database-1    1 GiB  -\n");
}
END_TEST

START_TEST(on_a_terminal_the_last_wide_column_gives_way)
{
    terminal.width = 40;
    prints(two_rows(), "ID           MEMORY  COMMAND\n"
                       "web         128 MiB  /bin/sh -c 'while …\n"
                       "database-1    1 GiB  -\n");
}
END_TEST

START_TEST(no_column_shrinks_to_nothing)
{
    terminal.width = 20;
    prints(two_rows(), "ID         MEMORY  COMMAND\n"
                       "web       128 MiB  /bin/sh…\n"
                       "databas…    1 GiB  -\n");
}
END_TEST

static struct table *with_extras(void)
{
    static const struct table_column columns[] = {
        { "ID", TABLE_CUT },
        { "CPU", TABLE_RIGHT },
        { "READ", TABLE_RIGHT | TABLE_DROP },
        { "WRITTEN", TABLE_DROP },
    };
    struct table *table = table_new(columns, 4);

    table_cell(table, PAINT_NONE, "%s", "web");
    table_cell(table, PAINT_NONE, "%s", "1.5");
    table_cell(table, PAINT_NONE, "%s", "128 MiB");
    table_cell(table, PAINT_NONE, "%s", "4 KiB");
    return table;
}

START_TEST(what_matters_less_is_left_out_where_it_does_not_fit)
{
    terminal.width = 20;
    prints(with_extras(), "ID   CPU     READ\n"
                          "web  1.5  128 MiB\n");
}
END_TEST

START_TEST(where_there_is_room_nothing_is_left_out)
{
    terminal.width = 26;
    prints(with_extras(), "ID   CPU     READ  WRITTEN\n"
                          "web  1.5  128 MiB  4 KiB\n");
}
END_TEST

START_TEST(paint_does_not_disturb_alignment)
{
    terminal.colour = true;
    prints(two_rows(), "\033[1mID\033[0m           \033[1mMEMORY\033[0m  \033[1mCOMMAND\033[0m\n"
                       "web         \033[32m128 MiB\033[0m  /bin/sh -c 'while true; do true; done'\n"
                       "database-1    \033[1;31m1 GiB\033[0m  -\n");
}
END_TEST

START_TEST(a_cell_cannot_break_out_of_its_table)
{
    static const struct table_column columns[] = { { "NAME", 0 }, { "STATE", 0 } };
    struct table *table = table_new(columns, 2);

    table_cell(table, PAINT_NONE, "%s", "a\033[2J\nevil  running");
    table_cell(table, PAINT_NONE, "%s", "done");
    prints(table, "NAME                     STATE\n"
                  "a\\x1b[2J\\nevil  running  done\n");
}
END_TEST

START_TEST(wide_characters_are_measured_by_columns)
{
    static const struct table_column columns[] = { { "A", 0 }, { "B", 0 } };
    struct table *table = table_new(columns, 2);

    table_cell(table, PAINT_NONE, "%s", "容器");
    table_cell(table, PAINT_NONE, "%s", "x");
    table_cell(table, PAINT_NONE, "%s", "abcd");
    table_cell(table, PAINT_NONE, "%s", "y");
    prints(table, "A     B\n"
                  "容器  x\n"
                  "abcd  y\n");
}
END_TEST

START_TEST(a_table_without_rows_is_its_titles)
{
    static const struct table_column columns[] = { { "A", 0 }, { "B", 0 } };

    prints(table_new(columns, 2), "A  B\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/table");
    TCase *tcase = tcase_create("table");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, columns_are_aligned_and_lines_have_no_blanks_at_their_end);
    tcase_add_test(tcase, on_a_terminal_the_last_wide_column_gives_way);
    tcase_add_test(tcase, no_column_shrinks_to_nothing);
    tcase_add_test(tcase, what_matters_less_is_left_out_where_it_does_not_fit);
    tcase_add_test(tcase, where_there_is_room_nothing_is_left_out);
    tcase_add_test(tcase, paint_does_not_disturb_alignment);
    tcase_add_test(tcase, a_cell_cannot_break_out_of_its_table);
    tcase_add_test(tcase, wide_characters_are_measured_by_columns);
    tcase_add_test(tcase, a_table_without_rows_is_its_titles);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
