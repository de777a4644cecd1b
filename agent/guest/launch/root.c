/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/root.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/guest/launch/path.h"
#include "proto/cleanup.h"

int launch_root_resolve(const struct launch_root *root, const char *path, int flags)
{
    return launch_path_open(root->fd, path, flags, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int launch_root_open_file(const struct launch_root *root, const char *path)
{
    CLEANUP_FD int fd = launch_root_resolve(root, path, O_PATH);
    struct stat st;
    char link[64];
    int r;

    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    /* The one magic link that is ours: it leads to the very file that was just looked at. */
    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    r = open(link, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return r < 0 ? -errno : r;
}

static int check_mount_points(const struct launch_root *root, const char *path,
                              struct launch_failure *failure)
{
    static const char *const points[] = { "dev", "proc", "sys", "tmp", "run" };
    size_t n = root->own ? 5 : 3;

    for (size_t i = 0; i < n; i++) {
        struct stat st;

        if (fstatat(root->fd, points[i], &st, AT_SYMLINK_NOFOLLOW) < 0) {
            if (errno == ENOENT && !root->own)
                continue;
            return launch_failure_set(failure, LAUNCH_NO_ROOT, LAUNCH_STAGE_ROOT, -errno, "root",
                                      "root %s: cannot use /%s in it: %s; create that directory", path,
                                      points[i], strerror(errno));
        }
        if (!S_ISDIR(st.st_mode))
            return launch_failure_set(failure, LAUNCH_NO_ROOT, LAUNCH_STAGE_ROOT, -ENOTDIR, "root",
                                      "root %s: /%s in it is %s, but must be a directory (or missing), since "
                                      "the container's own is mounted there",
                                      path, points[i], S_ISLNK(st.st_mode) ? "a symbolic link" : "a file");
    }
    return 0;
}

/* The guest's root given by its name would be writable, which nobody wants who can also leave it out. */
static int check_not_own(const struct launch_root *root, const char *path, struct launch_failure *failure)
{
    struct stat guest, given;

    if (stat("/", &guest) < 0 || fstat(root->fd, &given) < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_ROOT, -errno, NULL,
                                  "cannot look at root %s: %s", path, strerror(errno));
    if (guest.st_dev == given.st_dev && guest.st_ino == given.st_ino)
        return launch_failure_set(failure, LAUNCH_NO_ROOT, LAUNCH_STAGE_ROOT, -EINVAL, "root",
                                  "root %s is the guest's own root, which a container can have only "
                                  "read-only: leave root out for that",
                                  path);
    return 0;
}

static int open_given(struct launch_root *root, const char *path, struct launch_failure *failure)
{
    if (path[0] != '/')
        return launch_failure_set(failure, LAUNCH_NO_ROOT, LAUNCH_STAGE_ROOT, -EINVAL, "root",
                                  "root '%s' is not an absolute path", path);
    root->fd = launch_path_open(AT_FDCWD, path, O_PATH | O_DIRECTORY, RESOLVE_NO_MAGICLINKS);
    if (root->fd < 0)
        return launch_failure_set(failure, LAUNCH_NO_ROOT, LAUNCH_STAGE_ROOT, root->fd, "root",
                                  "root %s is not a directory that can be opened in the guest: %s", path,
                                  strerror(-root->fd));
    return check_not_own(root, path, failure);
}

/* What is known once fd is open. */
static int look_around(struct launch_root *root, const char *path, struct launch_failure *failure)
{
    char location[PATH_MAX] = "";
    int r;

    r = launch_path_of(root->fd, location, sizeof(location));
    if (r < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_ROOT, r, NULL,
                                  "cannot tell where root %s is (is /proc mounted?): %s", path, strerror(-r));
    root->location = strdup(location);
    if (!root->location)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_ROOT, -ENOMEM, NULL, "out of memory");
    return check_mount_points(root, path, failure);
}

int launch_root_open(struct launch_root *root, const char *path, struct launch_failure *failure)
{
    int r;

    root->own = !path;
    if (path) {
        r = open_given(root, path, failure);
        if (r < 0)
            return r;
    } else {
        path = "/";
        root->fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (root->fd < 0)
            return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_ROOT, -errno, NULL,
                                      "cannot open the guest's root: %s", strerror(errno));
    }
    return look_around(root, path, failure);
}

int launch_root_adopt(struct launch_root *root, int fd, struct launch_failure *failure)
{
    bool own = root->own;

    launch_root_close(root);
    root->own = own;
    if (fd < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_ROOT, fd, NULL,
                                  "cannot look into the container's root: %s", strerror(-fd));
    root->fd = fd;
    return look_around(root, "of the container", failure);
}

void launch_root_close(struct launch_root *root)
{
    cleanup_fd(&root->fd);
    free(root->location);
    *root = (struct launch_root)LAUNCH_ROOT_INIT;
}

bool launch_root_hides_path(const struct launch_root *root, const char *path)
{
    static const char *const points[] = { "/dev", "/proc", "/sys", "/tmp", "/run" };
    size_t n = root->live ? 0 : root->own ? 5 : 3;

    for (size_t i = 0; i < n; i++) {
        size_t length = strlen(points[i]);

        if (strncmp(path, points[i], length) == 0 && (path[length] == '/' || path[length] == '\0'))
            return true;
    }
    return false;
}

bool launch_root_hides(const struct launch_root *root, int fd)
{
    char location[PATH_MAX] = "";
    size_t length = strlen(root->location);

    /* What cannot be told is left to the set-up, which sees the real thing. */
    if (launch_path_of(fd, location, sizeof(location)) < 0 || strncmp(location, root->location, length) != 0)
        return false;
    return launch_root_hides_path(root, location + length);
}
