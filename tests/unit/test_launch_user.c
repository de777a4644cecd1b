/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/launch/user.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "short:x:7\n"
                             "octal:x:010:010::/:/bin/sh\n"
                             "negative:x:-1:5::/:/bin/sh\n"
                             "huge:x:4294967295:5::/:/bin/sh\n"
                             "long:x:8:8::/:/bin/sh:more\n"
                             "joe:x:1000:100:Joe:/home/joe:/bin/sh\n"
                             "relative:x:1001:100::home:/bin/sh\n"
                             "joe:x:0:0:a second joe:/root:/bin/sh\n"
                             "last:x:1002:1002::/home/last:/bin/sh";
static const char group[] =
    "root:x:0:\nwheel:x:10:joe,last\nbroken:x:abc:joe\nusers:x:100:joe\nadm:x:4:last,joe\n"
    "joel:x:11:joel\n";

static struct launch_user user;

static int parse(const char *spec)
{
    return launch_user_parse(spec, passwd, group, &user);
}

static const struct {
    const char *text;
    int result;
    uint32_t id;
} ids[] = {
    { "0", 0, 0 },
    { "1000", 0, 1000 },
    { "4294967294", 0, 4294967294U },
    { "4294967295", -ERANGE, 0 },
    { "4294967296", -ERANGE, 0 },
    { "99999999999999999999999999", -ERANGE, 0 },
    { "", -EINVAL, 0 },
    { "00", -EINVAL, 0 },
    { "01", -EINVAL, 0 },
    { "+1", -EINVAL, 0 },
    { "-1", -EINVAL, 0 },
    { " 1", -EINVAL, 0 },
    { "1 ", -EINVAL, 0 },
    { "0x1", -EINVAL, 0 },
    { "1e3", -EINVAL, 0 },
    { "1000\n", -EINVAL, 0 },
};

START_TEST(a_number_is_read_strictly)
{
    uint32_t id = 12345;

    ck_assert_int_eq(launch_id_parse(ids[_i].text, strlen(ids[_i].text), &id), ids[_i].result);
    ck_assert_uint_eq(id, ids[_i].result == 0 ? ids[_i].id : 12345);
}
END_TEST

START_TEST(a_name_brings_its_ids_home_and_groups)
{
    ck_assert_int_eq(parse("joe"), 0);
    ck_assert_uint_eq(user.uid, 1000);
    ck_assert_uint_eq(user.gid, 100);
    ck_assert_str_eq(user.home, "/home/joe");
    ck_assert_uint_eq(user.n_groups, 2);
    ck_assert_uint_eq(user.groups[0], 10);
    ck_assert_uint_eq(user.groups[1], 4);
}
END_TEST

START_TEST(a_listed_uid_is_like_its_name)
{
    ck_assert_int_eq(parse("1000"), 0);
    ck_assert_uint_eq(user.gid, 100);
    ck_assert_uint_eq(user.n_groups, 2);
    ck_assert_str_eq(user.home, "/home/joe");
}
END_TEST

START_TEST(an_unlisted_uid_gets_the_group_of_its_number_and_not_root)
{
    ck_assert_int_eq(parse("5000"), 0);
    ck_assert_uint_eq(user.uid, 5000);
    ck_assert_uint_eq(user.gid, 5000);
    ck_assert_uint_eq(user.n_groups, 0);
    ck_assert_str_eq(user.home, "/");
}
END_TEST

START_TEST(uid_and_gid_are_taken_as_given)
{
    ck_assert_int_eq(parse("1000:0"), 0);
    ck_assert_uint_eq(user.uid, 1000);
    ck_assert_uint_eq(user.gid, 0);
    ck_assert_uint_eq(user.n_groups, 0);
    ck_assert_str_eq(user.home, "/home/joe");
}
END_TEST

START_TEST(a_last_line_without_newline_counts)
{
    ck_assert_int_eq(parse("last"), 0);
    ck_assert_uint_eq(user.uid, 1002);
}
END_TEST

START_TEST(a_home_that_is_not_absolute_is_the_root)
{
    ck_assert_int_eq(parse("relative"), 0);
    ck_assert_str_eq(user.home, "/");
}
END_TEST

