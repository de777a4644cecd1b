/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/runtime.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/guest/launch/mount.h"
#include "proto/cleanup.h"

#define MOUNT_POINT "/sys/fs/cgroup"
#define OWN_CGROUP  MOUNT_POINT "/" LAUNCH_RUNTIME_CGROUP

static int open_directory(int fd, const char *path)
{
    int r = openat(fd, path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    return r < 0 ? -errno : r;
}

/* In a cgroup namespace a new mount of the hierarchy shows that namespace's part of it. */
static int mount_cgroups(void)
{
    CLEANUP_FD int mount = -EBADF, target = -EBADF;

    mount = launch_mount_new("cgroup2", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    if (mount < 0)
        return mount;
    target = open_directory(AT_FDCWD, MOUNT_POINT);
    return target < 0 ? target : launch_mount_attach(mount, target);
}

static int move_into_own(void)
{
    CLEANUP_FD int fd = -EBADF;

    if (mkdir(OWN_CGROUP, 0755) < 0 && errno != EEXIST)
        return -errno;
    fd = open(OWN_CGROUP "/cgroup.procs", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    return write(fd, "0", 1) < 0 ? -errno : 0;
}

int launch_runtime_enter(struct launch_step *step)
{
    struct mount_attr slave = { .propagation = MS_SLAVE };
    int r;

    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "create", "the namespaces of the runtime");
    if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
        return -errno;
    /* What the guest mounts and unmounts later is seen, what is mounted here is not. */
    if (mount_setattr(AT_FDCWD, "/", AT_RECURSIVE, &slave, sizeof(slave)) < 0 || chdir("/") < 0)
        return -errno;
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount the cgroups of the zone on", MOUNT_POINT);
    r = mount_cgroups();
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "move into the cgroup", LAUNCH_RUNTIME_CGROUP);
    return move_into_own();
}

int launch_runtime_cgroup(int zone)
{
    return open_directory(zone, LAUNCH_RUNTIME_CGROUP);
}
