/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/skeleton.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/guest/launch/dev.h"
#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/proc.h"
#include "agent/guest/launch/sys.h"
#include "proto/cleanup.h"

/* A directory that nothing is ever put into, and that no container sees but where it covers another. */
#define EMPTY "/empty"

/* Only a tmpfs that has a limit can be given another one. */
#define SHM_LIMIT (64 << 10)

/* One file system for all that needs one of its own: the kernel keeps lists for each, node by node and cgroup
 * by cgroup. */
static int make_root(struct launch_step *step)
{
    CLEANUP_FD int root =
        launch_mount_new_tmpfs("0755", LAUNCH_DEV_LIMIT, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    int r;

    launch_step_set(step, LAUNCH_STAGE_PIVOT, "change the root to", "one without the guest's mounts");
    if (root < 0)
        return root;
    if (mkdirat(root, "dev", 0755) < 0 || mkdirat(root, "sys", 0755) < 0 || mkdirat(root, "proc", 0755) < 0 ||
        mkdirat(root, &EMPTY[1], 0755) < 0 || mkdirat(root, &LAUNCH_SKELETON_SCRATCH[1], 0700) < 0)
        return -errno;
    r = launch_mount_cover(root);
    return r == 0 ? launch_mount_change_root() : r;
}

static int open_place(const char *path)
{
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

static int attach(int mount, const char *path)
{
    CLEANUP_FD int target = open_place(path);

    return target < 0 ? target : launch_mount_attach(mount, target);
}

static int make_dev(int *ret_dev, struct launch_step *step)
{
    CLEANUP_FD int dev = -EBADF;
    int r;

    launch_step_set(step, LAUNCH_STAGE_MOUNT, "make a place for", "/dev");
    dev = launch_mount_copy_one(AT_FDCWD, "/dev", 0);
    r = dev < 0 ? dev : launch_dev_fill(dev, step);
    if (r == 0)
        r = attach(dev, "/dev");
    if (r == 0)
        r = launch_dev_complete(dev, LAUNCH_DEV_TTY_GROUP, step);
    if (r == 0)
        r = launch_dev_add_shm(dev, SHM_LIMIT, step);
    if (r == 0)
        *ret_dev = take_fd(&dev);
    return r;
}

static int make_sys(int dev, int *empty, int *ret_sys, struct launch_step *step)
{
    CLEANUP_FD int sys = launch_sys_new(step);
    int r = sys < 0 ? sys : attach(sys, "/sys");

    if (r == 0)
        r = launch_sys_mask(sys, dev, empty, step);
    if (r == 0)
        r = launch_sys_add_cgroup(sys, step);
    if (r == 0)
        *ret_sys = take_fd(&sys);
    return r;
}

static int make_proc(int dev, int *empty, int *ret_proc, struct launch_step *step)
{
    CLEANUP_FD int proc = launch_proc_new(step);
    int r = proc < 0 ? proc : attach(proc, "/proc");

    if (r == 0)
        r = launch_proc_mask(proc, dev, empty, step);
    if (r == 0)
        *ret_proc = take_fd(&proc);
    return r;
}

static struct launch_skeleton take(struct launch_skeleton *skeleton)
{
    struct launch_skeleton taken = *skeleton;

    *skeleton = (struct launch_skeleton)LAUNCH_SKELETON_INIT;
    return taken;
}

int launch_skeleton_build(struct launch_skeleton *ret_skeleton, struct launch_step *step)
{
    CLEANUP(launch_skeleton_close) struct launch_skeleton skeleton = LAUNCH_SKELETON_INIT;
    CLEANUP_FD int empty = -EBADF;
    int r;

    launch_step_set(step, LAUNCH_STAGE_PIVOT, "make the mounts private of", "the container");
    r = launch_mount_isolate();
    if (r == 0)
        r = make_root(step);
    if (r == 0)
        r = make_dev(&skeleton.dev, step);
    if (r == 0)
        r = empty = open_place(EMPTY);
    if (r >= 0)
        r = make_sys(skeleton.dev, &empty, &skeleton.sys, step);
    if (r == 0)
        r = make_proc(skeleton.dev, &empty, &skeleton.proc, step);
    if (r < 0)
        return r;
    *ret_skeleton = take(&skeleton);
    return 0;
}

void launch_skeleton_close(struct launch_skeleton *skeleton)
{
    cleanup_fd(&skeleton->dev);
    cleanup_fd(&skeleton->sys);
    cleanup_fd(&skeleton->proc);
    *skeleton = (struct launch_skeleton)LAUNCH_SKELETON_INIT;
}
