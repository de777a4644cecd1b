/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/sys.h"

#include <sys/mount.h>

#include "agent/guest/launch/mask.h"
#include "agent/guest/launch/mount.h"
#include "proto/cleanup.h"

#define NOTHING_BUT_DATA (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

static const char *const masked[] = { "firmware", "devices/virtual/powercap" };

int launch_sys_new(struct launch_step *step)
{
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount sysfs on", "/sys");
    return launch_mount_new("sysfs", NULL, NOTHING_BUT_DATA | MOUNT_ATTR_RDONLY);
}

int launch_sys_mask(int sys, int dev, int *empty, struct launch_step *step)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < sizeof(masked) / sizeof(masked[0]); i++) {
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "mask below /sys:", masked[i]);
        r = launch_mask(sys, masked[i], dev, empty);
    }
    return r;
}

int launch_sys_add_cgroup(int sys, struct launch_step *step)
{
    CLEANUP_FD int cgroup = -EBADF, target = -EBADF;

    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount cgroup2 on", "/sys/fs/cgroup");
    cgroup = launch_mount_new("cgroup2", NULL, NOTHING_BUT_DATA | MOUNT_ATTR_RDONLY);
    if (cgroup < 0)
        return cgroup;
    target = launch_mount_target(sys, "fs/cgroup");
    return target < 0 ? target : launch_mount_attach(cgroup, target);
}
