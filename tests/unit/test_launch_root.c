/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>

#include "agent/guest/launch/root.h"
#include "tests/unit/launch_fixture.h"

static struct fixture fixture;
static struct launch_root root = LAUNCH_ROOT_INIT;
static struct launch_failure failure;

static void set_up(void)
{
    fixture_set_up(&fixture);
    fixture_dir(&fixture, "/etc");
    fixture_file(&fixture, "/etc/passwd", 0644, "inside");
}

static void tear_down(void)
{
    launch_root_close(&root);
    fixture_tear_down(&fixture);
}

static int open_root(void)
{
    return launch_root_open(&root, fixture.root, &failure);
}

static void expect_inside(const char *path)
{
    char text[16] = "";
    int fd = launch_root_open_file(&root, path);

    ck_assert_msg(fd >= 0, "%s: %s", path, strerror(-fd));
    ck_assert_int_eq(read(fd, text, sizeof(text) - 1), 6);
    ck_assert_str_eq(text, "inside");
    (void)close(fd);
}

START_TEST(links_and_dots_stay_inside_the_root)
{
    fixture_link(&fixture, "/absolute", "/etc/passwd");
    fixture_link(&fixture, "/up", "../../../../../../etc/passwd");
    fixture_link(&fixture, "/dir", "/etc");
    fixture_link(&fixture, "/chain", "/dir/../../absolute");
    ck_assert_int_eq(open_root(), 0);
    expect_inside("/etc/passwd");
    expect_inside("/absolute");
    expect_inside("/up");
    expect_inside("/dir/passwd");
    expect_inside("/chain");
    expect_inside("/../../../etc/passwd");
    expect_inside("../etc/passwd");
}
END_TEST

START_TEST(a_circular_link_is_an_error)
{
    fixture_link(&fixture, "/a", "b");
    fixture_link(&fixture, "/b", "a");
    ck_assert_int_eq(open_root(), 0);
    ck_assert_int_eq(launch_root_open_file(&root, "/a"), -ELOOP);
}
END_TEST

START_TEST(magic_links_are_refused)
{
    ck_assert_int_eq(launch_root_open(&root, NULL, &failure), 0);
    ck_assert_int_eq(launch_root_open_file(&root, "/proc/self/exe"), -ELOOP);
    ck_assert_int_eq(launch_root_resolve(&root, "/proc/self/root/etc", O_PATH), -ELOOP);
}
END_TEST

START_TEST(only_regular_files_are_opened_for_reading)
{
    ck_assert_int_eq(mkfifo(fixture_path(&fixture, "/fifo"), 0600), 0);
    ck_assert_int_eq(open_root(), 0);
    ck_assert_int_eq(launch_root_open_file(&root, "/fifo"), -EINVAL);
    ck_assert_int_eq(launch_root_open_file(&root, "/etc"), -EINVAL);
    ck_assert_int_eq(launch_root_open_file(&root, "/none"), -ENOENT);
}
END_TEST

static void expect_no_root(const char *path, int error, const char *part)
{
    ck_assert_int_eq(launch_root_open(&root, path, &failure), error);
    ck_assert_int_eq(failure.trouble, LAUNCH_NO_ROOT);
    ck_assert_int_eq(failure.error, error);
    ck_assert_str_eq(failure.parameter, "root");
    ck_assert_msg(strstr(failure.message, part) != NULL, "%s", failure.message);
    launch_root_close(&root);
}

START_TEST(what_is_no_directory_is_no_root)
{
    expect_no_root(fixture_path(&fixture, "/none"), -ENOENT, "/none");
    expect_no_root(fixture_path(&fixture, "/etc/passwd"), -ENOTDIR, "/etc/passwd");
    expect_no_root("relative/path", -EINVAL, "absolute");
    expect_no_root("", -EINVAL, "absolute");
}
END_TEST

START_TEST(the_guests_own_root_by_name_is_refused)
{
    fixture_link(&fixture, "/slash", "/");
    expect_no_root("/", -EINVAL, "leave root out");
    expect_no_root("/etc/..", -EINVAL, "leave root out");
    expect_no_root(fixture_path(&fixture, "/slash"), -EINVAL, "leave root out");
    expect_no_root("/proc/self/root", -ELOOP, "/proc/self/root");
}
END_TEST

static const char *const mount_points[] = { "/dev", "/proc", "/sys" };

START_TEST(a_mount_point_that_is_a_link_is_refused)
{
    fixture_link(&fixture, mount_points[_i], "/etc");
    expect_no_root(fixture.root, -ENOTDIR, mount_points[_i]);
}
END_TEST

START_TEST(a_mount_point_that_is_a_file_is_refused)
{
    fixture_file(&fixture, mount_points[_i], 0644, "");
    expect_no_root(fixture.root, -ENOTDIR, mount_points[_i]);
}
END_TEST

START_TEST(what_the_containers_mounts_cover_is_known)
{
    ck_assert_int_eq(open_root(), 0);
    ck_assert(launch_root_hides_path(&root, "/dev"));
    ck_assert(launch_root_hides_path(&root, "/proc/self"));
    ck_assert(!launch_root_hides_path(&root, "/devices"));
    ck_assert(!launch_root_hides_path(&root, "/tmp/x"));
    launch_root_close(&root);
    ck_assert_int_eq(launch_root_open(&root, NULL, &failure), 0);
    ck_assert(launch_root_hides_path(&root, "/tmp/x"));
    ck_assert(launch_root_hides_path(&root, "/run"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_root");
    TCase *tests = tcase_create("root");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, links_and_dots_stay_inside_the_root);
    tcase_add_test(tests, a_circular_link_is_an_error);
    tcase_add_test(tests, magic_links_are_refused);
    tcase_add_test(tests, only_regular_files_are_opened_for_reading);
    tcase_add_test(tests, what_is_no_directory_is_no_root);
    tcase_add_test(tests, the_guests_own_root_by_name_is_refused);
    tcase_add_loop_test(tests, a_mount_point_that_is_a_link_is_refused, 0, 3);
    tcase_add_loop_test(tests, a_mount_point_that_is_a_file_is_refused, 0, 3);
    tcase_add_test(tests, what_the_containers_mounts_cover_is_known);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
