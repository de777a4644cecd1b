/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/scratch.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>

#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/path.h"
#include "proto/cleanup.h"

static int refuse(struct launch_failure *failure, int error, const struct launch_request *request,
                  const char *why)
{
    return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_LAYERS, error, "scratch",
                              "scratch %s: %s", request->scratch, why);
}

/* Overlayfs needs more than POSIX above: extended attributes, whiteouts, types in directories. Not by trying
 * it: that would write. */
static bool can_be_written_above(long type)
{
    static const long types[] = { EXT4_SUPER_MAGIC, XFS_SUPER_MAGIC, BTRFS_SUPER_MAGIC, F2FS_SUPER_MAGIC };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i] == type)
            return true;
    return false;
}

static int check_file_system(int fd, const struct launch_request *request, struct launch_failure *failure)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return refuse(failure, -errno, request, strerror(errno));
    if (!can_be_written_above(fs.f_type))
        return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_LAYERS, -EOPNOTSUPP, "scratch",
                                  "scratch %s: a writable layer can't be on a file system %s, only on ext4, "
                                  "xfs, btrfs or f2fs; one in memory is what a container has without scratch",
                                  request->scratch, launch_mount_type(fd));
    return fs.f_flags & ST_RDONLY
               ? refuse(failure, -EROFS, request, "it lies on a file system that is mounted read-only")
               : 0;
}

/* Overlayfs would refuse it later, and not say which. What is mounted inside a layer is not seen through it,
 * and so is fine. */
static int check_layers(const struct launch_request *request, struct launch_failure *failure)
{
    char scratch[PATH_MAX], layer[PATH_MAX];
    struct stat inner, outer;

    for (size_t i = 0; request->layers[i]; i++)
        if (realpath(request->scratch, scratch) && realpath(request->layers[i], layer) &&
            launch_path_is_inside(scratch, layer) && stat(scratch, &inner) == 0 && stat(layer, &outer) == 0 &&
            inner.st_dev == outer.st_dev)
            return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_LAYERS, -ELOOP, "scratch",
                                      "scratch %s: it lies inside layer %s", request->scratch,
                                      request->layers[i]);
    return 0;
}

static int make_own(int fd, const struct launch_request *request, int *ret_disk,
                    struct launch_failure *failure)
{
    CLEANUP_FD int own = -EBADF;
    int r;

    /* EEXIST: the name is nobody else's, so an earlier attempt at this start was killed. */
    if (mkdirat(fd, request->scratch_name, 0700) < 0 && errno != EEXIST)
        r = -errno;
    else
        r = launch_path_open(fd, request->scratch_name, O_PATH | O_DIRECTORY,
                             RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    own = r;
    if (r >= 0)
        r = launch_mount_copy_one(own, "", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    if (r < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_LAYERS, r, NULL,
                                  "cannot make a directory for the writable layer in %s: %s",
                                  request->scratch, strerror(-r));
    *ret_disk = r;
    return 0;
}

int launch_scratch_open(const struct launch_request *request, int *ret_disk, struct launch_failure *failure)
{
    CLEANUP_FD int fd = -EBADF;
    int r;

    if (!request->scratch)
        return 0;
    if (request->writable_limit)
        return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "writable",
                                  "writable limits a layer in memory; one on scratch %s can become as large "
                                  "as the file system there",
                                  request->scratch);
    if (request->scratch[0] != '/')
        return refuse(failure, -EINVAL, request, "it is not an absolute path");
    fd = launch_path_open(AT_FDCWD, request->scratch, O_PATH | O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
    if (fd < 0)
        return refuse(failure, fd, request, strerror(-fd));
    r = check_file_system(fd, request, failure);
    if (r == 0)
        r = check_layers(request, failure);
    return r == 0 && ret_disk ? make_own(fd, request, ret_disk, failure) : r;
}
