/* SPDX-License-Identifier: Apache-2.0 */
/* Roots made of layers: what is seen, what is written where, and what is refused. Needs overlayfs. */
#include "tests/unit/launch_run.h"

static struct run run;
static struct fixture upper;
static const char *layers[LAUNCH_LAYERS_MAX + 2];

static void set_up(void)
{
    run_set_up(&run);
    fixture_set_up(&upper);
    fixture_file(&run.fixture, "/etc/name", 0644, "below\n");
    fixture_file(&run.fixture, "/etc/other", 0644, "other\n");
    fixture_dir(&upper, "/etc");
    fixture_file(&upper, "/etc/name", 0644, "above\n");
    memset(layers, 0, sizeof(layers));
    layers[0] = run.fixture.root;
    layers[1] = upper.root;
    run.request.root = NULL;
    run.request.layers = layers;
}

static void tear_down(void)
{
    fixture_tear_down(&upper);
    run_tear_down(&run);
}

START_TEST(the_upper_layer_covers_the_lower)
{
    const char *const actions[] = { "p/etc/name", "p/etc/other", "m/", NULL };

    run_actions(&run, actions, "above\nother\nrw,nosuid,nodev\n");
    layers[0] = upper.root;
    layers[1] = run.fixture.root;
    run_actions(&run, actions, "below\nother\nrw,nosuid,nodev\n");
}
END_TEST

START_TEST(what_is_written_is_gone_with_the_container)
{
    const char *const actions[] = { "w/etc/other", "u/etc/name", "w/new", "p/new", NULL };
    const char *const later[] = { "p/etc/other", "p/etc/name", "p/new", NULL };

    for (int n = 2; n > 0; n--) {
        layers[n] = NULL;
        run_actions(&run, actions, "made\nremoved\nmade\nmade\n");
        run_actions(&run, later, n == 2 ? "other\nabove\nENOENT\n" : "other\nbelow\nENOENT\n");
    }
    ck_assert_int_lt(access(fixture_path(&run.fixture, "/new"), F_OK), 0);
    ck_assert_int_lt(access(fixture_path(&run.fixture, "/dev"), F_OK), 0);
}
END_TEST

START_TEST(the_writable_layer_is_limited)
{
    const char *const actions[] = { "f/big", NULL };

    run.request.writable_limit = 256 << 10;
    run_actions(&run, actions, "ENOSPC\n");
    run.request.writable_limit = 2 << 20;
    run_actions(&run, actions, "full\n");
}
END_TEST

START_TEST(the_limit_of_any_tmpfs_is_that_of_the_writable_layer_too)
{
    const char *const actions[] = { "f/big", NULL };

    run.request.tmpfs_limit = 256 << 10;
    run_actions(&run, actions, "ENOSPC\n");
}
END_TEST

START_TEST(all_that_holds_in_a_directory_holds_in_layers)
{
    static const char *const checks[] = {
        "pipes",           "fork-exec",         "tmpfs",           "mmap-file", "kernel-files-guarded",
        "only-stdio-open", "namespaces-denied", "escape-by-chroot"
    };

    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++) {
        run_probe(&run, checks[i]);
        launch_discard(&run.launch);
    }
}
END_TEST

START_TEST(user_and_program_are_looked_up_in_the_stack)
{
    fixture_file(&upper, "/etc/passwd", 0644, "ann:x:1000:1000::/home/joe:/probe\n");
    run.request.user = "ann";
    ck_assert_int_eq(run_check(&run), 0);
    run_probe(&run, "true");
    launch_discard(&run.launch);
    run.request.user = "joe";
    ck_assert_int_eq(run_check(&run), -ENOENT);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_USER);
    run.request.user = NULL;
    run.args[0] = "/none";
    ck_assert_int_eq(run_check(&run), -ENOENT);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_PROGRAM);
    ck_assert_str_eq(run.failure.parameter, "args");
    memset(&run.failure, 0, sizeof(run.failure));
    ck_assert_int_eq(run_start(&run), -ENOENT);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_PROGRAM);
    ck_assert_ptr_nonnull(strstr(run.failure.message, "/none"));
}
END_TEST

START_TEST(a_program_that_a_layer_removes_is_missing)
{
    /* A whiteout of overlayfs. */
    ck_assert_int_eq(mknod(fixture_path(&upper, "/probe"), S_IFCHR, makedev(0, 0)), 0);
    ck_assert_int_eq(run_check(&run), -ENOENT);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_PROGRAM);
}
END_TEST

