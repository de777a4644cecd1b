/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guest/journal.h"
#include "agent/guest/run_dir.h"
#include "tests/unit/guest_test.h"

static char root[64];
static int root_fd;

static void set_up(void)
{
    (void)snprintf(root, sizeof(root), "/tmp/czone-run-dir-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    ck_assert_int_eq(run_dir_open(AT_FDCWD, root, &root_fd), 0);
}

static void tear_down(void)
{
    (void)close(root_fd);
    ck_assert_int_eq(run_dir_remove(AT_FDCWD, root), 0);
}

static void write_file(const char *name, const char *text)
{
    int fd = openat(root_fd, name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    (void)close(fd);
}

START_TEST(a_value_is_replaced_as_a_whole_and_read_back)
{
    json_t *value = json_pack("{s:i}", "n", 1), *read = NULL;

    ck_assert_int_eq(run_dir_write(root_fd, "state", value), 0);
    ck_assert_int_eq(json_object_set_new(value, "n", json_integer(2)), 0);
    ck_assert_int_eq(run_dir_write(root_fd, "state", value), 0);
    ck_assert_int_eq(run_dir_read(root_fd, "state", &read), 0);
    ck_assert(json_equal(read, value));
    json_decref(read);
    json_decref(value);
}
END_TEST

START_TEST(what_is_no_json_is_told_from_what_is_not_there)
{
    json_t *read = NULL;

    ck_assert_int_eq(run_dir_read(root_fd, "state", &read), -ENOENT);
    write_file("state", "{\"n\": ");
    ck_assert_int_eq(run_dir_read(root_fd, "state", &read), -EBADMSG);
    ck_assert_ptr_null(read);
}
END_TEST

START_TEST(a_directory_goes_with_all_that_is_in_it_and_no_link_is_followed)
{
    struct stat st;
    int a, b;

    write_file("outside", "kept");
    ck_assert_int_eq(run_dir_make(root_fd, "a", &a), 0);
    ck_assert_int_eq(run_dir_make(a, "b", &b), 0);
    ck_assert_int_eq(symlinkat("../../outside", b, "link"), 0);
    ck_assert_int_eq(symlinkat(root, a, "up"), 0);
    ck_assert_int_eq(run_dir_make(root_fd, "a", &a), -EEXIST);
    ck_assert_int_eq(run_dir_remove(root_fd, "a"), 0);
    ck_assert_int_eq(fstatat(root_fd, "a", &st, 0), -1);
    ck_assert_int_eq(fstatat(root_fd, "outside", &st, 0), 0);
    ck_assert_int_eq(run_dir_remove(root_fd, "a"), 0);
    (void)close(a);
    (void)close(b);
}
END_TEST

static void count(void *data, json_t *entry)
{
    json_int_t *sum = data;

    *sum = *sum * 10 + json_integer_value(json_object_get(entry, "n"));
}

static json_int_t read_all(struct journal *journal)
{
    json_int_t sum = 0;

    ck_assert_int_eq(journal_each(journal, count, &sum), 0);
    return sum;
}

START_TEST(a_journal_is_read_back_in_its_order)
{
    struct journal journal = JOURNAL_INIT;

    ck_assert_int_eq(journal_open(&journal, root, "journal"), 0);
    for (int i = 1; i <= 3; i++)
        ck_assert_int_eq(journal_append(&journal, json_pack("{s:i}", "n", i)), 0);
    journal_close(&journal);
    ck_assert_int_eq(journal_open(&journal, root, "journal"), 0);
    ck_assert_int_eq(read_all(&journal), 123);
    journal_close(&journal);
}
END_TEST

START_TEST(a_line_that_a_crash_has_cut_costs_only_itself)
{
    struct journal journal = JOURNAL_INIT;

    write_file("journal", "{\"n\": 1}\n{\"n\": 2");
    ck_assert_int_eq(journal_open(&journal, root, "journal"), 0);
    ck_assert_int_eq(journal_append(&journal, json_pack("{s:i}", "n", 3)), 0);
    ck_assert_int_eq(read_all(&journal), 13);
    journal_close(&journal);
}
END_TEST

START_TEST(a_journal_that_is_replaced_goes_on_behind_its_new_entries)
{
    struct journal journal = JOURNAL_INIT;

    ck_assert_int_eq(journal_open(&journal, root, "journal"), 0);
    for (int i = 1; i <= 9; i++)
        ck_assert_int_eq(journal_append(&journal, json_pack("{s:i}", "n", i)), 0);
    ck_assert_int_eq(journal_replace(&journal, json_pack("[{s:i}, {s:i}]", "n", 8, "n", 9)), 0);
    ck_assert_int_eq(journal_append(&journal, json_pack("{s:i}", "n", 1)), 0);
    ck_assert_int_eq(read_all(&journal), 891);
    journal_close(&journal);
}
END_TEST

START_TEST(a_journal_that_is_not_open_takes_nothing)
{
    struct journal journal = JOURNAL_INIT;

    ck_assert_int_eq(journal_append(&journal, json_object()), -EBADF);
    ck_assert_int_eq(journal_replace(&journal, json_array()), -EBADF);
    journal_close(&journal);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("run_dir");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_value_is_replaced_as_a_whole_and_read_back);
    tcase_add_test(tests, what_is_no_json_is_told_from_what_is_not_there);
    tcase_add_test(tests, a_directory_goes_with_all_that_is_in_it_and_no_link_is_followed);
    tcase_add_test(tests, a_journal_is_read_back_in_its_order);
    tcase_add_test(tests, a_line_that_a_crash_has_cut_costs_only_itself);
    tcase_add_test(tests, a_journal_that_is_replaced_goes_on_behind_its_new_entries);
    tcase_add_test(tests, a_journal_that_is_not_open_takes_nothing);
    return guest_test_main(tests, "guest_run_dir");
}
