/* SPDX-License-Identifier: Apache-2.0 */
/* Trees as hostile containers leave them, on a small ext4 of the test's own: all of it goes, and nothing
 * else. */
#include <errno.h>
#include <linux/fs.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/sysmacros.h>

#include "agent/guest/container/scratch_tree.h"
#include "tests/unit/launch_disk.h"

static struct disk disk;
static int top = -EBADF;

static void set_up(void)
{
    disk_set_up(&disk, "ext4", "8M");
    top = open(disk.place, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ck_assert_int_ge(top, 0);
    ck_assert_int_eq(mkdirat(top, "mine", 0700), 0);
    ck_assert_int_eq(mkdirat(top, "mine/u", 0755), 0);
    ck_assert_int_eq(mkdirat(top, "mine/w", 0700), 0);
    ck_assert_int_eq(mkdirat(top, "other", 0755), 0);
}

static void tear_down(void)
{
    (void)close(top);
    disk_tear_down(&disk);
}

static void file_at(int fd, const char *name)
{
    int file = openat(fd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    ck_assert_int_ge(file, 0);
    ck_assert_int_eq(write(file, name, 1), 1);
    (void)close(file);
}

static bool exists(const char *name)
{
    return faccessat(top, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void expect_gone(void)
{
    ck_assert_int_eq(scratch_tree_remove(top, "mine"), 0);
    ck_assert(!exists("mine"));
    ck_assert(exists("other"));
}

START_TEST(what_is_not_there_is_gone)
{
    expect_gone();
    ck_assert_int_eq(scratch_tree_remove(top, "mine"), 0);
}
END_TEST

START_TEST(entries_of_each_kind_go_and_what_they_name_stays)
{
    int fd = openat(top, "mine/u", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char name[256];

    file_at(top, "other/file");
    for (int depth = 0; depth < 4; depth++) {
        int next;

        file_at(fd, "file");
        file_at(fd, "-rf");
        file_at(fd, "new\nline");
        memset(name, '\xff', 255);
        name[255] = '\0';
        file_at(fd, name);
        ck_assert_int_eq(symlinkat(disk.place, fd, "link"), 0);
        ck_assert_int_eq(symlinkat("/", fd, "root"), 0);
        ck_assert_int_eq(symlinkat("../../../../../../../../other", fd, "up"), 0);
        ck_assert_int_eq(linkat(top, "other/file", fd, "hard", 0), 0);
        ck_assert_int_eq(mkfifoat(fd, "fifo", 0), 0);
        ck_assert_int_eq(mknodat(fd, "whiteout", S_IFCHR, makedev(0, 0)), 0);
        ck_assert_int_eq(mknodat(fd, "disk", S_IFBLK, makedev(7, 0)), 0);
        ck_assert_int_eq(mkdirat(fd, "empty", 0), 0);
        ck_assert_int_eq(mkdirat(fd, "0", 0), 0);
        next = openat(fd, "0", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        (void)close(fd);
        fd = next;
    }
    (void)close(fd);
    expect_gone();
    ck_assert(exists("other/file"));
}
END_TEST

/* What one directory inside the other is, so many times. */
static void dig(int depth)
{
    int fd = openat(top, "mine/u", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (int i = 0; i < depth; i++) {
        int next;

        ck_assert_int_eq(mkdirat(fd, "d", 0700), 0);
        next = openat(fd, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        ck_assert_int_ge(next, 0);
        (void)close(fd);
        fd = next;
    }
    file_at(fd, "bottom");
    (void)close(fd);
}

/* A path to the bottom would be as long as many PATH_MAX. */
#define DEEP 1500
#define FDS  32

START_TEST(a_deep_tree_needs_neither_fds_nor_stack)
{
    const struct rlimit fds = { FDS, FDS };

    dig(DEEP);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &fds), 0);
    expect_gone();
}
END_TEST

START_TEST(a_wide_tree_of_full_directories_goes)
{
    char name[64];

    for (int i = 0; i < 300; i++) {
        (void)snprintf(name, sizeof(name), "mine/u/%d", i);
        ck_assert_int_eq(mkdirat(top, name, 0700), 0);
        (void)snprintf(name, sizeof(name), "mine/u/%d/in", i);
        ck_assert_int_eq(mkdirat(top, name, 0700), 0);
        (void)snprintf(name, sizeof(name), "mine/u/%d/in/in", i);
        ck_assert_int_eq(mkdirat(top, name, 0700), 0);
        (void)snprintf(name, sizeof(name), "mine/u/%d/in/in/file", i);
        file_at(top, name);
    }
    expect_gone();
}
END_TEST

static void set_flags(const char *name, unsigned xflags)
{
    int fd = openat(top, name, O_RDONLY | O_CLOEXEC);
    struct fsxattr attributes;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(ioctl(fd, FS_IOC_FSGETXATTR, &attributes), 0);
    attributes.fsx_xflags |= xflags;
    ck_assert_int_eq(ioctl(fd, FS_IOC_FSSETXATTR, &attributes), 0);
    (void)close(fd);
}

START_TEST(immutable_and_append_only_entries_go)
{
    ck_assert_int_eq(mkdirat(top, "mine/u/a", 0), 0);
    ck_assert_int_eq(mkdirat(top, "mine/u/a/b", 0), 0);
    ck_assert_int_eq(mkdirat(top, "mine/u/a/b/c", 0), 0);
    file_at(top, "mine/u/a/b/c/file");
    file_at(top, "mine/u/file");
    set_flags("mine/u/a/b/c/file", FS_XFLAG_IMMUTABLE);
    set_flags("mine/u/file", FS_XFLAG_APPEND);
    set_flags("mine/u/a/b/c", FS_XFLAG_IMMUTABLE);
    set_flags("mine/u/a/b", FS_XFLAG_APPEND);
    set_flags("mine/u/a", FS_XFLAG_IMMUTABLE);
    set_flags("mine/u", FS_XFLAG_IMMUTABLE);
    set_flags("mine", FS_XFLAG_IMMUTABLE);
    expect_gone();
}
END_TEST

START_TEST(what_is_mounted_there_stays_and_is_told)
{
    file_at(top, "other/file");
    file_at(top, "mine/u/file");
    ck_assert_int_eq(mkdirat(top, "mine/u/a", 0700), 0);
    ck_assert_int_eq(mkdirat(top, "mine/u/a/mount", 0700), 0);
    file_at(top, "mine/u/a/file");
    ck_assert_int_eq(
        mount(disk_path(&disk, "other"), disk_path(&disk, "mine/u/a/mount"), NULL, MS_BIND, NULL), 0);
    ck_assert_int_eq(scratch_tree_remove(top, "mine"), -EBUSY);
    ck_assert(exists("other/file"));
    ck_assert(!exists("mine/u/file"));
    ck_assert(exists("mine/u/a/mount/file"));
    ck_assert(!exists("mine/u/a/file"));
    ck_assert_int_eq(umount2(disk_path(&disk, "mine/u/a/mount"), 0), 0);
    expect_gone();
}
END_TEST

START_TEST(a_directory_that_is_a_link_is_not_followed)
{
    file_at(top, "other/file");
    ck_assert_int_eq(scratch_tree_remove(top, "mine"), 0);
    ck_assert_int_eq(symlinkat("other", top, "mine"), 0);
    expect_gone();
    ck_assert(exists("other/file"));
}
END_TEST

/* Directories at the bottom first, so that there is nothing near the top that could make room. */
START_TEST(a_disk_without_a_block_or_an_inode_left_is_emptied)
{
    static const char zeros[65536];
    char name[32];
    int fd;

    dig(20);
    fd = openat(top, "other/big", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, zeros, sizeof(zeros)) > 0)
        ;
    while (write(fd, zeros, 512) > 0)
        ;
    ck_assert_int_eq(errno, ENOSPC);
    (void)close(fd);
    for (int i = 0;; i++) {
        (void)snprintf(name, sizeof(name), "other/%d", i);
        fd = openat(top, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0)
            break;
        (void)close(fd);
    }
    ck_assert_int_eq(errno, ENOSPC);
    ck_assert_int_lt(mkdirat(top, "mine/full", 0700), 0);
    expect_gone();
}
END_TEST

/* As one that was killed leaves it. */
START_TEST(a_removal_that_was_interrupted_is_finished)
{
    dig(6);
    ck_assert_int_eq(mkdirat(top, "mine/0", 0700), 0);
    ck_assert_int_eq(renameat(top, "mine/u/d/d", top, "mine/0/0"), 0);
    ck_assert_int_eq(mkdirat(top, "mine/1", 0700), 0);
    ck_assert_int_eq(renameat(top, "mine/0/0/d/d", top, "mine/1/0"), 0);
    expect_gone();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guest_scratch_tree");
    TCase *tests = tcase_create("tree");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, what_is_not_there_is_gone);
    tcase_add_test(tests, entries_of_each_kind_go_and_what_they_name_stays);
    tcase_add_test(tests, a_deep_tree_needs_neither_fds_nor_stack);
    tcase_add_test(tests, a_wide_tree_of_full_directories_goes);
    tcase_add_test(tests, immutable_and_append_only_entries_go);
    tcase_add_test(tests, what_is_mounted_there_stays_and_is_told);
    tcase_add_test(tests, a_directory_that_is_a_link_is_not_followed);
    tcase_add_test(tests, a_disk_without_a_block_or_an_inode_left_is_emptied);
    tcase_add_test(tests, a_removal_that_was_interrupted_is_finished);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
