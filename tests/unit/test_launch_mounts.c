/* SPDX-License-Identifier: Apache-2.0 */
/* Mounts a request adds: what they are like, and what is no place for one. */
#include <sched.h>
#include <sys/mount.h>

#include "tests/unit/launch_run.h"

static struct run run;
static struct fixture data;
static struct launch_extra_mount mounts[LAUNCH_MOUNTS_MAX + 1];

static void set_up(void)
{
    run_set_up(&run);
    fixture_set_up(&data);
    fixture_file(&data, "/file", 0644, "of the guest\n");
    memset(mounts, 0, sizeof(mounts));
    mounts[0] = (struct launch_extra_mount){ .source = data.root,
                                             .target = "/data",
                                             .attributes = LAUNCH_BIND_ATTRIBUTES };
    mounts[1] = (struct launch_extra_mount){
        .kind = LAUNCH_MOUNT_TMPFS, .target = "/scratch", .attributes = LAUNCH_TMPFS_ATTRIBUTES, .mode = 01777
    };
    run.request.mounts = mounts;
    run.request.n_mounts = 1;
}

static void tear_down(void)
{
    fixture_tear_down(&data);
    run_tear_down(&run);
}

START_TEST(a_bind_mount_is_read_only_unless_it_is_asked_for)
{
    const char *const actions[] = { "p/data/file", "w/data/file", "m/data", NULL };

    run_actions(&run, actions, "of the guest\nEROFS\nro,nosuid,nodev\n");
    mounts[0].attributes &= ~(uint64_t)MOUNT_ATTR_RDONLY;
    mounts[0].attributes |= MOUNT_ATTR_NOEXEC;
    run_actions(&run, actions, "of the guest\nmade\nrw,nosuid,nodev,noexec\n");
}
END_TEST

START_TEST(what_is_mounted_below_the_source_comes_with_it_and_is_read_only_too)
{
    const char *const actions[] = { "p/data/sub/inner", "w/data/sub/inner", "m/data/sub", NULL };

    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    fixture_dir(&data, "/sub");
    ck_assert_int_eq(mount("tmpfs", fixture_path(&data, "/sub"), "tmpfs", 0, NULL), 0);
    fixture_file(&data, "/sub/inner", 0644, "inner\n");
    run_actions(&run, actions, "inner\nEROFS\nro,nosuid,nodev\n");
    ck_assert_int_eq(umount(fixture_path(&data, "/sub")), 0);
}
END_TEST

START_TEST(a_file_can_be_mounted_on_a_file)
{
    const char *const actions[] = { "p/etc/passwd", "p/new/dir/file", NULL };
    char source[PATH_MAX];

    (void)snprintf(source, sizeof(source), "%s", fixture_path(&data, "/file"));
    mounts[0].source = source;
    mounts[0].target = "/etc/passwd";
    mounts[1] = mounts[0];
    mounts[1].target = "/new/dir/file";
    run.request.n_mounts = 2;
    run_actions(&run, actions, "of the guest\nof the guest\n");
}
END_TEST

START_TEST(a_tmpfs_is_fresh_limited_and_of_its_mode)
{
    const char *const actions[] = { "s/scratch", "m/scratch", "f/scratch/big", NULL };

    mounts[0] = mounts[1];
    mounts[0].limit = 256 << 10;
    run_actions(&run, actions, "41777\nrw,nosuid,nodev\nENOSPC\n");
    mounts[0].limit = 2 << 20;
    mounts[0].mode = 0700;
    run_actions(&run, actions, "40700\nrw,nosuid,nodev\nfull\n");
    mounts[0].limit = 0;
    run.request.tmpfs_limit = 128 << 10;
    run_actions(&run, actions, "40700\nrw,nosuid,nodev\nENOSPC\n");
}
END_TEST

START_TEST(mounts_are_made_in_order)
{
    const char *const actions[] = { "w/scratch/a", "p/scratch/sub/file", NULL };

    mounts[0] = mounts[1];
    mounts[1] = (struct launch_extra_mount){ .source = data.root,
                                             .target = "/scratch/sub",
                                             .attributes = LAUNCH_BIND_ATTRIBUTES };
    run.request.n_mounts = 2;
    run_actions(&run, actions, "made\nof the guest\n");
}
END_TEST

START_TEST(shared_memory_can_have_a_size_of_its_own)
{
    const char *const actions[] = { "f/dev/shm/big", NULL };

    mounts[0] = mounts[1];
    mounts[0].target = "/dev/shm";
    mounts[0].limit = 64 << 10;
    run_actions(&run, actions, "ENOSPC\n");
}
END_TEST

START_TEST(a_program_may_come_with_a_mount)
{
    fixture_copy(&data, "/tool", 0755, fixture_path(&run.fixture, "/probe"));
    run.args[0] = "/data/tool";
    ck_assert_int_eq(run_check(&run), 0);
    run_probe(&run, "true");
    launch_discard(&run.launch);
    run.args[0] = "/data/none";
    ck_assert_int_eq(run_check(&run), 0);
    ck_assert_int_eq(run_start(&run), -ENOENT);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_PROGRAM);
    ck_assert_ptr_nonnull(strstr(run.failure.message, "/data/none"));
}
END_TEST