START_TEST(a_root_without_account_files_has_numbers_only)
{
    ck_assert_int_eq(launch_user_parse("0:0", NULL, NULL, &user), 0);
    ck_assert_uint_eq(user.uid, 0);
    ck_assert_int_eq(launch_user_parse("33", NULL, NULL, &user), 0);
    ck_assert_uint_eq(user.gid, 33);
    ck_assert_int_eq(launch_user_parse("root", NULL, NULL, &user), -ENOENT);
}
END_TEST

static const struct {
    const char *spec;
    int result;
} refused[] = {
    { "", -EINVAL },
    { ":", -EINVAL },
    { ":0", -EINVAL },
    { "0:", -EINVAL },
    { "0:0:0", -EINVAL },
    { "joe:users", -EINVAL },
    { "joe:100", -EINVAL },
    { "0x0", -EINVAL },
    { "+0", -EINVAL },
    { "-1", -EINVAL },
    { " 0", -EINVAL },
    { "0 ", -EINVAL },
    { "00", -EINVAL },
    { "0\n", -EINVAL },
    { "root\n", -EINVAL },
    { "4294967295", -ERANGE },
    { "0:4294967295", -ERANGE },
    { "nobody", -ENOENT },
    { "jo", -ENOENT },
    { "joel", -ENOENT },
    { "short", -ENOENT },
    { "octal", -ENOENT },
    { "negative", -ENOENT },
    { "huge", -ENOENT },
    { "long", -ENOENT },
    { "/etc", -EINVAL },
    { "1000abc", -EINVAL },
};

START_TEST(a_bad_user_is_refused)
{
    memset(&user, 0xaa, sizeof(user));
    ck_assert_int_eq(parse(refused[_i].spec), refused[_i].result);
    ck_assert_uint_eq(user.uid, 0xaaaaaaaa);
}
END_TEST

START_TEST(more_groups_than_fit_are_an_error)
{
    char *many = calloc(LAUNCH_GROUPS_MAX + 1, 32);
    char *p = many;

    ck_assert_ptr_nonnull(many);
    for (int i = 0; i <= LAUNCH_GROUPS_MAX; i++)
        p += sprintf(p, "g%d:x:%d:joe\n", i, 2000 + i);
    ck_assert_int_eq(launch_user_parse("joe", passwd, many, &user), -E2BIG);
    free(many);
}
END_TEST

START_TEST(groups_are_added_once_each_up_to_the_limit)
{
    gid_t more[LAUNCH_GROUPS_MAX];

    ck_assert_int_eq(parse("joe"), 0);
    ck_assert_int_eq(launch_user_add_groups(&user, (const gid_t[]){ 4, 5, 5 }, 3), 0);
    ck_assert_uint_eq(user.n_groups, 3);
    ck_assert_uint_eq(user.groups[2], 5);
    for (size_t i = 0; i < LAUNCH_GROUPS_MAX; i++)
        more[i] = (gid_t)(1000 + i);
    ck_assert_int_eq(launch_user_add_groups(&user, more, LAUNCH_GROUPS_MAX - 3), 0);
    ck_assert_int_eq(launch_user_add_groups(&user, more, LAUNCH_GROUPS_MAX - 3), 0);
    ck_assert_int_eq(launch_user_add_groups(&user, more, LAUNCH_GROUPS_MAX), -E2BIG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_user");
    TCase *tests = tcase_create("user");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_loop_test(tests, a_number_is_read_strictly, 0, sizeof(ids) / sizeof(ids[0]));
    tcase_add_test(tests, a_name_brings_its_ids_home_and_groups);
    tcase_add_test(tests, a_listed_uid_is_like_its_name);
    tcase_add_test(tests, an_unlisted_uid_gets_the_group_of_its_number_and_not_root);
    tcase_add_test(tests, uid_and_gid_are_taken_as_given);
    tcase_add_test(tests, a_last_line_without_newline_counts);
    tcase_add_test(tests, a_home_that_is_not_absolute_is_the_root);
    tcase_add_test(tests, a_root_without_account_files_has_numbers_only);
    tcase_add_loop_test(tests, a_bad_user_is_refused, 0, sizeof(refused) / sizeof(refused[0]));
    tcase_add_test(tests, more_groups_than_fit_are_an_error);
    tcase_add_test(tests, groups_are_added_once_each_up_to_the_limit);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
