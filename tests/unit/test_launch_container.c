/* SPDX-License-Identifier: Apache-2.0 */
/* Containers that run: what is inside, and what of it is seen outside. */
#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "agent/guest/launch/identity.h"
#include "agent/guest/launch/runtime.h"
#include "tests/unit/launch_cgroup.h"
#include "tests/unit/launch_run.h"

static struct run run;

static void set_up(void)
{
    run_set_up(&run);
}

static void tear_down(void)
{
    run_tear_down(&run);
}

/* Checks of the probe that need nothing but the container. */
static const char *const checks[] = {
    "pipes",
    "fork-exec",
    "tmpfs",
    "mmap-file",
    "threads",
    "hundred-processes",
    "mempolicy-denied",
    "vsock-denied",
    "namespaces-denied",
    "other-architectures-killed",
    "only-stdio-open",
    "root-is-limited",
    "has-own-mqueue",
    "signals-are-default",
    "kernel-files-guarded",
    "escape-by-chroot",
};

START_TEST(inside_all_is_as_it_should_be)
{
    run_probe(&run, checks[_i]);
}
END_TEST

START_TEST(output_and_status_arrive)
{
    run.args[1] = "say";
    ck_assert_int_eq(run_start(&run), 1);
    run_finish(&run);
    ck_assert_str_eq(run.log, "to stdout\nto stderr\n");
    ck_assert_int_eq(run.end.si_code, CLD_EXITED);
    ck_assert_int_eq(run.end.si_status, 42);
}
END_TEST

START_TEST(the_program_is_first_of_its_namespaces_and_has_what_was_asked_for)
{
    const char *const env[] = { "GIVEN=yes", NULL };

    run.request.env = env;
    run.request.hostname = "probe-host";
    run.request.cwd = "/etc";
    run_probe(&run, "first-of-its-namespaces");
}
END_TEST

START_TEST(a_user_has_its_ids_and_no_capability)
{
    run.request.user = "joe";
    run_probe(&run, "user-has-nothing");
}
END_TEST

START_TEST(groups_umask_and_a_closed_root_are_as_asked_for)
{
    static const gid_t groups[] = { 5, 77, 5 };

    run.request.user = "0:0";
    run.request.groups = groups;
    run.request.n_groups = 3;
    run.request.umask = 027;
    run.request.read_only = true;
    run_probe(&run, "has-what-was-asked-for");
}
END_TEST

START_TEST(root_keeps_the_capabilities_that_were_asked_for)
{
    /* What nobody can have is not had by asking. */
    run.request.capabilities = launch_capability_find("CAP_KILL") | UINT64_C(1) << 21;
    ck_assert_uint_eq(launch_capability_find("CAP_SYS_ADMIN"), 0);
    run_probe(&run, "root-keeps-kill-only");
}
END_TEST

START_TEST(open_files_and_signals_of_the_daemon_stay_outside)
{
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    sigset_t blocked;

    /* On purpose without close-on-exec, low and high. */
    ck_assert_int_ge(open("/", O_RDONLY | O_DIRECTORY), 0); /* NOLINT(android-cloexec-open) */
    ck_assert_int_ge(dup2(0, 900), 0);
    ck_assert_int_eq(sigaction(SIGPIPE, &ignore, NULL), 0);
    ck_assert_int_eq(sigaction(SIGRTMIN, &ignore, NULL), 0);
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGTERM);
    ck_assert_int_eq(sigprocmask(SIG_BLOCK, &blocked, NULL), 0);
    run_probe(&run, "only-stdio-open");
    launch_discard(&run.launch);
    run_probe(&run, "signals-are-default");
}
END_TEST

START_TEST(the_keepers_scheduling_is_not_the_programs)
{
    ck_assert_int_eq(sched_setscheduler(0, SCHED_BATCH, &(struct sched_param){ 0 }), 0);
    run_probe(&run, "scheduling-is-default");
}
END_TEST

START_TEST(device_files_of_the_image_are_dead)
{
    ck_assert_int_eq(mknod(fixture_path(&run.fixture, "/zero"), S_IFCHR | 0666, makedev(1, 5)), 0);
    run_probe(&run, "image-devices-dead");
}
END_TEST

START_TEST(a_tmpfs_is_limited)
{
    run.request.tmpfs_limit = 256 << 10;
    run_probe(&run, "tmpfs-is-limited");
}
END_TEST

START_TEST(the_memory_policy_is_that_of_the_request)
{
    const struct czone_policy policy = { .mode = MPOL_BIND | MPOL_F_RELATIVE_NODES, .nodes = { 1 } };

    run.request.policy = &policy;
    run_probe(&run, "policy-is-relative");
}
END_TEST