START_TEST(in_the_guests_own_root_a_target_must_exist)
{
    run.request.root = NULL;
    run.args[0] = "true";
    run.args[1] = NULL;
    mounts[0].target = "/mnt";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    run_finish(&run);
    launch_discard(&run.launch);
    mounts[0].target = "/none-such";
    ck_assert_int_eq(run_start(&run), -EROFS);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
    ck_assert_str_eq(run.failure.parameter, "mounts");
    ck_assert_ptr_nonnull(strstr(run.failure.message, "read-only"));
    ck_assert_int_lt(access("/none-such", F_OK), 0);
    launch_discard(&run.launch);
    /* A fresh tmpfs: there it can be made. */
    mounts[0].target = "/run/made";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    run_finish(&run);
}
END_TEST

START_TEST(the_root_may_hold_itself)
{
    const char *const actions[] = { "p/self/etc/group", "s/self/self", "w/self/etc/group", NULL };

    mounts[0].source = run.fixture.root;
    mounts[0].target = "/self";
    run_actions(&run, actions, "wheel:x:10:joe\n40755\nEROFS\n");
}
END_TEST

static const struct {
    const char *target, *part;
} forbidden[] = {
    { "", "absolute" },
    { "data", "absolute" },
    { "/data/../etc", "\"..\"" },
    { "/./data", "\".\"" },
    { "//data", "double" },
    { "/data/", "double" },
    { "/", "double" },
    { "/proc", "not for mounts" },
    { "/proc/sys/kernel", "not for mounts" },
    { "/sys", "not for mounts" },
    { "/dev", "not for mounts" },
    { "/dev/null", "not for mounts" },
};

START_TEST(what_is_no_place_for_a_mount_is_refused)
{
    mounts[1] = mounts[0];
    mounts[1].target = forbidden[_i].target;
    run.request.n_mounts = 2;
    ck_assert_int_eq(run_check(&run), -EINVAL);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
    ck_assert_str_eq(run.failure.parameter, "mounts");
    ck_assert_uint_eq(run.failure.index, 1);
    ck_assert_msg(strstr(run.failure.message, forbidden[_i].part) != NULL, "%s", run.failure.message);
}
END_TEST

static const struct {
    const char *path, *to, *target;
    int error;
} tricks[] = {
    { "/trap", "/proc/self", "/trap", -EPERM },
    { "/trap", "/proc/self", "/trap/attr", -EPERM },
    { "/trap", "../../../../proc/sys", "/trap", -EPERM },
    { "/trap", "/sys/fs", "/trap/cgroup", -EPERM },
    { "/trap", "/dev", "/trap/null", -EPERM },
    { "/trap", "/dev", "/trap/pts", -EPERM },
    { "/trap", "..", "/trap", -EPERM },
    { "/trap", "/proc/self/root", "/trap", -ELOOP },
    { "/trap", "/proc/self/cwd", "/trap/x", -ELOOP },
    { "/trap", "trap", "/trap", -ELOOP },
    { "/trap", "/nowhere", "/trap", -ENOENT },
    { "/trap", "/etc/passwd", "/trap", -ENOTDIR },
    { "/trap", "/etc/passwd", "/trap/x", -ENOTDIR },
    { "/trap", "/proc", "/trap/sub", -ENOENT },
};

static void brief_standby(void)
{
    run_prepare(&run);
    ck_assert_int_eq(run_plan(&run, &run.briefing), 0);
}

START_TEST(what_a_standby_finds_wrong_before_it_is_to_run_is_told_when_it_is)
{
    fixture_link(&run.fixture, "/trap", "/proc/self");
    mounts[0].target = "/trap";
    brief_standby();
    run_wait_readable(run.standby.launch.pidfd);
    (void)launch_standby_run(&run.standby, &run.launch);
    ck_assert_int_eq(launch_result_read(&run.launch, &run.failure), -EPERM);
    ck_assert_str_eq(run.failure.parameter, "mounts");
}
END_TEST

START_TEST(that_a_standby_was_killed_is_told_when_it_is_to_run)
{
    run.args[1] = "true";
    brief_standby();
    ck_assert_int_eq(kill(run.standby.launch.pid, SIGKILL), 0);
    run_wait_readable(run.standby.launch.pidfd);
    (void)launch_standby_run(&run.standby, &run.launch);
    ck_assert_int_eq(launch_result_read(&run.launch, &run.failure), -EOWNERDEAD);
}
END_TEST

START_TEST(a_standby_that_was_killed_cannot_be_told_anything)
{
    run_prepare(&run);
    ck_assert_int_eq(kill(run.standby.launch.pid, SIGKILL), 0);
    run_wait_readable(run.standby.launch.pidfd);
    ck_assert_int_eq(run_plan(&run, &run.briefing), -EPIPE);
}
END_TEST

