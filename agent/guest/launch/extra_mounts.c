/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/extra_mounts.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/path.h"
#include "proto/cleanup.h"

#define ATTRIBUTES_KNOWN (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static int bad_mount(struct launch_failure *failure, enum launch_trouble trouble, int error, size_t index,
                     const char *path, const char *why)
{
    (void)launch_failure_set(failure, trouble, LAUNCH_STAGE_MOUNT, error, "mounts", "mount %s: %s", path,
                             why);
    failure->index = index;
    return error;
}

bool launch_extra_mount_forbidden(const char *path)
{
    static const char *const guarded[] = { "/proc", "/sys", "/dev" };

    if (path[0] == '\0' || strcmp(path, "/") == 0)
        return true;
    if (strcmp(path, "/dev/shm") == 0)
        return false;
    for (size_t i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++) {
        size_t length = strlen(guarded[i]);

        if (strncmp(path, guarded[i], length) == 0 && (path[length] == '/' || path[length] == '\0'))
            return true;
    }
    return false;
}

/* Absolute, and neither empty names nor "." nor ".." in it: two ways to write one path would be two mounts.
 */
static bool is_plain(const char *path)
{
    if (path[0] != '/' || strlen(path) >= PATH_MAX)
        return false;
    while (*path) {
        size_t length = strcspn(path + 1, "/");

        if (length == 0 || (length == 1 && path[1] == '.') ||
            (length == 2 && strncmp(path + 1, "..", 2) == 0))
            return false;
        path += 1 + length;
    }
    return true;
}

static int check_one(const struct launch_request *request, size_t index, struct launch_failure *failure)
{
    const struct launch_extra_mount *mount = &request->mounts[index];
    const char *why = NULL;

    if (!is_plain(mount->target))
        why = "the target must be an absolute path without \".\", \"..\" and double slashes";
    else if (launch_extra_mount_forbidden(mount->target))
        why = "the container's root, /proc, /sys and /dev (but /dev/shm) are not for mounts";
    else if (mount->attributes & ~(uint64_t)ATTRIBUTES_KNOWN)
        why = "its attributes are not known";
    else if (mount->kind == LAUNCH_MOUNT_BIND && (!mount->source || mount->source[0] != '/'))
        why = "a bind mount needs the absolute path of a source in the guest";
    else if (mount->kind == LAUNCH_MOUNT_TMPFS && mount->mode > 07777)
        why = "mode must be permissions";
    for (size_t i = 0; !why && i < index; i++)
        if (strcmp(request->mounts[i].target, mount->target) == 0)
            why = "another one has the same target";
    return why ? bad_mount(failure, LAUNCH_BAD_PARAMETER, -EINVAL, index, mount->target, why) : 0;
}

int launch_extra_mounts_check(const struct launch_request *request, struct launch_failure *failure)
{
    int r = 0;

    if (request->n_mounts > LAUNCH_MOUNTS_MAX)
        return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -E2BIG, "mounts",
                                  "a container can have %d mounts at most", LAUNCH_MOUNTS_MAX);
    for (size_t i = 0; r == 0 && i < request->n_mounts; i++)
        r = check_one(request, i, failure);
    return r;
}

static int open_source(const struct launch_extra_mount *mount)
{
    CLEANUP_FD int fd = launch_path_open(AT_FDCWD, mount->source, O_PATH, RESOLVE_NO_MAGICLINKS);

    return fd < 0 ? fd : launch_mount_copy(fd, "", mount->attributes);
}

int launch_sources_open(struct launch_sources *sources, const struct launch_request *request,
                        struct launch_failure *failure)
{
    for (size_t i = 0; i < request->n_mounts; i++) {
        int r = -EBADF;

        if (request->mounts[i].kind == LAUNCH_MOUNT_BIND) {
            r = open_source(&request->mounts[i]);
            if (r < 0)
                return bad_mount(failure, LAUNCH_NO_SOURCE, r, i, request->mounts[i].source, strerror(-r));
        }
        sources->fds[sources->n++] = r;
    }
    return 0;
}

void launch_sources_close(struct launch_sources *sources)
{
    for (size_t i = 0; i < sources->n; i++)
        cleanup_fd(&sources->fds[i]);
    sources->n = 0;
}

