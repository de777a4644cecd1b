/* SPDX-License-Identifier: Apache-2.0 */
/* Containers with users of their own: who is who inside and outside, and whose the files are. /tmp must be on
 * a file system that can be mapped, as ext4, xfs and btrfs can. */
#include <sched.h>
#include <sys/mount.h>

#include "tests/unit/launch_cgroup.h"
#include "tests/unit/launch_run.h"

#define FIRST 200000
#define COUNT 65536

static const struct launch_id_range range = { .inside = 0, .outside = FIRST, .count = COUNT };
static struct run run;
static struct fixture data;
static struct launch_extra_mount mount_of_data;

static void set_up(void)
{
    run_set_up(&run);
    fixture_set_up(&data);
    fixture_file(&data, "/file", 0600, "of the guest\n");
    run.request.users.uids = run.request.users.gids = (struct launch_id_map){ .ranges = &range, .n = 1 };
}

static void tear_down(void)
{
    fixture_tear_down(&data);
    run_tear_down(&run);
}

static void expect_owner(const struct fixture *fixture, const char *path, uid_t uid, gid_t gid)
{
    struct stat st;

    ck_assert_int_eq(lstat(fixture_path(fixture, path), &st), 0);
    ck_assert_uint_eq(st.st_uid, uid);
    ck_assert_uint_eq(st.st_gid, gid);
}

/* A line of /proc/PID/status of the container's first process. */
static void expect_status(const char *expected)
{
    char path[64], line[256];
    bool found = false;
    FILE *file;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)run.launch.pid);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof(line), file))
        found = found || strcmp(line, expected) == 0;
    (void)fclose(file);
    ck_assert_msg(found, "not in %s: %s", path, expected);
}

START_TEST(root_inside_is_an_unprivileged_user_outside)
{
    run.args[1] = "stay";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    expect_status("Uid:\t200000\t200000\t200000\t200000\n");
    expect_status("Gid:\t200000\t200000\t200000\t200000\n");
}
END_TEST

START_TEST(a_user_inside_is_one_of_its_range_outside)
{
    run.request.user = "joe";
    run.args[1] = "stay";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    expect_status("Uid:\t201000\t201000\t201000\t201000\n");
    expect_status("Groups:\t200010 \n");
}
END_TEST

START_TEST(the_root_belongs_to_the_containers_root)
{
    const char *const actions[] = {
        "p/proc/self/uid_map", "o/",    "o/probe", "o/dev", "o/dev/null", "o/proc", "o/tmp",
        "p/etc/passwd",        "w/new", "o/new",   NULL
    };

    fixture_dir(&run.fixture, "/tmp");
    ck_assert_int_eq(lchown(fixture_path(&run.fixture, "/tmp"), 1000, 10), 0);
    run_actions(&run, actions,
                "         0     200000      65536\n0:0\n0:0\n0:0\n0:0\n65534:65534\n1000:10\n"
                "root:x:0:0::/root:/bin/sh\nmade\n0:0\n");
    expect_owner(&run.fixture, "/new", 0, 0);
    expect_owner(&run.fixture, "/dev", 0, 0);
}
END_TEST

START_TEST(owners_that_are_kept_are_the_guests)
{
    const char *const actions[] = { "o/probe", "o/etc", "w/etc/new", "w/new", NULL };

    run.request.users.owners = LAUNCH_OWNERS_KEPT;
    ck_assert_int_eq(lchown(fixture_path(&run.fixture, "/etc"), FIRST, FIRST), 0);
    ck_assert_int_eq(lchown(run.fixture.root, FIRST + 1, FIRST), 0);
    run_actions(&run, actions, "65534:65534\n0:0\nmade\nmade\n");
    expect_owner(&run.fixture, "/etc/new", FIRST, FIRST);
    expect_owner(&run.fixture, "/dev", FIRST, FIRST);
}
END_TEST

/* Checks of the probe that must be as true with users of its own as without. */
static const char *const checks[] = {
    "pipes",
    "fork-exec",
    "tmpfs",
    "mmap-file",
    "threads",
    "mempolicy-denied",
    "vsock-denied",
    "namespaces-denied",
    "only-stdio-open",
    "root-is-limited",
    "has-own-mqueue",
    "signals-are-default",
    "cgroup-is-the-root",
    "kernel-files-guarded",
    "escape-by-chroot",
};

