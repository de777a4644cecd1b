/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of the kernel that let memory cross the border of a zone. */
#include <errno.h>
#include <string.h>

#include "attr.h"
#include "machine.h"

struct danger {
    const char *id;
    bool in_proc; /* else below sysfs */
    const char *path;
    const char *harmless[3];
    const char *sentence;
};

static const struct danger dangers[] = {
    { "demotion-enabled",
      false,
      "kernel/mm/numa/demotion_enabled",
      { "false", "0" },
      "reclaim may demote pages of the home node into a zone, past the cpuset on kernels before 7.0; turn it "
      "off: "
      "echo false > /sys/kernel/mm/numa/demotion_enabled" },
    { "numa-balancing",
      true,
      "sys/kernel/numa_balancing",
      { "0" },
      "NUMA balancing moves pages between the home node and a zone; turn it off: sysctl "
      "kernel.numa_balancing=0" },
    { "ksm-running",
      false,
      "kernel/mm/ksm/run",
      { "0", "2" },
      "KSM makes containers share pages, which then lie in one zone only; turn it off: "
      "echo 2 > /sys/kernel/mm/ksm/run" },
    { "auto-online",
      false,
      "devices/system/memory/auto_online_blocks",
      { "offline", "online_movable" },
      "the kernel puts plugged memory online by itself, where its own objects may pin it; do this: "
      "echo online_movable > /sys/devices/system/memory/auto_online_blocks" },
};

static bool is_harmless(const struct danger *danger, const char *value)
{
    for (size_t i = 0; i < sizeof(danger->harmless) / sizeof(danger->harmless[0]); i++)
        if (danger->harmless[i] && strcmp(danger->harmless[i], value) == 0)
            return true;
    return false;
}

int danger_list(struct czone_sys *sys, czone_danger_fn fn, void *data)
{
    int n = 0;

    for (size_t i = 0; i < sizeof(dangers) / sizeof(dangers[0]); i++) {
        const struct danger *danger = &dangers[i];
        char value[64];
        int r;

        r = attr_read(danger->in_proc ? sys->proc_fd : sys->sysfs_fd, danger->path, value, sizeof(value));
        if (r == -ENOENT) /* not built into this kernel */
            continue;
        if (r < 0)
            return r;
        if (is_harmless(danger, value))
            continue;
        fn(data, danger->id, danger->sentence);
        n++;
    }
    return n;
}