/* Makes what is missing on the way to path, directories, and a file at its end if that is wanted. Every step
 * is resolved anew in the root, so that links of the image lead where they lead in the container. */
static int create(int root, const char *path, bool directory)
{
    CLEANUP_FD int parent = launch_path_open(root, ".", O_PATH | O_DIRECTORY, 0);
    char prefix[PATH_MAX];

    for (const char *name = path + 1; parent >= 0; name += strcspn(name, "/") + 1) {
        size_t length = (size_t)(name - path) + strcspn(name, "/");
        bool last = path[length] == '\0';
        int fd, made = -EBADF, r = 0;

        (void)snprintf(prefix, sizeof(prefix), "%.*s", (int)length, path);
        fd = launch_path_open(root, prefix, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
        if (fd == -ENOENT) {
            if (!last || directory)
                r = mkdirat(parent, prefix + (name - path), 0755);
            else
                r = made = openat(parent, prefix + (name - path),
                                  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
            /* EEXIST: a link that leads to nothing, or somebody was faster; the next look tells. */
            if (r < 0 && errno != EEXIST)
                return -errno;
            cleanup_fd(&made);
            fd = launch_path_open(root, prefix, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
        }
        if (fd < 0 || last)
            return fd;
        cleanup_fd(&parent);
        parent = fd;
    }
    return parent;
}

static const char *attach_hint(int error, bool is_bind)
{
    switch (error) {
    case -EROFS:
        return "the target does not exist and can't be created in a root that is read-only there";
    case -ELOOP:
        return "a symbolic link on the way to the target is circular, or leads through a magic link of /proc";
    case -ENOTDIR:
        return is_bind ? "one of source and target is a directory, the other is not"
                       : "the target is not a directory";
    case -EPERM:
        return "the target leads into /proc, /sys or /dev, or to the root itself";
    default:
        return strerror(-error);
    }
}

/* Opens the target and makes sure of where it is. */
static int open_target(int root, const char *path, bool directory)
{
    CLEANUP_FD int fd = launch_path_open(root, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    char location[PATH_MAX];
    int r;

    if (fd == -ENOENT)
        fd = create(root, path, directory);
    if (fd < 0)
        return fd;
    r = launch_path_of(fd, location, sizeof(location));
    if (r < 0)
        return r;
    return launch_extra_mount_forbidden(location) ? -EPERM : take_fd(&fd);
}

static int attach_one(const struct launch_request *request, size_t index, int root, int source)
{
    const struct launch_extra_mount *mount = &request->mounts[index];
    CLEANUP_FD int tmpfs = -EBADF, target = -EBADF;
    char mode[16];
    struct stat st = { .st_mode = S_IFDIR }, there;

    if (mount->kind == LAUNCH_MOUNT_TMPFS) {
        (void)snprintf(mode, sizeof(mode), "%04o", mount->mode);
        tmpfs = launch_mount_new_tmpfs(mode, mount->limit ? mount->limit : request->tmpfs_limit,
                                       mount->attributes);
        if (tmpfs < 0)
            return tmpfs;
    } else if (fstat(source, &st) < 0) {
        return -errno;
    }
    target = open_target(root, mount->target, S_ISDIR(st.st_mode));
    if (target < 0)
        return target;
    if (fstat(target, &there) < 0)
        return -errno;
    if (S_ISDIR(there.st_mode) != S_ISDIR(st.st_mode))
        return -ENOTDIR;
    return launch_mount_attach(tmpfs >= 0 ? tmpfs : source, target);
}

int launch_extra_mounts_attach(const struct launch_sources *sources, const struct launch_request *request,
                               struct launch_failure *failure)
{
    CLEANUP_FD int root = -EBADF;

    if (sources->n == 0)
        return 0;
    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return bad_mount(failure, LAUNCH_SYSTEM, -errno, 0, "/", strerror(errno));
    for (size_t i = 0; i < sources->n; i++) {
        int r = attach_one(request, i, root, sources->fds[i]);
        bool bind = request->mounts[i].kind == LAUNCH_MOUNT_BIND;

        if (r < 0)
            return bad_mount(failure, r == -ENOMEM ? LAUNCH_SYSTEM : LAUNCH_BAD_PARAMETER, r, i,
                             request->mounts[i].target, attach_hint(r, bind));
    }
    return 0;
}
