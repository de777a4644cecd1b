/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <string.h>

#include "agent/guest/launch/users.h"

static const struct launch_id_range ranges[] = { { 0, 100000, 1000 }, { 1000, 5000, 1 }, { 2000, 0, 1 } };
static const struct launch_id_map map = { .ranges = ranges, .n = 3 };
static struct launch_failure failure;

START_TEST(an_id_is_looked_up_in_all_ranges)
{
    const struct launch_id_map none = { 0 };

    ck_assert_uint_eq(launch_id_outside(&map, 0), 100000);
    ck_assert_uint_eq(launch_id_outside(&map, 999), 100999);
    ck_assert_uint_eq(launch_id_outside(&map, 1000), 5000);
    ck_assert_uint_eq(launch_id_outside(&map, 1001), LAUNCH_ID_NONE);
    ck_assert_uint_eq(launch_id_outside(&map, 2000), 0);
    ck_assert_uint_eq(launch_id_outside(&map, UINT32_MAX - 1), LAUNCH_ID_NONE);
    ck_assert_uint_eq(launch_id_outside(&none, 77), 77);
}
END_TEST

START_TEST(a_map_is_written_as_the_kernel_reads_it)
{
    char text[LAUNCH_ID_MAP_TEXT];

    ck_assert_uint_eq(launch_id_map_format(&map, text), strlen(text));
    ck_assert_str_eq(text, "0 100000 1000\n1000 5000 1\n2000 0 1\n");
}
END_TEST

/* Two ranges each, count 0: only the first. */
static const struct {
    struct launch_id_range ranges[2];
    size_t n;
    const char *word; /* of the message; NULL: fine */
} maps[] = {
    { { { 0, 1, 1 } }, 1, NULL },
    { { { 0, 0, UINT32_MAX } }, 1, NULL },
    { { { 0, 10, 10 }, { 10, 0, 10 } }, 2, NULL },
    { { { 0, 10, 0 } }, 1, "1 at least" },
    { { { 0, 1, UINT32_MAX } }, 1, "last id" },
    { { { 5, 0, UINT32_MAX - 4 } }, 1, "last id" },
    { { { 1, 10, 10 } }, 1, "id 0" },
    { { { 0, 10, 10 }, { 9, 100, 1 } }, 2, "uids[1]: it has ids of the container" },
    { { { 5, 10, 10 }, { 0, 100, 6 } }, 2, "uids[1]: it has ids of the container" },
    { { { 0, 10, 10 }, { 100, 19, 1 } }, 2, "uids[1]: it has ids of the guest" },
    { { { 0, 10, 10 }, { 100, 0, 11 } }, 2, "uids[1]: it has ids of the guest" },
    { { { 0, 10, 10 } }, 0, "1 to 32 ranges" },
    { { { 0, 10, 10 } }, LAUNCH_ID_RANGES_MAX + 1, "1 to 32 ranges" },
};

START_TEST(a_map_that_the_kernel_would_not_take_is_refused_by_its_place)
{
    struct launch_users users = { .uids = { maps[_i].ranges, maps[_i].n }, .gids = { ranges, 3 } };
    int r = launch_users_check(&users, &failure);

    ck_assert_msg(r == (maps[_i].word ? -EINVAL : 0), "%s", failure.message);
    if (!maps[_i].word)
        return;
    ck_assert_str_eq(failure.parameter, "userns");
    ck_assert_msg(strstr(failure.message, maps[_i].word) != NULL, "%s", failure.message);
}
END_TEST

START_TEST(groups_are_checked_as_users_are)
{
    struct launch_users users = { .uids = { ranges, 3 } };

    ck_assert_int_eq(launch_users_check(&users, &failure), -EINVAL);
    ck_assert_ptr_nonnull(strstr(failure.message, "gids"));
    ck_assert(launch_users_mapped(&users));
    users.uids.n = 0;
    ck_assert_int_eq(launch_users_check(&users, &failure), 0);
    ck_assert(!launch_users_mapped(&users));
}
END_TEST

START_TEST(a_user_needs_an_id_for_all_that_it_is)
{
    struct launch_users users = { .uids = { ranges, 3 }, .gids = { ranges, 1 } };
    struct launch_user user = { .uid = 2000, .gid = 999, .n_groups = 2, .groups = { 1, 2 } };

    ck_assert_int_eq(launch_users_check_user(&users, &user, &failure), 0);
    user.groups[1] = 1000;
    ck_assert_int_eq(launch_users_check_user(&users, &user, &failure), -EINVAL);
    ck_assert_int_eq(failure.trouble, LAUNCH_NO_USER);
    ck_assert_ptr_nonnull(strstr(failure.message, "group 1000"));
    user.groups[1] = 0;
    user.uid = 1999;
    ck_assert_int_eq(launch_users_check_user(&users, &user, &failure), -EINVAL);
    ck_assert_ptr_nonnull(strstr(failure.message, "user 1999"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/users");
    TCase *tcase = tcase_create("users");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, an_id_is_looked_up_in_all_ranges);
    tcase_add_test(tcase, a_map_is_written_as_the_kernel_reads_it);
    tcase_add_loop_test(tcase, a_map_that_the_kernel_would_not_take_is_refused_by_its_place, 0,
                        (int)(sizeof(maps) / sizeof(maps[0])));
    tcase_add_test(tcase, groups_are_checked_as_users_are);
    tcase_add_test(tcase, a_user_needs_an_id_for_all_that_it_is);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
