/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/oom_log.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "proto/cleanup.h"

/* The kernel's CONSOLE_EXT_LOG_MAX: no record of it is longer. */
#define RECORD_MAX 8192
/* The largest buffer (log_buf_len) of the smallest records: somebody who writes there all the time does not
 * keep us. */
#define RECORDS_MAX 65536

int oom_log_open(struct oom_log *log, const char *path)
{
    CLEANUP_FD int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);

    *log = (struct oom_log)OOM_LOG_INIT;
    if (fd < 0 || lseek(fd, 0, SEEK_END) < 0)
        return -errno;
    log->fd = take_fd(&fd);
    return 0;
}

void oom_log_close(struct oom_log *log)
{
    cleanup_fd(&log->fd);
    log->fd = -EBADF;
}

static void take(struct oom_log *log, const char *record,
                 void (*victim)(void *data, const struct oom_text *victim), void *data)
{
    struct oom_text text = { 0 };

    switch (oom_text_parse(record, &text)) {
    case OOM_TEXT_VICTIM:
        victim(data, &text);
        return;
    case OOM_TEXT_KILLED:
        /* The victim comes before the line that names its group, the rest of the group behind it. */
        log->killed = text;
        return;
    case OOM_TEXT_GROUP:
        if (log->killed.pid == 0)
            return;
        log->killed.cgroup = text.cgroup;
        log->killed.cgroup_length = text.cgroup_length;
        victim(data, &log->killed);
        log->killed = (struct oom_text){ 0 };
        return;
    case OOM_TEXT_OTHER:
        return;
    }
}

void oom_log_read(struct oom_log *log, void (*victim)(void *data, const struct oom_text *victim), void *data)
{
    char record[RECORD_MAX + 1];

    for (int i = 0; log->fd >= 0 && i < RECORDS_MAX; i++) {
        ssize_t n = read(log->fd, record, RECORD_MAX);

        if (n < 0 && (errno == EPIPE || errno == EINTR))
            continue; /* EPIPE: messages were overwritten before they were read; it goes on behind them */
        if (n <= 0)
            return;
        record[n] = '\0';
        take(log, record, victim, data);
    }
}
