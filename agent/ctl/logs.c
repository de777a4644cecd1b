/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/logs.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "proto/base64.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/frame.h"

#define LOGS "io.czone.Container.Logs"

/* Piece.stream */
#define STREAM_OUT 1
#define STREAM_ERR 2
#define PIECES_MAX 4096

struct chunk {
    int64_t offset, limit;
    const char *data;
    json_t *pieces; /* NULL: all of it is standard output */
    bool eof;
};

static const struct varlink_field chunk_fields[] = {
    { "offset", VARLINK_INT, offsetof(struct chunk, offset), VARLINK_REQUIRED, .max = INT64_MAX / 2 },
    { "data", VARLINK_STRING, offsetof(struct chunk, data), VARLINK_REQUIRED, .max = VARLINK_MESSAGE_MAX },
    { "pieces", VARLINK_OBJECTS, offsetof(struct chunk, pieces), 0, .count_max = PIECES_MAX },
    { "eof", VARLINK_BOOL, offsetof(struct chunk, eof), .flags = VARLINK_REQUIRED },
    { "limit", VARLINK_INT, offsetof(struct chunk, limit), VARLINK_REQUIRED, .max = INT64_MAX },
};

json_t *logs_parameters(void *userdata)
{
    const struct logs *logs = userdata;

    CLEANUP_JSON json_t *parameters = json_pack("{s:s}", "id", logs->id);

    if (logs->exec && json_object_set_new(parameters, "exec", json_string(logs->exec)) < 0)
        return NULL;
    if (logs->offset >= 0 && json_object_set_new(parameters, "offset", json_integer(logs->offset)) < 0)
        return NULL;
    if (logs->offset < 0 && logs->from_end && json_object_set_new(parameters, "tail", json_integer(0)) < 0)
        return NULL;
    return TAKE(parameters);
}

static int write_all(int fd, const unsigned char *bytes, size_t length)
{
    while (length) {
        ssize_t n = write(fd, bytes, length);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN) {
            /* Whoever started us shares a non-blocking terminal or pipe with us. */
            (void)poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
            continue;
        }
        if (n < 0)
            return -errno;
        bytes += n;
        length -= (size_t)n;
    }
    return 0;
}

/* Whether the pieces are what all the bytes are made of. */
static bool pieces_fit(json_t *pieces, size_t length)
{
    json_int_t left = (json_int_t)length;
    json_t *piece;
    size_t i;

    json_array_foreach(pieces, i, piece) {
        json_int_t stream = json_integer_value(json_object_get(piece, "stream"));
        json_int_t bytes = json_integer_value(json_object_get(piece, "bytes"));

        if ((stream != STREAM_OUT && stream != STREAM_ERR) || bytes < 1 || bytes > left)
            return false;
        left -= bytes;
    }
    return left == 0;
}

/* In the order in which it was written, each to the stream it was written to. */
static int write_pieces(const struct logs *logs, json_t *pieces, const unsigned char *bytes)
{
    json_t *piece;
    size_t i;
    int r = 0;

    json_array_foreach(pieces, i, piece) {
        bool err = json_integer_value(json_object_get(piece, "stream")) == STREAM_ERR;
        size_t n = (size_t)json_integer_value(json_object_get(piece, "bytes"));

        r = write_all(fileno(err ? logs->ctl->err.file : logs->ctl->out.file), bytes, n);
        if (r < 0)
            break;
        bytes += n;
    }
    return r;
}

/* Returns 0 or a negative errno of write(2). */
static int pass_on(struct logs *logs, const struct chunk *chunk, const unsigned char *bytes, size_t length)
{
    if (length == 0)
        return 0;
    logs->midline = bytes[length - 1] != '\n';
    if (chunk->pieces)
        return write_pieces(logs, chunk->pieces, bytes);
    return write_all(fileno(logs->ctl->out.file), bytes, length);
}

enum exit_code logs_take(struct logs *logs, json_t *answer)
{
    CLEANUP_FREE unsigned char *bytes = NULL;
    struct varlink_fault fault = { 0 };
    struct chunk chunk = { 0 };
    size_t length;
    int r;

    r = varlink_fields_decode(answer, chunk_fields, ELEMENTS(chunk_fields), VARLINK_IGNORE_UNKNOWN, &chunk,
                              &fault);
    if (r < 0)
        return ctl_bad_reply(logs->ctl, LOGS, fault.parameter, fault.reason.text);
    r = base64_decode(chunk.data, &bytes, &length);
    if (r < 0)
        return r == -ENOMEM ? ctl_no_memory(logs->ctl)
                            : ctl_bad_reply(logs->ctl, LOGS, "data", "is not base64");
    if (chunk.pieces && !pieces_fit(chunk.pieces, length))
        return ctl_bad_reply(logs->ctl, LOGS, "pieces", "do not make up the data");
    if (logs->offset >= 0 && chunk.offset < logs->offset)
        return ctl_bad_reply(logs->ctl, LOGS, "offset", "goes back");
    /* Whatever was waited for has come; and a line drawn again would overwrite one that the output has only
     * begun. */
    if (logs->progress && (length || chunk.offset > logs->offset))
        progress_set(logs->progress, "%s", "");
    if (logs->offset >= 0 && chunk.offset > logs->offset)
        ctl_note(logs->ctl,
                 "%lld bytes are missing here: the guest keeps the last %lld, and none that no disk took",
                 (long long)(chunk.offset - logs->offset), (long long)chunk.limit);
    r = pass_on(logs, &chunk, bytes, length);
    logs->offset = chunk.offset + (int64_t)length;
    logs->eof = chunk.eof;
    logs->closed = r == -EPIPE;
    if (r < 0 && !logs->closed) {
        ctl_error(logs->ctl, "standard output or standard error: %s", strerror(-r));
        return EXIT_FAILED;
    }
    return EXIT_OK;
}

static enum exit_code on_reply(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct logs *logs = userdata;
    enum exit_code code;

    if (reply->error)
        return ctl_error_reply(logs->ctl, reply->error, reply->parameters);
    code = logs_take(logs, reply->parameters);
    if (logs->eof || logs->closed)
        follow_done(follow);
    return code;
}

void logs_follow(struct logs *logs)
{
    logs->follow = (struct follow){
        .method = LOGS,
        .flags = VARLINK_MORE,
        .parameters = logs_parameters,
        .on_reply = on_reply,
        .userdata = logs,
    };
}