static void read_mounts(char *buffer, size_t size)
{
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    ssize_t n = 0, used = 0;

    ck_assert_int_ge(fd, 0);
    while ((n = read(fd, buffer + used, size - 1 - (size_t)used)) > 0)
        used += n;
    ck_assert_int_eq(n, 0);
    buffer[used] = '\0';
    (void)close(fd);
}

static void wait_ready(void)
{
    char text[6];

    run_wait_readable(run.launch.stdout_fd);
    ck_assert_int_eq(read(run.launch.stdout_fd, text, sizeof(text)), 6);
}

START_TEST(mounts_of_a_container_are_not_seen_outside)
{
    static char before[65536], during[65536];

    read_mounts(before, sizeof(before));
    run.args[1] = "stay";
    ck_assert_int_eq(run_start(&run), 1);
    wait_ready();
    read_mounts(during, sizeof(during));
    ck_assert_str_eq(before, during);
}
END_TEST

/* Even where the guest shares its mounts, as systemd does. */
START_TEST(mounts_do_not_spread_through_a_shared_root)
{
    static char before[65536], during[65536];

    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_SHARED, NULL), 0);
    read_mounts(before, sizeof(before));
    run.args[1] = "stay";
    ck_assert_int_eq(run_start(&run), 1);
    wait_ready();
    read_mounts(during, sizeof(during));
    ck_assert_str_eq(before, during);
}
END_TEST

START_TEST(what_is_mounted_below_the_root_is_in_the_container)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    fixture_dir(&run.fixture, "/data");
    ck_assert_int_eq(mount("tmpfs", fixture_path(&run.fixture, "/data"), "tmpfs", 0, NULL), 0);
    fixture_copy(&run.fixture, "/data/probe", 0755, fixture_path(&run.fixture, "/probe"));
    run.args[0] = "/data/probe";
    run_probe(&run, "true");
    ck_assert_int_eq(umount(fixture_path(&run.fixture, "/data")), 0);
}
END_TEST

START_TEST(only_sigkill_ends_a_program_that_handles_no_signal)
{
    run.args[1] = "stay";
    ck_assert_int_eq(run_start(&run), 1);
    wait_ready();
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, run.launch.pidfd, SIGTERM, NULL, 0), 0);
    ck_assert_int_eq(waitid(P_PIDFD, (id_t)run.launch.pidfd, &run.end, WEXITED | WNOHANG | WNOWAIT), 0);
    ck_assert_int_eq(run.end.si_pid, 0);
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, run.launch.pidfd, SIGKILL, NULL, 0), 0);
    run_finish(&run);
    ck_assert_int_eq(run.end.si_code, CLD_KILLED);
    ck_assert_int_eq(run.end.si_status, SIGKILL);
}
END_TEST

START_TEST(the_guests_own_root_is_read_only_with_fresh_scratch_directories)
{
    static const char script[] =
        "fail() { echo \"$1\"; exit 1; }\n"
        "for path in /file /etc/file /sys/fs/cgroup/dir; do\n"
        "    if mkdir $path 2>/dev/null; then fail \"$path can be made\"; fi\n"
        "done\n"
        "touch /tmp/file /run/file /dev/shm/file || fail 'no scratch directories'\n"
        "test \"$(echo /tmp/* /run/*)\" = '/tmp/file /run/file' || fail \"guest files: $(echo /tmp/* "
        "/run/*)\"\n"
        "if grep devtmpfs /proc/self/mountinfo; then fail 'the devices of the guest'; fi\n"
        "test $(grep -c ' / /proc .* - proc ' /proc/self/mountinfo) = 1 || fail 'the /proc of the guest'\n";

    run.request.root = NULL;
    run.args[0] = "sh";
    run.args[1] = "-c";
    run.args[2] = script;
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    run_finish(&run);
    ck_assert_msg(run.end.si_code == CLD_EXITED && run.end.si_status == 0, "status %d: %s", run.end.si_status,
                  run.log);
    ck_assert_int_lt(access("/tmp/file", F_OK), 0);
}
END_TEST

