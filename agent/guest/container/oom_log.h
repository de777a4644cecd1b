/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_OOM_LOG_H
#define GUEST_CONTAINER_OOM_LOG_H

/*
 * Who was killed for want of memory. memory.events counts the kills of a cgroup, and no file of the kernel
 * says who it was; its log does, so that is read (/dev/kmsg, which needs CAP_SYSLOG). It is read on demand:
 * when a count went up. The kernel's other messages wake nobody.
 */

#include <errno.h>

#include "agent/guest/container/oom_text.h"

#define OOM_LOG_PATH "/dev/kmsg"

struct oom_log {
    int fd;
    struct oom_text killed; /* the last one whose cgroup was not said with it; pid 0: none */
};

#define OOM_LOG_INIT                                                                                         \
    {                                                                                                        \
        .fd = -EBADF                                                                                         \
    }

/* Opens it behind its last message. Returns 0 or a negative errno: -ENOENT, -EPERM (no CAP_SYSLOG), -EACCES.
 * A log that is not open names nobody. */
int oom_log_open(struct oom_log *log, const char *path);
void oom_log_close(struct oom_log *log);

/*
 * Reads what has come since. Does not block; ends after as many messages as the kernel's buffer holds.
 *
 * @victim  called for each victim, with the cgroup it was in (see container/oom_text.h)
 */
void oom_log_read(struct oom_log *log, void (*victim)(void *data, const struct oom_text *victim), void *data);

#endif
