/* SPDX-License-Identifier: Apache-2.0 */
/* Writable layers on a scratch disk: what is written where, and what is refused. Needs overlayfs, loop
 * devices and mkfs.ext4. */
#include "tests/unit/launch_disk.h"
#include "tests/unit/launch_run.h"

#define OWN  "own"
#define IDS  200000
#define MINE OWN "/u"
/* Of 1 MiB each, on a disk of 8. */
#define FILES ((size_t)12)

static const struct launch_id_range range = { .inside = 0, .outside = IDS, .count = 65536 };
static struct disk disk;
static struct run run;
static const char *layers[3];

static void set_up(void)
{
    disk_set_up(&disk, "ext4", "8M");
    run_set_up(&run);
    fixture_file(&run.fixture, "/etc/name", 0644, "below\n");
    memset(layers, 0, sizeof(layers));
    layers[0] = run.fixture.root;
    run.request.root = NULL;
    run.request.layers = layers;
    run.request.scratch = disk.place;
    run.request.scratch_name = OWN;
}

static void tear_down(void)
{
    run_tear_down(&run);
    disk_tear_down(&disk);
}

static void expect_owner(const char *path, uid_t uid)
{
    struct stat st;

    ck_assert_msg(lstat(disk_path(&disk, path), &st) == 0, "%s", path);
    ck_assert_uint_eq(st.st_uid, uid);
}

START_TEST(what_is_written_is_on_the_disk_and_not_in_the_layers)
{
    const char *const actions[] = { "w/etc/name", "w/new", "p/new", "m/", NULL };

    run_actions(&run, actions, "made\nmade\nmade\nrw,nosuid,nodev\n");
    expect_owner(MINE "/new", 0);
    expect_owner(MINE "/etc/name", 0);
    ck_assert_int_lt(access(fixture_path(&run.fixture, "/new"), F_OK), 0);
}
END_TEST

START_TEST(the_directory_is_nobody_elses)
{
    const char *const actions[] = { "w/new", NULL };
    struct stat st;

    run_actions(&run, actions, "made\n");
    ck_assert_int_eq(stat(disk_path(&disk, OWN), &st), 0);
    ck_assert_uint_eq(st.st_mode, S_IFDIR | 0700);
}
END_TEST

/* Overlayfs leaves a mark for that. */
START_TEST(nothing_is_synced_for_it)
{
    run_probe(&run, "true");
    expect_owner(OWN "/w/work/incompat/volatile", 0);
}
END_TEST

START_TEST(a_full_disk_is_enospc)
{
    static char names[FILES][8];

    run.args[1] = "do";
    for (size_t i = 0; i < FILES; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "f/%zu", i);
        run.args[2 + i] = names[i];
    }
    ck_assert_msg(run_start(&run) == 1, "%s", run.failure.message);
    run_finish(&run);
    ck_assert_msg(strncmp(run.log, "full\n", 5) == 0 && strstr(run.log, "ENOSPC\n") != NULL, "%s", run.log);
}
END_TEST

START_TEST(with_users_of_its_own_what_it_writes_is_theirs)
{
    const char *const actions[] = { "o/", "o/etc/name", "w/new", "w/etc/name", "o/new", NULL };

    run.request.users.uids = run.request.users.gids = (struct launch_id_map){ .ranges = &range, .n = 1 };
    run_actions(&run, actions, "0:0\n0:0\nmade\nmade\n0:0\n");
    expect_owner(OWN, 0);
    expect_owner(MINE, IDS);
    expect_owner(MINE "/new", IDS);
    expect_owner(MINE "/etc/name", IDS);
}
END_TEST

START_TEST(a_check_makes_nothing)
{
    ck_assert_msg(run_check(&run) == 0, "%s", run.failure.message);
    ck_assert_int_lt(access(disk_path(&disk, OWN), F_OK), 0);
}
END_TEST

