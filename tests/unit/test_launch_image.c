/* SPDX-License-Identifier: Apache-2.0 */
/* Images on block devices as layers. Needs loop devices, and mke2fs to make an image. */
#include <linux/loop.h>
#include <sys/ioctl.h>

#include "agent/guest/launch/image.h"
#include "tests/unit/launch_run.h"

#define IMAGE_SIZE (4 << 20)

static struct run run;
static struct fixture images;
static const char *layers[3];
static char device[32];
static int loop = -EBADF;

static void set_up(void)
{
    run_set_up(&run);
    fixture_set_up(&images);
    memset(layers, 0, sizeof(layers));
    layers[0] = device;
    run.request.root = NULL;
    run.request.layers = layers;
}

static void detach(void)
{
    if (loop < 0)
        return;
    ck_assert_int_eq(ioctl(loop, LOOP_CLR_FD), 0);
    (void)close(loop);
    loop = -EBADF;
}

static void tear_down(void)
{
    launch_discard(&run.launch);
    detach();
    fixture_tear_down(&images);
    run_tear_down(&run);
}

static int open_loop(void)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    int number = control < 0 ? -1 : ioctl(control, LOOP_CTL_GET_FREE);

    (void)close(control);
    ck_assert_msg(number >= 0, "this test needs loop devices");
    (void)snprintf(device, sizeof(device), "/dev/loop%d", number);
    return open(device, O_RDONLY | O_CLOEXEC);
}

/* Others may want the same device: the kernel tells with EBUSY. */
static void attach(const char *path)
{
    int file = open(path, O_RDONLY | O_CLOEXEC), r = -1;

    ck_assert_int_ge(file, 0);
    for (int i = 0; i < 20 && r < 0; i++) {
        struct loop_config config = { .fd = (unsigned)file,
                                      .info.lo_flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR };

        loop = open_loop();
        ck_assert_int_ge(loop, 0);
        r = ioctl(loop, LOOP_CONFIGURE, &config);
        if (r < 0)
            (void)close(loop);
    }
    ck_assert_int_eq(r, 0);
    (void)close(file);
}

static const char *make_file(const char *name)
{
    const char *path = fixture_path(&images, name);

    fixture_file(&images, name, 0644, "");
    ck_assert_int_eq(truncate(path, IMAGE_SIZE), 0);
    return path;
}

/* An ext4 image with what the fixture holds. */
static const char *make_image(void)
{
    const char *path = make_file("/image");
    char command[3 * PATH_MAX];

    (void)snprintf(command, sizeof(command), "/sbin/mke2fs -q -F -t ext4 -d %s %s", run.fixture.root, path);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
    return path;
}

static void damage(const char *path, off_t offset, size_t size)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    char junk[4096];

    memset(junk, 0xa5, sizeof(junk));
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pwrite(fd, junk, size, offset), (ssize_t)size);
    (void)close(fd);
}

START_TEST(an_image_is_a_root_that_is_not_written_to)
{
    const char *const actions[] = { "p/etc/group", "w/etc/group", "w/new", NULL };

    attach(make_image());
    run_actions(&run, actions, "wheel:x:10:joe\nmade\nmade\n");
    run_actions(&run, actions, "wheel:x:10:joe\nmade\nmade\n");
}
END_TEST

START_TEST(an_image_and_a_directory_are_one_tree)
{
    const char *const actions[] = { "p/etc/group", "p/top", NULL };

    attach(make_image());
    fixture_dir(&images, "/layer");
    fixture_file(&images, "/layer/top", 0644, "top\n");
    layers[1] = fixture_path(&images, "/layer");
    ck_assert_int_eq(run_check(&run), 0);
    run_actions(&run, actions, "wheel:x:10:joe\ntop\n");
    layers[1] = layers[0];
    ck_assert_int_eq(run_check(&run), -EEXIST);
}
END_TEST

static void expect_refused(int error, const char *part)
{
    ck_assert_int_eq(run_check(&run), error);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_LAYER);
    ck_assert_msg(strstr(run.failure.message, part) != NULL, "%s", run.failure.message);
}

START_TEST(a_device_without_an_image_is_refused)
{
    attach(make_file("/empty"));
    expect_refused(-EMEDIUMTYPE, "neither an EROFS");
}
END_TEST

START_TEST(a_damaged_image_is_refused)
{
    const char *path = make_image();

    /* The magic number stays; what it stands for does not. */
    damage(path, 1024, 56);
    attach(path);
    ck_assert_int_lt(run_check(&run), 0);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_LAYER);
    ck_assert_msg(strstr(run.failure.message, "damaged") != NULL, "%s", run.failure.message);
}
END_TEST

START_TEST(a_device_without_a_medium_is_refused)
{
    loop = open_loop();
    ck_assert_int_ge(loop, 0);
    (void)close(loop);
    loop = -EBADF;
    ck_assert_int_lt(run_check(&run), 0);
    ck_assert_int_eq(run.failure.trouble, LAUNCH_NO_LAYER);
}
END_TEST

static const struct {
    size_t offset, size;
    unsigned char bytes[4];
    enum launch_image_kind kind;
} heads[] = {
    { 0, 2048, { 0 }, LAUNCH_IMAGE_UNKNOWN },
    { 0, 2048, { 'h', 's', 'q', 's' }, LAUNCH_IMAGE_SQUASHFS },
    { 1024, 2048, { 0xe2, 0xe1, 0xf5, 0xe0 }, LAUNCH_IMAGE_EROFS },
    { 1080, 2048, { 0x53, 0xef }, LAUNCH_IMAGE_EXT4 },
    { 1080, 1081, { 0x53, 0xef }, LAUNCH_IMAGE_UNKNOWN },
    { 0, 3, { 'h', 's', 'q', 's' }, LAUNCH_IMAGE_UNKNOWN },
    { 0, 0, { 0 }, LAUNCH_IMAGE_UNKNOWN },
};

START_TEST(the_kind_is_told_by_magic_numbers_inside_what_was_read)
{
    unsigned char head[LAUNCH_IMAGE_HEAD] = { 0 };

    memcpy(head + heads[_i].offset, heads[_i].bytes, sizeof(heads[_i].bytes));
    ck_assert_int_eq(launch_image_detect(head, heads[_i].size), heads[_i].kind);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("launch_image");
    TCase *tests = tcase_create("image");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_image_is_a_root_that_is_not_written_to);
    tcase_add_test(tests, an_image_and_a_directory_are_one_tree);
    tcase_add_test(tests, a_device_without_an_image_is_refused);
    tcase_add_test(tests, a_damaged_image_is_refused);
    tcase_add_test(tests, a_device_without_a_medium_is_refused);
    tcase_add_loop_test(tests, the_kind_is_told_by_magic_numbers_inside_what_was_read, 0,
                        sizeof(heads) / sizeof(heads[0]));
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
