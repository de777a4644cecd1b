/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/proc.h"

#include <sys/mount.h>

#include "agent/guest/launch/mask.h"
#include "agent/guest/launch/mount.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* What tells about, or reaches, more than the container. The list of moby and crun, plus the page frames,
 * which show the memory of the neighbours. */
static const char *const masked[] = {
    "acpi",       "asound",        "interrupts",  "kcore", "keys",       "kpagecgroup", "kpagecount",
    "kpageflags", "latency_stats", "sched_debug", "scsi",  "timer_list", "timer_stats",
};
static const char *const read_only[] = { "bus", "fs", "irq", "sys", "sysrq-trigger" };

int launch_proc_new(struct launch_step *step)
{
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount proc on", "/proc");
    return launch_mount_new("proc", NULL, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
}

int launch_proc_mask(int proc, int dev, int *empty, struct launch_step *step)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < COUNT(masked); i++) {
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "mask below /proc:", masked[i]);
        r = launch_mask(proc, masked[i], dev, empty);
    }
    for (size_t i = 0; r == 0 && i < COUNT(read_only); i++) {
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "make read-only below /proc:", read_only[i]);
        r = launch_mask_read_only(proc, read_only[i]);
    }
    return r;
}
