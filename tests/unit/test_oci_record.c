/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/oci/record.h"
#include "proto/cleanup.h"

static char folder[64], root[80];
static struct oci oci;

static void set_up(void)
{
    (void)snprintf(folder, sizeof(folder), "/tmp/czone-oci-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(root, sizeof(root), "%s/records", folder);
    oci = (struct oci){ .root = root };
}

static void tear_down(void)
{
    (void)rmdir(root);
    ck_assert_int_eq(rmdir(folder), 0);
}

static json_t *a_record(void)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:i}", "ociVersion", "1.0.2", "container", "web", "key", "k",
                     "bundle", "/b", "pid", 7);
}

START_TEST(a_record_is_read_as_it_was_written_until_it_is_removed)
{
    CLEANUP_JSON json_t *record = a_record(), *read = NULL;
    CLEANUP_FD int claim = -EBADF;

    ck_assert_int_eq(record_read(&oci, "web", &read), -ENOENT);
    ck_assert_int_eq(record_claim(&oci, "web", &claim), 0);
    ck_assert_int_eq(record_read(&oci, "web", &read), -ENOENT);
    ck_assert_int_eq(record_write(&oci, "web", record), 0);
    ck_assert_int_eq(record_read(&oci, "web", &read), 0);
    ck_assert(json_equal(read, record));
    ck_assert_int_eq(record_remove(&oci, "web"), 0);
}
END_TEST

START_TEST(an_id_is_taken_as_long_as_its_claim_is_open)
{
    CLEANUP_FD int claim = -EBADF;
    int other = -EBADF;

    ck_assert_int_eq(record_claim(&oci, "web", &claim), 0);
    ck_assert_int_eq(record_claim(&oci, "web", &other), -EEXIST);
    (void)close(take_fd(&claim));
    ck_assert_int_eq(record_claim(&oci, "web", &claim), 0);
    ck_assert_int_eq(record_remove(&oci, "web"), 0);
}
END_TEST

START_TEST(a_record_is_forgotten_by_its_key_and_if_nobody_has_the_id)
{
    CLEANUP_JSON json_t *record = a_record(), *read = NULL, *gone = NULL;
    CLEANUP_JSON json_t *other = json_string("other");
    CLEANUP_FD int claim = -EBADF;

    ck_assert_int_eq(record_claim(&oci, "web", &claim), 0);
    ck_assert_int_eq(record_write(&oci, "web", record), 0);
    ck_assert_int_eq(record_forget(&oci, "web", json_object_get(record, "key")), 0);
    (void)close(take_fd(&claim));
    ck_assert_int_eq(record_forget(&oci, "web", other), 0);
    ck_assert_int_eq(record_forget(&oci, "web", NULL), 0);
    ck_assert_int_eq(record_read(&oci, "web", &read), 0);
    ck_assert_int_eq(record_forget(&oci, "web", json_object_get(record, "key")), 0);
    ck_assert_int_eq(record_read(&oci, "web", &gone), -ENOENT);
    ck_assert_int_eq(record_forget(&oci, "web", NULL), 0);
}
END_TEST

static const char *const bad_ids[] = { "", ".", "..", "a/b", "../x", "a b", "a\n", "\xc3\xa4" };

START_TEST(an_id_is_never_a_path)
{
    json_t *read = NULL;
    int claim;

    ck_assert_int_eq(record_claim(&oci, bad_ids[_i], &claim), -EINVAL);
    ck_assert_int_eq(record_read(&oci, bad_ids[_i], &read), -EINVAL);
    ck_assert_int_eq(record_remove(&oci, bad_ids[_i]), -EINVAL);
}
END_TEST

static const char *const broken[] = {
    "", "{", "[]", "{}",
    "{\"ociVersion\": \"1\", \"container\": 1, \"key\": \"k\", \"bundle\": \"b\", \"pid\": 1}"
};

START_TEST(a_record_that_is_none_is_refused)
{
    CLEANUP_FD int claim = -EBADF;
    json_t *read = NULL;
    char path[128];
    FILE *file;

    ck_assert_int_eq(record_claim(&oci, "web", &claim), 0);
    (void)snprintf(path, sizeof(path), "%s/web/state.json", root);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    (void)fputs(broken[_i], file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(record_read(&oci, "web", &read), -EBADMSG);
    ck_assert_int_eq(record_remove(&oci, "web"), 0);
}
END_TEST

START_TEST(every_id_has_a_container_of_its_own_that_czoned_can_have)
{
    char container[RECORD_CONTAINER_SIZE], other[RECORD_CONTAINER_SIZE];
    char id[65];

    record_container("web", container);
    ck_assert_str_eq(container, "web");
    memset(id, 'a', 64);
    id[64] = '\0';
    record_container(id, container);
    ck_assert_uint_lt(strlen(container), RECORD_CONTAINER_SIZE);
    id[63] = 'b';
    record_container(id, other);
    ck_assert_str_ne(container, other);
    record_container("a+b", container);
    ck_assert_ptr_null(strchr(container, '+'));
    record_container("-x", container);
    ck_assert_int_ne(container[0], '-');
    record_container(".x", other);
    ck_assert_str_ne(container, other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oci/record");
    TCase *tests = tcase_create("record");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_record_is_read_as_it_was_written_until_it_is_removed);
    tcase_add_test(tests, an_id_is_taken_as_long_as_its_claim_is_open);
    tcase_add_test(tests, a_record_is_forgotten_by_its_key_and_if_nobody_has_the_id);
    tcase_add_loop_test(tests, an_id_is_never_a_path, 0, (int)(sizeof(bad_ids) / sizeof(bad_ids[0])));
    tcase_add_loop_test(tests, a_record_that_is_none_is_refused, 0,
                        (int)(sizeof(broken) / sizeof(broken[0])));
    tcase_add_test(tests, every_id_has_a_container_of_its_own_that_czoned_can_have);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
