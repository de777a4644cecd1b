/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/mask.h"

#include <sys/mount.h>

#include "agent/guest/launch/mount.h"
#include "proto/cleanup.h"

/* By the path: two calls less than to open what is covered, for each of a dozen paths in every start. */
static int attach_to(int mount, int fs, const char *path)
{
    return move_mount(mount, "", fs, path, MOVE_MOUNT_F_EMPTY_PATH) < 0 ? -errno : 0;
}

#define NOTHING (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY)

static int mask_directory(int fs, const char *path, int *empty)
{
    CLEANUP_FD int cover = -EBADF;

    if (*empty < 0) {
        *empty = launch_mount_new_tmpfs("0755", 0, NOTHING);
        return *empty < 0 ? *empty : attach_to(*empty, fs, path);
    }
    cover = launch_mount_copy_one(*empty, "", NOTHING);
    return cover < 0 ? cover : attach_to(cover, fs, path);
}

int launch_mask(int fs, const char *path, int dev, int *empty)
{
    CLEANUP_FD int cover = launch_mount_copy_one(dev, "null", 0);
    int r;

    if (cover < 0)
        return cover;
    r = attach_to(cover, fs, path);
    if (r == -EINVAL) /* a file does not cover a directory */
        r = mask_directory(fs, path, empty);
    return r == -ENOENT ? 0 : r;
}

int launch_mask_read_only(int fs, const char *path)
{
    CLEANUP_FD int copy = launch_mount_copy(fs, path, MOUNT_ATTR_RDONLY);

    if (copy == -ENOENT)
        return 0;
    return copy < 0 ? copy : attach_to(copy, fs, path);
}
