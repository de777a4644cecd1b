/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Most calls fit; an idle connection keeps no more than this. */
#define FRAME_FIRST_SIZE 4096u

void varlink_frame_done(struct varlink_frame *frame)
{
    free(frame->data);
    *frame = VARLINK_FRAME_INIT;
}

bool varlink_frame_ready(struct varlink_frame *frame)
{
    const char *nul;

    if (frame->scanned == frame->end)
        return false;
    nul = memchr(frame->data + frame->scanned, '\0', frame->end - frame->scanned);
    frame->scanned = nul ? (size_t)(nul - frame->data) : frame->end;
    return nul != NULL;
}

bool varlink_frame_full(struct varlink_frame *frame)
{
    return frame->end == VARLINK_BUFFER_MAX && (frame->start == 0 || varlink_frame_ready(frame));
}

static int frame_grow(struct varlink_frame *frame)
{
    size_t size = frame->size == 0 ? FRAME_FIRST_SIZE : frame->size * 2;
    char *data;

    if (size > VARLINK_BUFFER_MAX)
        size = VARLINK_BUFFER_MAX;
    data = realloc(frame->data, size);
    if (!data)
        return -ENOMEM;
    frame->data = data;
    frame->size = size;
    return 0;
}

int varlink_frame_reserve(struct varlink_frame *frame, char **ret_buffer, size_t *ret_space)
{
    int r;

    if (frame->start == frame->end) {
        if (frame->size > FRAME_FIRST_SIZE)
            varlink_frame_done(frame);
        frame->start = frame->scanned = frame->end = 0;
    }
    /* Moving only what is not a whole message yet keeps the total work linear, however a peer cuts its calls.
     */
    if (frame->end == frame->size && frame->start > 0 && !varlink_frame_ready(frame)) {
        memmove(frame->data, frame->data + frame->start, frame->end - frame->start);
        frame->scanned -= frame->start;
        frame->end -= frame->start;
        frame->start = 0;
    }
    if (frame->end == frame->size) {
        if (frame->size == VARLINK_BUFFER_MAX)
            return -ENOBUFS;
        r = frame_grow(frame);
        if (r < 0)
            return r;
    }
    *ret_buffer = frame->data + frame->end;
    *ret_space = frame->size - frame->end;
    return 0;
}

void varlink_frame_commit(struct varlink_frame *frame, size_t length)
{
    frame->end += length;
}

int varlink_frame_next(struct varlink_frame *frame, const char **ret_message, size_t *ret_length)
{
    bool ready = varlink_frame_ready(frame);

    if (frame->scanned - frame->start > VARLINK_MESSAGE_MAX)
        return -EMSGSIZE;
    if (!ready)
        return 0;
    *ret_message = frame->data + frame->start;
    *ret_length = frame->scanned - frame->start;
    frame->start = frame->scanned = frame->scanned + 1;
    return 1;
}

size_t varlink_frame_pending(const struct varlink_frame *frame)
{
    return frame->end - frame->start;
}
