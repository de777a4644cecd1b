/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/dev.h"

#include <inttypes.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent/guest/launch/mount.h"
#include "proto/cleanup.h"

/* Numbers of the kernel's devices.txt. */
static const struct device {
    const char *name;
    unsigned major, minor;
} devices[] = {
    { "null", 1, 3 },   { "zero", 1, 5 },    { "full", 1, 7 },
    { "random", 1, 8 }, { "urandom", 1, 9 }, { "tty", 5, 0 },
};

static const struct link {
    const char *name, *to;
} links[] = {
    { "fd", "/proc/self/fd" },       { "stdin", "/proc/self/fd/0" }, { "stdout", "/proc/self/fd/1" },
    { "stderr", "/proc/self/fd/2" }, { "ptmx", "pts/ptmx" },
};

static const char *const directories[] = { "pts", "shm", "mqueue" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int launch_dev_fill(int dev, struct launch_step *step)
{
    for (size_t i = 0; i < COUNT(devices); i++) {
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "make in /dev:", devices[i].name);
        if (mknodat(dev, devices[i].name, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)) < 0)
            return -errno;
    }
    for (size_t i = 0; i < COUNT(links); i++) {
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "make in /dev:", links[i].name);
        if (symlinkat(links[i].to, dev, links[i].name) < 0)
            return -errno;
    }
    for (size_t i = 0; i < COUNT(directories); i++) {
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "make in /dev:", directories[i]);
        if (mkdirat(dev, directories[i], 0755) < 0)
            return -errno;
    }
    return 0;
}

int launch_dev_new(struct launch_step *step)
{
    CLEANUP_FD int dev = -EBADF;
    int r;

    launch_step_set(step, LAUNCH_STAGE_MOUNT, "make a tmpfs for", "/dev");
    dev = launch_mount_new_tmpfs("0755", LAUNCH_DEV_LIMIT, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (dev < 0)
        return dev;
    r = launch_dev_fill(dev, step);
    return r < 0 ? r : take_fd(&dev);
}

static int attach_at(int dev, const char *path, int mount)
{
    CLEANUP_FD int target = launch_mount_target(dev, path);

    return target < 0 ? target : launch_mount_attach(mount, target);
}

int launch_dev_complete(int dev, gid_t tty_group, struct launch_step *step)
{
    char gid[16];
    /* Mode as login programs expect it. */
    const struct launch_mount_option pts_options[] = {
        { "mode", "0620" }, { "ptmxmode", "0666" }, { "gid", gid }, { NULL, NULL }
    };
    CLEANUP_FD int pts = -EBADF, mqueue = -EBADF;
    int r;

    (void)snprintf(gid, sizeof(gid), "%" PRIu32, (uint32_t)tty_group);
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount devpts on", "/dev/pts");
    pts = launch_mount_new("devpts", pts_options, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    if (pts < 0)
        return pts;
    r = attach_at(dev, "pts", pts);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount mqueue on", "/dev/mqueue");
    mqueue = launch_mount_new("mqueue", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (mqueue == -ENODEV)
        return 0; /* a kernel without message queues */
    return mqueue < 0 ? mqueue : attach_at(dev, "mqueue", mqueue);
}

int launch_dev_limit_shm(int dev, uint64_t limit, struct launch_step *step)
{
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "limit the tmpfs on", "/dev/shm");
    return launch_mount_limit_tmpfs(dev, "shm", limit);
}

int launch_dev_add_shm(int dev, uint64_t limit, struct launch_step *step)
{
    CLEANUP_FD int shm = -EBADF;

    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount a tmpfs on", "/dev/shm");
    shm = launch_mount_new_tmpfs("1777", limit, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    return shm < 0 ? shm : attach_at(dev, "shm", shm);
}
