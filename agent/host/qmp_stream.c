/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/qmp_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define READ_SIZE 16384u

void qmp_stream_done(struct qmp_stream *stream)
{
    free(stream->data);
    *stream = (struct qmp_stream){ 0 };
}

int qmp_stream_reserve(struct qmp_stream *stream, char **ret_buffer, size_t *ret_space)
{
    size_t pending = stream->end - stream->start, size;
    char *data;

    if (pending > QMP_MESSAGE_MAX)
        return -EMSGSIZE;
    if (stream->start > 0) {
        if (pending > 0)
            memmove(stream->data, stream->data + stream->start, pending);
        stream->scanned -= stream->start;
        stream->end = pending;
        stream->start = 0;
    }
    if (stream->size - stream->end < READ_SIZE) {
        size = stream->size ? stream->size * 2 : READ_SIZE;
        data = realloc(stream->data, size);
        if (!data)
            return -ENOMEM;
        stream->data = data;
        stream->size = size;
    }
    *ret_buffer = stream->data + stream->end;
    *ret_space = stream->size - stream->end;
    return 0;
}

void qmp_stream_commit(struct qmp_stream *stream, size_t length)
{
    stream->end += length;
}

/* One byte outside any object. Returns 1 if an object begins with it, 0 for blanks. */
static int begin_byte(char byte, struct reason *reason)
{
    switch (byte) {
    case '{':
        return 1;
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        return 0;
    default:
        return reason_fail(reason, -EBADMSG,
                           "byte 0x%02x where a JSON object must begin: is this a QMP socket?",
                           (unsigned int)(unsigned char)byte);
    }
}

/* One byte inside an object. Returns 1 if it ends the object. */
static int inner_byte(struct qmp_stream *stream, char byte, struct reason *reason)
{
    if (stream->string) {
        if (stream->escape)
            stream->escape = false;
        else if (byte == '\\')
            stream->escape = true;
        else if (byte == '"')
            stream->string = false;
        return 0;
    }
    if (byte == '"')
        stream->string = true;
    else if (byte == '{' || byte == '[') {
        if (++stream->depth > QMP_DEPTH_MAX)
            return reason_fail(reason, -E2BIG, "a message nests deeper than %u", QMP_DEPTH_MAX);
    } else if (byte == '}' || byte == ']')
        return --stream->depth == 0;
    return 0;
}

int qmp_stream_next(struct qmp_stream *stream, const char **ret_text, size_t *ret_length,
                    struct reason *reason)
{
    while (stream->scanned < stream->end) {
        char byte = stream->data[stream->scanned++];
        int r;

        if (stream->depth == 0) {
            r = begin_byte(byte, reason);
            if (r < 0)
                return r;
            stream->start = stream->scanned - (r > 0 ? 1 : 0);
            stream->depth = (unsigned int)r;
            continue;
        }
        r = inner_byte(stream, byte, reason);
        if (r < 0)
            return r;
        if (r > 0) {
            *ret_text = stream->data + stream->start;
            *ret_length = stream->scanned - stream->start;
            stream->start = stream->scanned;
            return 1;
        }
    }
    if (stream->end - stream->start > QMP_MESSAGE_MAX)
        return reason_fail(reason, -EMSGSIZE, "a message is longer than %zu bytes", QMP_MESSAGE_MAX);
    return 0;
}