START_TEST(what_the_guest_has_mounted_elsewhere_is_in_its_own_root_too)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("tmpfs", "/mnt", "tmpfs", 0, NULL), 0);
    ck_assert_int_eq(mkdir("/mnt/a b\\", 0755), 0);
    ck_assert_int_eq(mount("tmpfs", "/mnt/a b\\", "tmpfs", 0, NULL), 0);
    ck_assert_int_eq(mkdir("/mnt/a b\\/inner", 0755), 0);
    run.request.root = NULL;
    run.args[0] = "sh";
    run.args[1] = "-c";
    run.args[2] = "cd '/mnt/a b\\/inner' && ! touch file && grep -c ' /mnt' /proc/self/mountinfo";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    run_finish(&run);
    ck_assert_int_eq(run.end.si_status, 0);
    ck_assert_msg(strstr(run.log, "2\n") != NULL, "%s", run.log);
}
END_TEST

START_TEST(the_program_is_born_in_its_cgroup_and_sees_it_as_the_root)
{
    char path[PATH_MAX], procs[PATH_MAX + 16], text[32] = "";
    int cgroup = run_make_cgroup(path, sizeof(path));
    int fd;

    run.request.cgroup_fd = cgroup;
    run.args[1] = "stay";
    ck_assert_int_eq(run_start(&run), 1);
    (void)snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
    fd = open(procs, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
    (void)close(fd);
    ck_assert_int_eq(atoi(text), run.launch.pid);
    launch_discard(&run.launch);
    run_probe(&run, "cgroup-is-the-root");
    launch_discard(&run.launch);
    (void)close(cgroup);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

/* Whatever was prepared: a bundle that lists no ipc namespace shares the guest's. */
START_TEST(a_runtime_is_in_the_guest_s_ipc_namespace)
{
    char path[PATH_MAX], own[PATH_MAX + 16], name[64], guest[64] = "";
    int cgroup = run_make_cgroup(path, sizeof(path));

    (void)snprintf(name, sizeof(name), "/proc/%d/ns/ipc", (int)getppid());
    ck_assert_int_gt(readlink(name, guest, sizeof(guest) - 1), 0);
    run.request.cgroup_fd = cgroup;
    run.request.runtime = true;
    run.args[0] = "/bin/readlink";
    run.args[1] = "/proc/self/ns/ipc";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    run_finish(&run);
    launch_discard(&run.launch);
    (void)close(cgroup);
    (void)snprintf(own, sizeof(own), "%s/%s", path, LAUNCH_RUNTIME_CGROUP);
    ck_assert_int_eq(rmdir(own), 0);
    ck_assert_int_eq(rmdir(path), 0);
    run.log[strcspn(run.log, "\n")] = '\0';
    ck_assert_str_eq(run.log, guest);
}
END_TEST

START_TEST(a_script_runs)
{
    fixture_file(&run.fixture, "/script", 0755, "#!/probe say\n");
    run.args[0] = "/script";
    /* The kernel calls "/probe say /script": one argument too many for the probe. */
    ck_assert_int_eq(run_start(&run), 1);
    run_finish(&run);
    ck_assert_int_eq(run.end.si_status, 2);
    ck_assert_ptr_nonnull(strstr(run.log, "usage"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_container");
    TCase *tests = tcase_create("container");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_loop_test(tests, inside_all_is_as_it_should_be, 0, sizeof(checks) / sizeof(checks[0]));
    tcase_add_test(tests, output_and_status_arrive);
    tcase_add_test(tests, the_program_is_first_of_its_namespaces_and_has_what_was_asked_for);
    tcase_add_test(tests, groups_umask_and_a_closed_root_are_as_asked_for);
    tcase_add_test(tests, root_keeps_the_capabilities_that_were_asked_for);
    tcase_add_test(tests, a_user_has_its_ids_and_no_capability);
    tcase_add_test(tests, open_files_and_signals_of_the_daemon_stay_outside);
    tcase_add_test(tests, the_keepers_scheduling_is_not_the_programs);
    tcase_add_test(tests, device_files_of_the_image_are_dead);
    tcase_add_test(tests, a_tmpfs_is_limited);
    tcase_add_test(tests, the_memory_policy_is_that_of_the_request);
    tcase_add_test(tests, mounts_of_a_container_are_not_seen_outside);
    tcase_add_test(tests, mounts_do_not_spread_through_a_shared_root);
    tcase_add_test(tests, what_is_mounted_below_the_root_is_in_the_container);
    tcase_add_test(tests, only_sigkill_ends_a_program_that_handles_no_signal);
    tcase_add_test(tests, the_guests_own_root_is_read_only_with_fresh_scratch_directories);
    tcase_add_test(tests, what_the_guest_has_mounted_elsewhere_is_in_its_own_root_too);
    tcase_add_test(tests, the_program_is_born_in_its_cgroup_and_sees_it_as_the_root);
    tcase_add_test(tests, a_runtime_is_in_the_guest_s_ipc_namespace);
    tcase_add_test(tests, a_script_runs);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
