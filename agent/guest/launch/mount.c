/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/mount.h"

#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

#include "proto/cleanup.h"

int launch_mount_new(const char *type, const struct launch_mount_option *options, uint64_t attributes)
{
    CLEANUP_FD int fs = fsopen(type, FSOPEN_CLOEXEC);
    int r;

    if (fs < 0)
        return -errno;
    /* The first column of df(1) and mount(8). */
    if ((!options || !options->key || strcmp(options->key, "source") != 0) &&
        fsconfig(fs, FSCONFIG_SET_STRING, "source", type, 0) < 0)
        return -errno;
    for (; options && options->key; options++) {
        r = fsconfig(fs, options->value ? FSCONFIG_SET_STRING : FSCONFIG_SET_FLAG, options->key,
                     options->value, 0);
        if (r < 0)
            return -errno;
    }
    if (fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) < 0)
        return -errno;
    r = fsmount(fs, FSMOUNT_CLOEXEC, (unsigned)attributes);
    return r < 0 ? -errno : r;
}

int launch_mount_new_tmpfs(const char *mode, uint64_t limit, uint64_t attributes)
{
    char size[32];
    struct launch_mount_option options[] = {
        { "mode", mode },
        { limit ? "size" : NULL, size },
        { NULL, NULL },
    };

    (void)snprintf(size, sizeof(size), "%" PRIu64, limit);
    return launch_mount_new("tmpfs", options, attributes);
}

int launch_mount_limit_tmpfs(int fd, const char *path, uint64_t limit)
{
    CLEANUP_FD int fs = fspick(fd, path, FSPICK_CLOEXEC | FSPICK_SYMLINK_NOFOLLOW);
    char size[32] = "50%"; /* the kernel's default, which it has no word for */

    if (fs < 0)
        return -errno;
    if (limit)
        (void)snprintf(size, sizeof(size), "%" PRIu64, limit);
    if (fsconfig(fs, FSCONFIG_SET_STRING, "size", size, 0) < 0 ||
        fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) < 0)
        return -errno;
    return 0;
}

int launch_mount_target(int fd, const char *path)
{
    struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    int r = (int)syscall(SYS_openat2, fd, path, &how, sizeof(how));

    return r < 0 ? -errno : r;
}

int launch_mount_attach(int mount, int target)
{
    if (move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
        return -errno;
    return 0;
}

int launch_mount_copy(int fd, const char *path, uint64_t attributes)
{
    struct mount_attr attr = { .attr_set = attributes, .propagation = MS_PRIVATE };
    CLEANUP_FD int tree = open_tree(
        fd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);

    if (tree < 0)
        return -errno;
    if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0)
        return -errno;
    return take_fd(&tree);
}

int launch_mount_close(const char *path)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_RDONLY };

    return mount_setattr(AT_FDCWD, path, 0, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int launch_mount_copy_one(int fd, const char *path, uint64_t attributes)
{
    struct mount_attr attr = { .attr_set = attributes, .propagation = MS_PRIVATE };
    CLEANUP_FD int tree =
        open_tree(fd, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);

    if (tree < 0)
        return -errno;
    if (attributes && mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
        return -errno;
    return take_fd(&tree);
}

int launch_mount_isolate(void)
{
    struct mount_attr attr = { .propagation = MS_PRIVATE };

    return mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int launch_mount_cover(int tree)
{
    return move_mount(tree, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH) < 0 || fchdir(tree) < 0 ? -errno : 0;
}

/* The old root then lies over the new one; "." is still the new one (pivot_root(2)). */
static int leave_old_root(void)
{
    return umount2(".", MNT_DETACH) < 0 || chdir("/") < 0 ? -errno : 0;
}

int launch_mount_change_root(void)
{
    return syscall(SYS_pivot_root, ".", ".") < 0 ? -errno : leave_old_root();
}

int launch_mount_enter_cover(void)
{
    return chroot(".") < 0 || chdir("/") < 0 ? -errno : 0;
}

int launch_mount_pivot(void)
{
    if (syscall(SYS_pivot_root, ".", ".") == 0)
        return leave_old_root();
    return errno == EINVAL ? launch_mount_enter_cover() : -errno;
}

const char *launch_mount_type(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return "of its kind";
    switch (fs.f_type) {
    case TMPFS_MAGIC:
        return "tmpfs";
    case RAMFS_MAGIC:
        return "initramfs";
    case OVERLAYFS_SUPER_MAGIC:
        return "overlay";
    case SQUASHFS_MAGIC:
        return "squashfs";
    default:
        return "of its kind";
    }
}
