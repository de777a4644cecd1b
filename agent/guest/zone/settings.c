/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guest/log.h"
#include "proto/cleanup.h"
#include "proto/fields.h"

struct setting {
    const char *path;
    const char *wanted;
    const char *sense;
};

static const struct setting all[] = {
    /*
     * "online", which Debian's 6.12 starts with, makes plugged memory one for the kernel's own objects:
     * within milliseconds something unmovable is in it, and it cannot be a zone any more. "offline" stops the
     * virtio-mem driver after 1 GiB, since it adds no more than that ahead of its being online
     * (VIRTIO_MEM_DEFAULT_OFFLINE_THRESHOLD in drivers/virtio/virtio_mem.c).
     */
    { "/sys/devices/system/memory/auto_online_blocks", "online_movable",
      "plugged memory comes online as movable" },
    /*
     * Packets that were received on one CPU and made on another wait there for more to come, for good on a
     * machine that is quiet (skb_attempt_defer_free() in net/core/skbuff.c, since 5.19), and with them the
     * pages that a container sent: those of a file outlive it, and cannot be moved out of its zone.
     */
    { "/proc/sys/net/core/skb_defer_max", "0", "packets are freed at once, with the pages in them" },
};

_Static_assert(ELEMENTS(all) <= SETTINGS_MAX, "struct settings has room for all of them");

static int write_value(const char *path, const char *value)
{
    CLEANUP_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, value, strlen(value)) < 0)
        return log_fail(-errno, "cannot write \"%s\" to %s: %s", value, path, strerror(errno));
    return 0;
}

static int read_value(const char *path, char *value, size_t size)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, value, size - 1);

    if (n < 0)
        return errno == ENOENT ? -ENOENT : log_fail(-errno, "cannot read %s: %s", path, strerror(errno));
    value[n] = '\0';
    value[strcspn(value, "\n")] = '\0';
    return 0;
}

static int set(const struct setting *setting, char *ret_before, size_t size)
{
    char before[sizeof(((struct settings *)NULL)->before[0])];
    int r = read_value(setting->path, before, sizeof(before));

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    if (strcmp(before, setting->wanted) == 0)
        return 0;
    r = write_value(setting->path, setting->wanted);
    if (r < 0)
        return r;
    log_info("%s (%s was \"%s\")", setting->sense, setting->path, before);
    (void)snprintf(ret_before, size, "%s", before);
    return 0;
}

int settings_set(struct settings *settings)
{
    *settings = (struct settings){ 0 };
    for (size_t i = 0; i < ELEMENTS(all); i++) {
        int r = set(&all[i], settings->before[i], sizeof(settings->before[i]));

        if (r < 0)
            return r;
    }
    return 0;
}

void settings_restore(struct settings *settings)
{
    for (size_t i = 0; i < ELEMENTS(all); i++)
        if (settings->before[i][0] != '\0')
            (void)write_value(all[i].path, settings->before[i]);
    *settings = (struct settings){ 0 };
}