START_TEST(all_that_holds_without_holds_with_users_of_its_own)
{
    char path[PATH_MAX];

    run.request.cgroup_fd = run_make_cgroup(path, sizeof(path));
    run_probe(&run, checks[_i]);
    (void)close(run.request.cgroup_fd);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(its_root_may_do_among_its_own_what_root_does)
{
    run.request.network.kind = LAUNCH_NETWORK_NONE;
    run_probe(&run, "has-users-of-its-own");
    launch_discard(&run.launch);
    run_probe(&run, "loopback-only");
}
END_TEST

START_TEST(the_guests_network_stays_out_of_reach_of_its_root)
{
    run.args[1] = "has-users-of-its-own";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    run_finish(&run);
    ck_assert_int_eq(run.end.si_status, 1);
    ck_assert_ptr_nonnull(strstr(run.log, "http"));
}
END_TEST

START_TEST(a_user_of_its_own_has_nothing)
{
    run.request.user = "joe";
    run_probe(&run, "user-has-nothing");
}
END_TEST

START_TEST(its_terminal_is_its_users)
{
    const char *const actions[] = { "o/dev/pts/0", "o/dev/console", "o/dev/pts/ptmx", NULL };

    run.request.tty = true;
    run.request.user = "joe";
    run_actions(&run, actions, "1000:5\r\n1000:5\r\n0:0\r\n");
}
END_TEST

START_TEST(layers_belong_to_the_containers_root)
{
    const char *layers[] = { run.fixture.root, data.root, NULL };
    const char *const actions[] = { "o/",    "o/file", "p/file",       "o/etc/passwd", "w/file", "o/file",
                                    "w/new", "o/new",  "w/etc/passwd", "o/etc/passwd", NULL };

    for (size_t n = 2; n > 0; n--) {
        layers[n] = NULL;
        run.request.root = NULL;
        run.request.layers = layers;
        ck_assert_msg(run_check(&run) == 0, "%s", run.failure.message);
        run_actions(&run, actions,
                    n == 2 ? "0:0\n0:0\nof the guest\n0:0\nmade\n0:0\nmade\n0:0\nmade\n0:0\n"
                           : "0:0\nENOENT\nENOENT\n0:0\nmade\n0:0\nmade\n0:0\nmade\n0:0\n");
    }
    expect_owner(&data, "/file", 0, 0);
    ck_assert_int_lt(access(fixture_path(&run.fixture, "/new"), F_OK), 0);
}
END_TEST

START_TEST(a_mount_has_the_owners_that_were_asked_for)
{
    const char *const actions[] = { "o/data/file", "p/data/file", "w/data/new", NULL };

    mount_of_data = (struct launch_extra_mount){ .source = data.root,
                                                 .target = "/data",
                                                 .attributes = LAUNCH_TMPFS_ATTRIBUTES };
    run.request.mounts = &mount_of_data;
    run.request.n_mounts = 1;
    run_actions(&run, actions, "0:0\nof the guest\nmade\n");
    expect_owner(&data, "/new", 0, 0);
    mount_of_data.owners = LAUNCH_OWNERS_KEPT;
    run_actions(&run, actions, "65534:65534\nEACCES\nEACCES\n");
    mount_of_data =
        (struct launch_extra_mount){ .kind = LAUNCH_MOUNT_TMPFS, .target = "/data", .mode = 0700 };
    run_actions(&run, (const char *const[]){ "o/data", "w/data/new", "o/data/new", NULL },
                "0:0\nmade\n0:0\n");
}
END_TEST

START_TEST(the_guests_own_root_can_be_its_root)
{
    run.request.root = NULL;
    run.args[0] = "sh";
    run.args[1] = "-c";
    run.args[2] =
        "id -u; stat -c %u:%g /etc/passwd /tmp; echo x >/tmp/x && stat -c %u:%g /tmp/x; echo y >/etc/y";
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    run_finish(&run);
    ck_assert_msg(strncmp(run.log, "0\n0:0\n0:0\n0:0\n", 14) == 0, "%s", run.log);
    ck_assert_ptr_nonnull(strstr(run.log, "Read-only"));
}
END_TEST

/* The initramfs of a guest is one like this. */
static void mount_ramfs(const char *path)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("ramfs", fixture_path(&data, path), "ramfs", 0, NULL), 0);
}