START_TEST(a_dev_that_is_a_link_is_refused)
{
    fixture_link(&upper, "/dev", "/etc");
    ck_assert_int_eq(run_check(&run), -ENOTDIR);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_ROOT);
    layers[0] = upper.root;
    layers[1] = NULL;
    ck_assert_int_eq(run_check(&run), -ENOTDIR);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_ROOT);
}
END_TEST

START_TEST(as_many_layers_as_are_allowed)
{
    const char *const actions[] = { "p/etc/name", "p/etc/other", NULL };
    char names[LAUNCH_LAYERS_MAX][PATH_MAX];

    for (int i = 1; i < LAUNCH_LAYERS_MAX; i++) {
        char name[16];

        (void)snprintf(name, sizeof(name), "/l%d", i);
        fixture_dir(&upper, name);
        (void)snprintf(names[i], PATH_MAX, "%s", fixture_path(&upper, name));
        layers[i] = names[i];
    }
    run_actions(&run, actions, "below\nother\n");
    layers[LAUNCH_LAYERS_MAX] = upper.root;
    ck_assert_int_eq(run_check(&run), -E2BIG);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
}
END_TEST

static void expect_refused(size_t index, int error, const char *part)
{
    memset(&run.failure, 0, sizeof(run.failure));
    ck_assert_int_eq(run_check(&run), error);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_LAYER);
    ck_assert_str_eq(run.failure.parameter, "layers");
    ck_assert_uint_eq(run.failure.index, index);
    ck_assert_msg(strstr(run.failure.message, part) != NULL, "%s", run.failure.message);
}

START_TEST(what_is_no_layer_is_refused)
{
    layers[1] = "/none/such";
    expect_refused(1, -ENOENT, "/none/such");
    layers[1] = fixture_path(&upper, "/etc/name");
    expect_refused(1, -ENOTDIR, "neither a directory");
    layers[1] = "tmp";
    expect_refused(1, -EINVAL, "absolute");
    layers[1] = "";
    expect_refused(1, -EINVAL, "absolute");
    layers[1] = run.fixture.root;
    expect_refused(1, -EEXIST, "twice");
    layers[1] = "/proc/self/cwd";
    expect_refused(1, -ELOOP, "/proc/self/cwd");
}
END_TEST

START_TEST(layers_inside_each_other_are_refused)
{
    layers[0] = run.fixture.root;
    layers[1] = fixture_path(&run.fixture, "/etc");
    expect_refused(1, -ELOOP, "/etc: it lies inside layer ");
}
END_TEST

START_TEST(a_root_and_layers_are_refused)
{
    run.request.root = run.fixture.root;
    ck_assert_int_eq(run_check(&run), -EINVAL);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
    run.request.root = NULL;
    layers[0] = NULL;
    ck_assert_int_eq(run_check(&run), -EINVAL);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_BAD_PARAMETER);
}
END_TEST

START_TEST(room_above_no_layers_is_refused)
{
    run.request.layers = NULL;
    run.request.root = run.fixture.root;
    run.request.writable_limit = 4096;
    ck_assert_int_eq(run_check(&run), -EINVAL);
    ck_assert_str_eq(run.failure.parameter, "writable");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_layers");
    TCase *tests = tcase_create("layers");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_upper_layer_covers_the_lower);
    tcase_add_test(tests, what_is_written_is_gone_with_the_container);
    tcase_add_test(tests, the_writable_layer_is_limited);
    tcase_add_test(tests, the_limit_of_any_tmpfs_is_that_of_the_writable_layer_too);
    tcase_add_test(tests, all_that_holds_in_a_directory_holds_in_layers);
    tcase_add_test(tests, user_and_program_are_looked_up_in_the_stack);
    tcase_add_test(tests, a_program_that_a_layer_removes_is_missing);
    tcase_add_test(tests, a_dev_that_is_a_link_is_refused);
    tcase_add_test(tests, as_many_layers_as_are_allowed);
    tcase_add_test(tests, what_is_no_layer_is_refused);
    tcase_add_test(tests, layers_inside_each_other_are_refused);
    tcase_add_test(tests, a_root_and_layers_are_refused);
    tcase_add_test(tests, room_above_no_layers_is_refused);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
