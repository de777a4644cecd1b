/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/keeper/output.h"

#include "agent/guest/clock.h"
#include "proto/cleanup.h"

/* More than a pipe (F_SETPIPE_SZ without CAP_SYS_RESOURCE) or a pty can hold. */
#define LEFT_MAX (1 << 20)

void output_close(struct output *output)
{
    cleanup_fd(&output->fd);
    output->fd = -EBADF;
}

/* Returns the bytes moved; 0: none now, or the end. */
static size_t move(struct output *output, struct log_writer *log)
{
    /* Not on the stack, and touched only as far as there is output. */
    static char buffer[LOG_RECORD_MAX];
    ssize_t n;

    if (output->fd < 0)
        return 0;
    n = read(output->fd, buffer, sizeof(buffer));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) { /* EIO: a pty without anybody at the other end */
        output_close(output);
        return 0;
    }
    log_writer_append(log, output->stream, buffer, (size_t)n, clock_realtime());
    return (size_t)n;
}

bool output_read(struct output *output, struct log_writer *log)
{
    return move(output, log) > 0;
}

void output_drain(struct output *output, struct log_writer *log)
{
    size_t moved = 0, n;

    do {
        n = move(output, log);
        moved += n;
    } while (n > 0 && moved < LEFT_MAX);
}