static void expect_refusal(const char *parameter, const char *word)
{
    ck_assert_int_lt(run_check(&run), 0);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
    ck_assert_str_eq(run.failure.parameter, parameter);
    ck_assert_msg(strstr(run.failure.message, word) != NULL, "%s", run.failure.message);
    memset(&run.failure, 0, sizeof(run.failure));
    ck_assert_int_lt(run_start(&run), 0);
    ck_assert_str_eq(run.failure.parameter, parameter);
}

START_TEST(what_cannot_be_mapped_is_refused_before_and_by_name)
{
    const char *layers[] = { run.fixture.root, data.root, NULL };

    mount_ramfs("");
    mount_of_data = (struct launch_extra_mount){ .source = data.root, .target = "/data" };
    run.request.mounts = &mount_of_data;
    run.request.n_mounts = 1;
    expect_refusal("mounts", "initramfs");
    run.request.n_mounts = 0;
    run.request.root = NULL;
    run.request.layers = layers;
    expect_refusal("layers", data.root);
    run.request.layers = NULL;
    run.request.root = data.root;
    fixture_copy(&data, "/probe", 0755, fixture_path(&run.fixture, "/probe"));
    expect_refusal("root", "initramfs");
    run.request.users.owners = LAUNCH_OWNERS_KEPT;
    run_probe(&run, "true");
    ck_assert_int_eq(umount2(data.root, MNT_DETACH), 0);
}
END_TEST

START_TEST(a_user_without_an_id_there_is_refused)
{
    static const char *const users[] = { "65536", "0:65536", "4294967294" };

    for (size_t i = 0; i < sizeof(users) / sizeof(users[0]); i++) {
        run.request.user = users[i];
        ck_assert_int_eq(run_check(&run), -EINVAL);
        ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_USER);
        ck_assert_msg(strstr(run.failure.message, "0 to 65535") != NULL, "%s", run.failure.message);
    }
}
END_TEST

START_TEST(no_process_and_no_fd_is_left)
{
    siginfo_t info;
    int before = dup(0), after;

    (void)close(before);
    ck_assert_int_eq(run_check(&run), 0);
    run_probe(&run, "true");
    launch_discard(&run.launch);
    run.request.root = "/none-such";
    ck_assert_int_lt(run_check(&run), 0);
    after = dup(0);
    (void)close(after);
    ck_assert_int_eq(before, after);
    ck_assert_int_lt(waitid(P_ALL, 0, &info, WEXITED | WNOHANG), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch/userns");
    TCase *tcase = tcase_create("launch");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, root_inside_is_an_unprivileged_user_outside);
    tcase_add_test(tcase, a_user_inside_is_one_of_its_range_outside);
    tcase_add_test(tcase, the_root_belongs_to_the_containers_root);
    tcase_add_test(tcase, owners_that_are_kept_are_the_guests);
    tcase_add_loop_test(tcase, all_that_holds_without_holds_with_users_of_its_own, 0,
                        (int)(sizeof(checks) / sizeof(checks[0])));
    tcase_add_test(tcase, its_root_may_do_among_its_own_what_root_does);
    tcase_add_test(tcase, the_guests_network_stays_out_of_reach_of_its_root);
    tcase_add_test(tcase, a_user_of_its_own_has_nothing);
    tcase_add_test(tcase, its_terminal_is_its_users);
    tcase_add_test(tcase, layers_belong_to_the_containers_root);
    tcase_add_test(tcase, a_mount_has_the_owners_that_were_asked_for);
    tcase_add_test(tcase, the_guests_own_root_can_be_its_root);
    tcase_add_test(tcase, what_cannot_be_mapped_is_refused_before_and_by_name);
    tcase_add_test(tcase, a_user_without_an_id_there_is_refused);
    tcase_add_test(tcase, no_process_and_no_fd_is_left);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
