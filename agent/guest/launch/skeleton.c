/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/skeleton.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/guest/launch/dev.h"
#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/sys.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

#define MOUNTS_OF_SELF "/proc/self/ns/mnt"
#define IPC_OF_SELF    "/proc/self/ns/ipc"

/* A few directories. */
#define ROOT_LIMIT (64 << 10)

static int open_fd(const char *path, int flags, int *ret_fd)
{
    int fd = open(path, flags | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

static int make_root(void)
{
    CLEANUP_FD int root = launch_mount_new_tmpfs("0755", ROOT_LIMIT, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    int r;

    if (root < 0)
        return root;
    if (mkdirat(root, "dev", 0755) < 0 || mkdirat(root, "sys", 0755) < 0 ||
        mkdirat(root, &LAUNCH_SKELETON_SCRATCH[1], 0700) < 0)
        return -errno;
    r = launch_mount_cover(root);
    return r == 0 ? launch_mount_change_root() : r;
}

static int attach(int mount, const char *path)
{
    CLEANUP_FD int target = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    return target < 0 ? -errno : launch_mount_attach(mount, target);
}

static int fill(void)
{
    struct launch_step step = { .stage = LAUNCH_STAGE_MOUNT };
    CLEANUP_FD int dev = -EBADF, sys = -EBADF, empty = -EBADF;
    int r;

    r = launch_mount_isolate();
    if (r == 0)
        r = make_root();
    if (r < 0)
        return r;
    dev = launch_dev_new(&step);
    r = dev < 0 ? dev : attach(dev, "/dev");
    if (r == 0)
        r = launch_dev_complete(dev, LAUNCH_DEV_TTY_GROUP, &step);
    if (r < 0)
        return r;
    sys = launch_sys_new(&step);
    r = sys < 0 ? sys : attach(sys, "/sys");
    return r == 0 ? launch_sys_mask(sys, dev, &empty, &step) : r;
}

int launch_skeleton_make(struct launch_skeleton *ret_skeleton)
{
    CLEANUP(launch_skeleton_drop) struct launch_skeleton skeleton = LAUNCH_SKELETON_INIT;
    mode_t mask;
    int r;

    r = open_fd(MOUNTS_OF_SELF, O_RDONLY, &skeleton.guest);
    if (r == 0)
        r = open_fd("/", O_PATH | O_DIRECTORY, &skeleton.root);
    if (r == 0)
        r = open_fd(IPC_OF_SELF, O_RDONLY, &skeleton.ipc);
    if (r < 0)
        return r;
    if (unshare(CLONE_NEWNS | CLONE_NEWIPC) < 0)
        return -errno;
    mask = umask(0);
    r = open_fd(MOUNTS_OF_SELF, O_RDONLY, &skeleton.mounts);
    if (r == 0)
        r = fill();
    (void)umask(mask);
    launch_skeleton_leave(&skeleton);
    if (r < 0)
        return r;
    *ret_skeleton = skeleton;
    skeleton = (struct launch_skeleton)LAUNCH_SKELETON_INIT;
    return 0;
}

bool launch_skeleton_suits(const struct launch_skeleton *skeleton, const struct launch_plan *plan)
{
    return skeleton->mounts >= 0 && plan->request->target < 0 && !plan->root.own && !plan->request->runtime &&
           !launch_users_mapped(&plan->request->users) && plan->request->network.kind == LAUNCH_NETWORK_HOST;
}

int launch_skeleton_enter(const struct launch_skeleton *skeleton)
{
    return setns(skeleton->mounts, CLONE_NEWNS) < 0 ? -errno : 0;
}

/* setns(2) makes the namespace's root ours, which it need not have been. */
void launch_skeleton_leave(const struct launch_skeleton *skeleton)
{
    if (setns(skeleton->guest, CLONE_NEWNS) < 0 || fchdir(skeleton->root) < 0 || chroot(".") < 0)
        abort();
}

int launch_skeleton_decline(const struct launch_skeleton *skeleton)
{
    return skeleton->ipc >= 0 && setns(skeleton->ipc, CLONE_NEWIPC) < 0 ? -errno : 0;
}

void launch_skeleton_drop(struct launch_skeleton *skeleton)
{
    cleanup_fd(&skeleton->mounts);
    cleanup_fd(&skeleton->guest);
    cleanup_fd(&skeleton->root);
    cleanup_fd(&skeleton->ipc);
    *skeleton = (struct launch_skeleton)LAUNCH_SKELETON_INIT;
}

int launch_skeleton_open(int *ret_dev, int *ret_sys)
{
    CLEANUP_FD int dev = -EBADF;
    int r;

    r = open_fd("/dev", O_PATH | O_DIRECTORY, &dev);
    if (r == 0)
        r = open_fd("/sys", O_PATH | O_DIRECTORY, ret_sys);
    if (r < 0)
        return r;
    *ret_dev = take_fd(&dev);
    return 0;
}