static void expect_refused(int error, const char *parameter, const char *part)
{
    memset(&run.failure, 0, sizeof(run.failure));
    ck_assert_int_eq(run_check(&run), error);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
    ck_assert_str_eq(run.failure.parameter, parameter);
    ck_assert_msg(strstr(run.failure.message, part) != NULL, "%s", run.failure.message);
}

START_TEST(what_is_no_scratch_is_refused)
{
    static char link[PATH_MAX];

    run.request.scratch = "tmp";
    expect_refused(-EINVAL, "scratch", "absolute");
    run.request.scratch = "/none/such";
    expect_refused(-ENOENT, "scratch", "/none/such");
    run.request.scratch = fixture_path(&run.fixture, "/etc/name");
    expect_refused(-ENOTDIR, "scratch", "/etc/name");
    run.request.scratch = "/proc/self/cwd";
    expect_refused(-ELOOP, "scratch", "/proc/self/cwd");
    (void)snprintf(link, sizeof(link), "%s", disk_path(&disk, "link"));
    ck_assert_int_eq(symlink(disk.place, link), 0);
    run.request.scratch = link;
    ck_assert_int_eq(run_check(&run), 0);
}
END_TEST

START_TEST(a_file_system_that_will_not_do_is_refused_by_its_name)
{
    ck_assert_int_eq(mkdir(disk_path(&disk, "memory"), 0755), 0);
    ck_assert_int_eq(mount("tmpfs", disk_path(&disk, "memory"), "tmpfs", 0, NULL), 0);
    run.request.scratch = disk_path(&disk, "memory");
    expect_refused(-EOPNOTSUPP, "scratch", "tmpfs");
    run.request.scratch = "/proc/sys";
    expect_refused(-EOPNOTSUPP, "scratch", "/proc/sys");
    run.request.scratch = disk.place;
    ck_assert_int_eq(mount(NULL, disk.place, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), 0);
    expect_refused(-EROFS, "scratch", "read-only");
}
END_TEST

START_TEST(a_scratch_in_a_layer_is_refused_and_one_mounted_there_is_not)
{
    static char inside[PATH_MAX];

    ck_assert_int_eq(mkdir(disk_path(&disk, "layer"), 0755), 0);
    ck_assert_int_eq(mkdir(disk_path(&disk, "layer/in"), 0755), 0);
    (void)snprintf(inside, sizeof(inside), "%s", disk_path(&disk, "layer/in"));
    layers[1] = disk_path(&disk, "layer");
    run.request.scratch = layers[1];
    expect_refused(-ELOOP, "scratch", "lies inside layer");
    run.request.scratch = inside;
    expect_refused(-ELOOP, "scratch", "lies inside layer");
    layers[1] = disk.fixture.root;
    run_probe(&run, "true");
}
END_TEST

START_TEST(a_scratch_without_layers_and_a_limit_of_it_are_refused)
{
    run.request.writable_limit = 1 << 20;
    expect_refused(-EINVAL, "writable", disk.place);
    run.request.writable_limit = 0;
    run.request.layers = NULL;
    run.request.root = run.fixture.root;
    expect_refused(-EINVAL, "scratch", "without layers");
    run.request.root = NULL;
    expect_refused(-EINVAL, "scratch", "without layers");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_scratch");
    TCase *tests = tcase_create("scratch");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_written_is_on_the_disk_and_not_in_the_layers);
    tcase_add_test(tests, the_directory_is_nobody_elses);
    tcase_add_test(tests, nothing_is_synced_for_it);
    tcase_add_test(tests, a_full_disk_is_enospc);
    tcase_add_test(tests, with_users_of_its_own_what_it_writes_is_theirs);
    tcase_add_test(tests, a_check_makes_nothing);
    tcase_add_test(tests, what_is_no_scratch_is_refused);
    tcase_add_test(tests, a_file_system_that_will_not_do_is_refused_by_its_name);
    tcase_add_test(tests, a_scratch_in_a_layer_is_refused_and_one_mounted_there_is_not);
    tcase_add_test(tests, a_scratch_without_layers_and_a_limit_of_it_are_refused);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
