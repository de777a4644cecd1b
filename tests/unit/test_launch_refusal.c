/* SPDX-License-Identifier: Apache-2.0 */
/* Launches that fail: a precise error, and nothing left behind. */
#include <dirent.h>
#include <sys/syscall.h>

#include "tests/unit/launch_cgroup.h"
#include "tests/unit/launch_run.h"

static struct run run;
static int fds_before;

static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        n++;
    (void)closedir(dir);
    return n;
}

static void set_up(void)
{
    run_set_up(&run);
    run.args[1] = "true";
    fds_before = count_fds();
}

static void expect_nothing_left(void)
{
    launch_discard(&run.launch);
    ck_assert_int_eq(count_fds(), fds_before);
    ck_assert_int_lt(waitpid(-1, NULL, WNOHANG), 0);
    ck_assert_int_eq(errno, ECHILD);
}

static void tear_down(void)
{
    expect_nothing_left();
    run_tear_down(&run);
}

static void expect_failure(int r, enum launch_trouble trouble, enum launch_stage stage, int error,
                           const char *part)
{
    ck_assert_int_eq(r, error);
    ck_assert_int_eq(run.failure.error, error);
    ck_assert_msg(run.failure.trouble == trouble && run.failure.stage == stage, "%d at %s: %s",
                  run.failure.trouble, launch_stage_name(run.failure.stage), run.failure.message);
    ck_assert_msg(strstr(run.failure.message, part) != NULL, "%s", run.failure.message);
}

/* Both ways in say the same. */
static void expect_refused(enum launch_trouble trouble, enum launch_stage stage, int error, const char *part)
{
    expect_failure(run_check(&run), trouble, stage, error, part);
    memset(&run.failure, 0, sizeof(run.failure));
    expect_failure(run_start(&run), trouble, stage, error, part);
    ck_assert_int_eq(run.launch.pidfd, -EBADF);
}

START_TEST(a_missing_program)
{
    run.args[0] = "/none";
    expect_refused(LAUNCH_NO_PROGRAM, LAUNCH_STAGE_PROGRAM, -ENOENT, "/none");
}
END_TEST

START_TEST(a_missing_root)
{
    run.request.root = "/none/such";
    expect_refused(LAUNCH_NO_ROOT, LAUNCH_STAGE_ROOT, -ENOENT, "/none/such");
}
END_TEST

START_TEST(a_bad_user)
{
    run.request.user = "nobody";
    expect_refused(LAUNCH_NO_USER, LAUNCH_STAGE_USER, -ENOENT, "nobody");
    run.request.user = "0x0";
    expect_refused(LAUNCH_NO_USER, LAUNCH_STAGE_USER, -EINVAL, "0x0");
}
END_TEST

START_TEST(an_account_file_that_leads_elsewhere)
{
    ck_assert_int_eq(unlink(fixture_path(&run.fixture, "/etc/passwd")), 0);
    ck_assert_int_eq(mkfifo(fixture_path(&run.fixture, "/etc/passwd"), 0644), 0);
    run.request.user = "joe";
    expect_refused(LAUNCH_NO_USER, LAUNCH_STAGE_USER, -EINVAL, "not a regular file");
}
END_TEST

START_TEST(an_account_file_of_absurd_size)
{
    ck_assert_int_eq(truncate(fixture_path(&run.fixture, "/etc/passwd"), (off_t)1 << 40), 0);
    run.request.user = "joe";
    expect_refused(LAUNCH_NO_USER, LAUNCH_STAGE_USER, -EFBIG, "/etc/passwd");
}
END_TEST

START_TEST(a_bad_cwd)
{
    run.request.cwd = "/none";
    expect_refused(LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_CWD, -ENOENT, "/none");
    run.request.cwd = "etc";
    expect_refused(LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "absolute");
    run.request.cwd = "/proc/self/fd/7/../../..";
    expect_refused(LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "/proc");
    run.request.cwd = "/etc/passwd";
    expect_refused(LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_CWD, -ENOTDIR, "/etc/passwd");
}
END_TEST

START_TEST(a_cwd_known_only_inside)
{
    run.request.cwd = "/dev/none";
    ck_assert_int_eq(run_check(&run), 0);
    expect_failure(run_start(&run), LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_CWD, -ENOENT, "/dev/none");
    ck_assert_str_eq(run.failure.parameter, "cwd");
}
END_TEST

START_TEST(a_cwd_by_a_link_into_proc)
{
    fixture_dir(&run.fixture, "/proc");
    fixture_dir(&run.fixture, "/proc/self");
    fixture_dir(&run.fixture, "/proc/self/root");
    fixture_link(&run.fixture, "/trap", "/proc/self/root");
    run.request.cwd = "/trap";
    expect_failure(run_start(&run), LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_CWD, -ELOOP, "/trap");
}
END_TEST

START_TEST(a_cwd_the_user_may_not_enter)
{
    ck_assert_int_eq(mkdir(fixture_path(&run.fixture, "/secret"), 0700), 0);
    run.request.cwd = "/secret";
    run.request.user = "joe";
    expect_failure(run_start(&run), LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_CWD, -EACCES, "/secret");
}
END_TEST

START_TEST(a_program_the_user_may_not_run)
{
    ck_assert_int_eq(chmod(fixture_path(&run.fixture, "/probe"), 0700), 0);
    run.request.user = "joe";
    expect_failure(run_start(&run), LAUNCH_NO_PROGRAM, LAUNCH_STAGE_EXEC, -EACCES, "may not run it");
    run_finish(&run);
    ck_assert_int_eq(run.end.si_status, 127);
    ck_assert_str_eq(run.log, "");
}
END_TEST

