/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/output.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* An idle connection keeps no more than this. */
#define OUTPUT_KEEP 4096u

void output_done(struct output *output)
{
    free(output->data);
    *output = (struct output){ 0 };
}

static int output_grow(struct output *output, size_t needed)
{
    size_t size = output->size > 0 ? output->size : OUTPUT_KEEP;
    char *data;

    while (size < needed)
        size *= 2;
    data = realloc(output->data, size);
    if (!data)
        return -ENOMEM;
    output->data = data;
    output->size = size;
    return 0;
}

int output_append(struct output *output, const char *data, size_t length)
{
    size_t pending = output_pending(output);
    int r;

    if (length > VARLINK_OUTPUT_MAX - pending)
        return -ENOBUFS;
    /* Moved only when at least as much has been sent as is moved: linear in the end. */
    if (output->size - output->end < length && output->start >= pending) {
        if (pending > 0)
            memmove(output->data, output->data + output->start, pending);
        output->start = 0;
        output->end = pending;
    }
    if (output->size - output->end < length) {
        r = output_grow(output, output->end + length);
        if (r < 0)
            return r;
    }
    memcpy(output->data + output->end, data, length);
    output->end += length;
    return 0;
}

int output_flush(struct output *output, int fd)
{
    while (output->start < output->end) {
        size_t length = output_pending(output) < OUTPUT_SEND_MAX ? output_pending(output) : OUTPUT_SEND_MAX;
        ssize_t n = send(fd, output->data + output->start, length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -errno;
        output->start += (size_t)n;
    }
    output->start = output->end = 0;
    if (output->size > OUTPUT_KEEP)
        output_done(output);
    return 0;
}

size_t output_pending(const struct output *output)
{
    return output->end - output->start;
}
