/* SPDX-License-Identifier: Apache-2.0 */
/* What of the kernel lets memory cross the border of a zone, or keeps it there. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "attr.h"
#include "machine.h"

struct danger {
    const char *id;
    bool in_proc; /* else below sysfs */
    const char *path;
    const char *harmless[3];
    const char *sentence;
    unsigned long harmful; /* these bits of a number, instead of what is not harmless */
};

/* TAINT_DIE: tainted-kernels.rst of the kernel's admin-guide. */
#define TAINTED_BY_OOPS (1ul << 7)

static const struct danger dangers[] = {
    { .id = "demotion-enabled",
      .path = "kernel/mm/numa/demotion_enabled",
      .harmless = { "false", "0" },
      .sentence = "reclaim may demote pages of the home node into a zone, past the cpuset on kernels before "
                  "7.0; turn "
                  "it off: echo false > /sys/kernel/mm/numa/demotion_enabled" },
    { .id = "numa-balancing",
      .in_proc = true,
      .path = "sys/kernel/numa_balancing",
      .harmless = { "0" },
      .sentence = "NUMA balancing moves pages between the home node and a zone; turn it off: sysctl "
                  "kernel.numa_balancing=0" },
    { .id = "ksm-running",
      .path = "kernel/mm/ksm/run",
      .harmless = { "0", "2" },
      .sentence = "KSM makes containers share pages, which then lie in one zone only; turn it off: "
                  "echo 2 > /sys/kernel/mm/ksm/run" },
    { .id = "auto-online",
      .path = "devices/system/memory/auto_online_blocks",
      .harmless = { "offline", "online_movable" },
      .sentence = "the kernel puts plugged memory online by itself, where its own objects may pin it; do "
                  "this: echo online_movable > /sys/devices/system/memory/auto_online_blocks" },
    /* skb_attempt_defer_free() in net/core/skbuff.c */
    { .id = "deferred-packets",
      .in_proc = true,
      .path = "sys/net/core/skb_defer_max",
      .harmless = { "0" },
      .sentence =
          "packets that were read wait for more to come before they are freed, and with them pages of "
          "files that a container sent, which keep its zone; have them freed at once: sysctl "
          "net.core.skb_defer_max=0" },
    /* Seen on 6.1: a page fault that met the zonelists being built anew. */
    { .id = "kernel-oops",
      .in_proc = true,
      .path = "sys/kernel/tainted",
      .harmful = TAINTED_BY_OOPS,
      .sentence = "the kernel has oopsed: a process that was in it may never end, nor its zone go back; "
                  "restart the guest, and boot it with oops=panic to have that done at once" },
};

static bool is_harmless(const struct danger *danger, const char *value)
{
    if (danger->harmful)
        return (strtoul(value, NULL, 10) & danger->harmful) == 0;
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