START_TEST(a_program_of_unknown_kind)
{
    fixture_file(&run.fixture, "/odd", 0755, "just text\n");
    run.args[0] = "/odd";
    expect_failure(run_start(&run), LAUNCH_NO_PROGRAM, LAUNCH_STAGE_EXEC, -ENOEXEC, "#!");
}
END_TEST

START_TEST(arguments_that_are_too_long)
{
    size_t size = 200 << 10;
    char *big = malloc(size);

    ck_assert_ptr_nonnull(big);
    memset(big, 'x', size - 1);
    big[size - 1] = '\0';
    run.args[2] = big;
    expect_failure(run_start(&run), LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_EXEC, -E2BIG, "too long");
    free(big);
}
END_TEST

static const char *const bad_env[] = { "", "=", "=value", "NAME" };

START_TEST(a_bad_environment)
{
    const char *const env[] = { "GOOD=1", bad_env[_i], NULL };

    run.request.env = env;
    expect_refused(LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "NAME=value");
    run.request.env = NULL;
}
END_TEST

static const char *const bad_hostnames[] = {
    "",    "-a",          ".a",  "a b",
    "a_b", "gr\xc3\xbcn", "a\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
};

START_TEST(a_bad_hostname)
{
    run.request.hostname = bad_hostnames[_i];
    expect_refused(LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "hostname");
}
END_TEST

START_TEST(no_arguments)
{
    run.args[0] = NULL;
    expect_refused(LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "args");
    run.args[0] = "";
    expect_refused(LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "args");
}
END_TEST

START_TEST(a_policy_the_kernel_refuses)
{
    const struct czone_policy policy = { .mode = 0x7fff };

    run.request.policy = &policy;
    expect_failure(run_start(&run), LAUNCH_SYSTEM, LAUNCH_STAGE_POLICY, -EINVAL, "cpuset.mems");
}
END_TEST

START_TEST(a_cgroup_that_is_none)
{
    run.request.cgroup_fd = open("/etc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect_failure(run_start(&run), LAUNCH_SYSTEM, LAUNCH_STAGE_CLONE, -EBADF, "first process");
    (void)close(run.request.cgroup_fd);
}
END_TEST

static void write_attribute(int cgroup, const char *name, const char *value)
{
    int fd = openat(cgroup, name, O_WRONLY | O_CLOEXEC);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, value, strlen(value)), (ssize_t)strlen(value));
    (void)close(fd);
}

/* Born into a frozen cgroup, the child has no chance to get anywhere. */
START_TEST(a_child_killed_during_its_set_up_did_not_run)
{
    char path[PATH_MAX];
    int cgroup;

    cgroup = run_make_cgroup(path, sizeof(path));
    write_attribute(cgroup, "cgroup.freeze", "1");
    run.request.cgroup_fd = cgroup;
    ck_assert_int_eq(launch_start(run.launcher, &run.request, &run.launch, &run.failure), 0);
    ck_assert_int_eq(launch_result_read(&run.launch, &run.failure), 0);
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, run.launch.pidfd, SIGKILL, NULL, 0), 0);
    run_wait_readable(run.launch.result_fd);
    expect_failure(launch_result_read(&run.launch, &run.failure), LAUNCH_SYSTEM, LAUNCH_STAGE_CLONE,
                   -EOWNERDEAD, "killed");
    launch_discard(&run.launch);
    (void)close(cgroup);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(a_launch_can_be_discarded_at_any_time)
{
    run.args[1] = "stay";
    ck_assert_int_eq(launch_start(run.launcher, &run.request, &run.launch, &run.failure), 0);
    expect_nothing_left();
    launch_discard(&run.launch);
}
END_TEST

START_TEST(a_launcher_wants_stdio_open)
{
    struct launcher *launcher = NULL;
    int saved = fcntl(0, F_DUPFD_CLOEXEC, 3), filter = -EBADF;

    ck_assert_int_eq(launch_seccomp_compile(&filter), 0);

    (void)close(0);
    ck_assert_int_eq(launcher_new(filter, &launcher), -EBADF);
    ck_assert_ptr_null(launcher);
    ck_assert_int_eq(dup2(saved, 0), 0);
    (void)close(saved);
    (void)close(filter);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_refusal");
    TCase *tests = tcase_create("refusal");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_missing_program);
    tcase_add_test(tests, a_missing_root);
    tcase_add_test(tests, a_bad_user);
    tcase_add_test(tests, an_account_file_that_leads_elsewhere);
    tcase_add_test(tests, an_account_file_of_absurd_size);
    tcase_add_test(tests, a_bad_cwd);
    tcase_add_test(tests, a_cwd_known_only_inside);
    tcase_add_test(tests, a_cwd_by_a_link_into_proc);
    tcase_add_test(tests, a_cwd_the_user_may_not_enter);
    tcase_add_test(tests, a_program_the_user_may_not_run);
    tcase_add_test(tests, a_program_of_unknown_kind);
    tcase_add_test(tests, arguments_that_are_too_long);
    tcase_add_loop_test(tests, a_bad_environment, 0, sizeof(bad_env) / sizeof(bad_env[0]));
    tcase_add_loop_test(tests, a_bad_hostname, 0, sizeof(bad_hostnames) / sizeof(bad_hostnames[0]));
    tcase_add_test(tests, no_arguments);
    tcase_add_test(tests, a_policy_the_kernel_refuses);
    tcase_add_test(tests, a_cgroup_that_is_none);
    tcase_add_test(tests, a_child_killed_during_its_set_up_did_not_run);
    tcase_add_test(tests, a_launch_can_be_discarded_at_any_time);
    tcase_add_test(tests, a_launcher_wants_stdio_open);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