START_TEST(a_refusal_is_heard_although_its_process_has_ended_by_then)
{
    fixture_link(&run.fixture, "/trap", "/proc/self");
    mounts[0].target = "/trap";
    ck_assert_int_eq(run_launch(&run), 0);
    run_wait_readable(run.launch.pidfd);
    ck_assert_int_eq(launch_result_read(&run.launch, &run.failure), -EPERM);
    ck_assert_str_eq(run.failure.parameter, "mounts");
}
END_TEST

/* None of them mounts anything anywhere, in particular not in the guest. */
START_TEST(a_link_of_the_image_leads_no_mount_astray)
{
    fixture_link(&run.fixture, tricks[_i].path, tricks[_i].to);
    mounts[0].target = tricks[_i].target;
    run.args[1] = "true";
    ck_assert_int_eq(run_start(&run), tricks[_i].error);
    ck_assert_msg(run.failure.trouble == LAUNCH_BAD_PARAMETER, "%s", run.failure.message);
    ck_assert_str_eq(run.failure.parameter, "mounts");
}
END_TEST

START_TEST(a_link_of_the_image_ends_at_its_root)
{
    const char *const actions[] = { "p/etc/inside/file", "p/link/file", NULL };

    fixture_link(&run.fixture, "/link", "../../../../etc/inside");
    fixture_dir(&run.fixture, "/etc/inside");
    mounts[0].target = "/link";
    run_actions(&run, actions, "of the guest\nof the guest\n");
    ck_assert_int_lt(access("/etc/inside", F_OK), 0);
}
END_TEST

START_TEST(a_source_that_is_missing_is_refused)
{
    mounts[1] = mounts[0];
    mounts[1].target = "/other";
    run.request.n_mounts = 2;
    mounts[1].source = "/none/such";
    ck_assert_int_eq(run_check(&run), -ENOENT);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_SOURCE);
    ck_assert_uint_eq(run.failure.index, 1);
    mounts[1].source = "/proc/self/fd/0";
    ck_assert_int_eq(run_check(&run), -ELOOP);
    mounts[1].source = "relative";
    ck_assert_int_eq(run_check(&run), -EINVAL);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
    mounts[1].source = NULL;
    ck_assert_int_eq(run_check(&run), -EINVAL);
}
END_TEST

START_TEST(other_nonsense_is_refused)
{
    mounts[1] = mounts[0];
    run.request.n_mounts = 2;
    ck_assert_int_eq(run_check(&run), -EINVAL); /* the same target */
    run.request.n_mounts = 1;
    mounts[0].attributes |= MOUNT_ATTR_IDMAP;
    ck_assert_int_eq(run_check(&run), -EINVAL);
    mounts[0] = (struct launch_extra_mount){ .kind = LAUNCH_MOUNT_TMPFS, .target = "/t", .mode = 010000 };
    ck_assert_int_eq(run_check(&run), -EINVAL);
    run.request.n_mounts = LAUNCH_MOUNTS_MAX + 1;
    ck_assert_int_eq(run_check(&run), -E2BIG);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_mounts");
    TCase *tests = tcase_create("mounts");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_bind_mount_is_read_only_unless_it_is_asked_for);
    tcase_add_test(tests, what_is_mounted_below_the_source_comes_with_it_and_is_read_only_too);
    tcase_add_test(tests, a_file_can_be_mounted_on_a_file);
    tcase_add_test(tests, a_tmpfs_is_fresh_limited_and_of_its_mode);
    tcase_add_test(tests, mounts_are_made_in_order);
    tcase_add_test(tests, shared_memory_can_have_a_size_of_its_own);
    tcase_add_test(tests, a_program_may_come_with_a_mount);
    tcase_add_test(tests, in_the_guests_own_root_a_target_must_exist);
    tcase_add_test(tests, the_root_may_hold_itself);
    tcase_add_loop_test(tests, what_is_no_place_for_a_mount_is_refused, 0,
                        sizeof(forbidden) / sizeof(forbidden[0]));
    tcase_add_test(tests, what_a_standby_finds_wrong_before_it_is_to_run_is_told_when_it_is);
    tcase_add_test(tests, that_a_standby_was_killed_is_told_when_it_is_to_run);
    tcase_add_test(tests, a_standby_that_was_killed_cannot_be_told_anything);
    tcase_add_test(tests, a_refusal_is_heard_although_its_process_has_ended_by_then);
    tcase_add_loop_test(tests, a_link_of_the_image_leads_no_mount_astray, 0,
                        sizeof(tricks) / sizeof(tricks[0]));
    tcase_add_test(tests, a_link_of_the_image_ends_at_its_root);
    tcase_add_test(tests, a_source_that_is_missing_is_refused);
    tcase_add_test(tests, other_nonsense_is_refused);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
