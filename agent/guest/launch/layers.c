/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/layers.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/guest/launch/image.h"
#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/path.h"
#include "proto/cleanup.h"

/* fsconfig(2) takes 255 bytes at a time: names of layers are as short as can be. */
#define OPTION_MAX     256
#define INDEX_TEXT_MAX 24

#define UPPER "u"
#define WORK  "w"
#define DISK  "d"

static int no_layer(struct launch_failure *failure, int error, size_t index, const char *path,
                    const char *why)
{
    (void)launch_failure_set(failure, LAUNCH_NO_LAYER, LAUNCH_STAGE_LAYERS, error, "layers", "layer %s: %s",
                             path, why);
    failure->index = index;
    return error;
}

/* No directory may be a layer twice: overlayfs would refuse it later and not say which. */
static bool is_known(const struct launch_layers *layers, int mount)
{
    struct stat st, other;

    if (fstat(mount, &st) < 0)
        return false;
    for (size_t i = 0; i < layers->n; i++)
        if (fstat(layers->fds[i], &other) == 0 && other.st_dev == st.st_dev && other.st_ino == st.st_ino)
            return true;
    return false;
}

/* A detached mount of what fd is. */
static int mount_layer(int fd, const char **ret_why)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode))
        return launch_mount_copy_one(fd, "", 0);
    if (S_ISBLK(st.st_mode))
        return launch_image_mount(fd, ret_why);
    *ret_why = "it is neither a directory nor a block device";
    return -ENOTDIR;
}

static int open_layer(struct launch_layers *layers, const char *path, struct launch_failure *failure)
{
    CLEANUP_FD int fd = -EBADF, mount = -EBADF;
    const char *why = NULL;

    if (path[0] != '/')
        return no_layer(failure, -EINVAL, layers->n, path, "it is not an absolute path");
    fd = launch_path_open(AT_FDCWD, path, O_PATH, RESOLVE_NO_MAGICLINKS);
    if (fd < 0)
        return no_layer(failure, fd, layers->n, path, strerror(-fd));
    mount = mount_layer(fd, &why);
    if (mount < 0)
        return no_layer(failure, mount, layers->n, path, why ? why : strerror(-mount));
    if (is_known(layers, mount))
        return no_layer(failure, -EEXIST, layers->n, path, "it is named twice");
    layers->fds[layers->n++] = take_fd(&mount);
    return 0;
}

int launch_layers_open(struct launch_layers *layers, const char *const *paths, struct launch_failure *failure)
{
    int r = 0;

    if (paths && !paths[0])
        return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "layers",
                                  "layers must name one directory at least");
    for (; r == 0 && paths && *paths; paths++) {
        if (layers->n == LAUNCH_LAYERS_MAX)
            return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -E2BIG, "layers",
                                      "a container can have %d layers at most", LAUNCH_LAYERS_MAX);
        r = open_layer(layers, *paths, failure);
    }
    return r;
}

void launch_layers_close(struct launch_layers *layers)
{
    for (size_t i = 0; i < layers->n; i++)
        cleanup_fd(&layers->fds[i]);
    cleanup_fd(&layers->disk);
    *layers = (struct launch_layers)LAUNCH_LAYERS_INIT;
}

/* Below scratch, since overlayfs takes only what is mounted. */
static int attach(int mount, int scratch, const char *name)
{
    CLEANUP_FD int target = -EBADF;

    if (mkdirat(scratch, name, 0700) < 0)
        return -errno;
    target = launch_mount_target(scratch, name);
    return target < 0 ? target : launch_mount_attach(mount, target);
}

/* As "0", "1"… */
static int attach_all(const struct launch_layers *layers, int scratch)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < layers->n; i++) {
        char name[INDEX_TEXT_MAX];

        (void)snprintf(name, sizeof(name), "%zu", i);
        r = attach(layers->fds[i], scratch, name);
    }
    return r;
}

/* The directories of the writable layer, which belong to the container's root. */
static int make_upper(const struct launch_layers *layers, int scratch, const char *upper, const char *work)
{
    int r = layers->disk >= 0 ? attach(layers->disk, scratch, DISK) : 0;

    if (r < 0)
        return r;
    return mkdirat(scratch, upper, 0755) < 0 || mkdirat(scratch, work, 0700) < 0 ? -errno : 0;
}

/* "2:1:0": the top one comes first. */
static void name_all(const struct launch_layers *layers, char list[OPTION_MAX])
{
    size_t used = 0;

    for (size_t i = layers->n; i-- > 0;)
        used += (size_t)snprintf(list + used, OPTION_MAX - used, "%zu%s", i, i ? ":" : "");
}

static int make_scratch(const char *path, uint64_t limit)
{
    CLEANUP_FD int scratch = launch_mount_new_tmpfs("0755", limit, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    CLEANUP_FD int place = -EBADF;
    int r;

    if (scratch < 0)
        return scratch;
    place = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (place < 0)
        return -errno;
    r = launch_mount_attach(scratch, place);
    return r < 0 ? r : take_fd(&scratch);
}

int launch_layers_stack(const struct launch_layers *layers, const char *place, bool writable, uint64_t limit,
                        struct launch_step *step)
{
    CLEANUP_FD int scratch = -EBADF;
    bool disk = layers->disk >= 0;
    char list[OPTION_MAX] = "";
    const struct launch_mount_option options[] = {
        { "lowerdir", list },
        { writable ? "upperdir" : NULL, disk ? DISK "/" UPPER : UPPER },
        { "workdir", disk ? DISK "/" WORK : WORK },
        /* Nothing is written to the disk for the sake of durability: the layer ends with the container. */
        { disk ? "volatile" : NULL, NULL },
        { NULL, NULL },
    };
    int r;

    launch_step_set(step, LAUNCH_STAGE_LAYERS, "make a tmpfs for", "the writable layer");
    scratch = make_scratch(place, limit);
    if (scratch < 0)
        return scratch;
    if (fchdir(scratch) < 0)
        return -errno;
    launch_step_set(step, LAUNCH_STAGE_LAYERS, "make directories for", "the writable layer");
    r = make_upper(layers, scratch, options[1].value, options[2].value);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_LAYERS, "attach", "the layers");
    r = attach_all(layers, scratch);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_LAYERS, "stack", disk ? "the layers and scratch" : "the layers");
    name_all(layers, list);
    return launch_mount_new("overlay", options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
}
