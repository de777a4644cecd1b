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

/* The bytes that go to one stream, in the order in which they were written. Returns how many. */
static size_t next_run(struct logs *logs, const struct outlet **ret_outlet)
{
    struct logs_rest *rest = &logs->rest;
    json_t *piece;

    if (!rest->pieces) {
        *ret_outlet = &logs->out;
        return rest->length - rest->at;
    }
    if (rest->run == 0)
        rest->run = (size_t)json_integer_value(
            json_object_get(json_array_get(rest->pieces, rest->next_piece++), "bytes"));
    piece = json_array_get(rest->pieces, rest->next_piece - 1);
    *ret_outlet =
        json_integer_value(json_object_get(piece, "stream")) == STREAM_ERR ? &logs->err : &logs->out;
    return rest->run;
}

static void drop_rest(struct logs_rest *rest)
{
    free(rest->bytes);
    json_decref(rest->pieces);
    *rest = (struct logs_rest){ 0 };
}

/* Returns 0, -EAGAIN (*ret_fd takes no more now) or a negative errno of write(2). */
static int write_rest(struct logs *logs, int *ret_fd)
{
    struct logs_rest *rest = &logs->rest;

    while (rest->at < rest->length) {
        const struct outlet *outlet;
        size_t length = next_run(logs, &outlet);
        ssize_t n = outlet_write(outlet, rest->bytes + rest->at, length);

        *ret_fd = outlet_fd(outlet);
        if (n < 0)
            return (int)n;
        rest->at += (size_t)n;
        rest->run -= rest->pieces ? (size_t)n : 0;
    }
    drop_rest(rest);
    return 0;
}

/* Writes what can be written. Returns EXIT_OK with *ret_fd negative (nothing is left), or the fd that takes
 * no more now; or a code, having told why. */
static enum exit_code pass_on(struct logs *logs, int *ret_fd)
{
    int fd = -EBADF, r = write_rest(logs, &fd);

    *ret_fd = r == -EAGAIN ? fd : -EBADF;
    if (r == 0 || r == -EAGAIN)
        return EXIT_OK;
    drop_rest(&logs->rest);
    if (r == -EPIPE) {
        logs->closed = true;
        return logs->on_closed ? logs->on_closed(logs->userdata) : EXIT_OK;
    }
    ctl_error(logs->ctl, "standard output or standard error: %s", strerror(-r));
    return EXIT_FAILED;
}

static enum exit_code read_answer(const struct logs *logs, json_t *answer, struct chunk *ret_chunk,
                                  struct logs_rest *ret_rest)
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
    *ret_chunk = chunk;
    *ret_rest =
        (struct logs_rest){ .bytes = TAKE(bytes), .length = length, .pieces = json_incref(chunk.pieces) };
    return EXIT_OK;
}

/* As pass_on(), with what the answer brings. */
static enum exit_code take(struct logs *logs, json_t *answer, int *ret_fd)
{
    struct chunk chunk = { 0 };
    struct logs_rest *rest = &logs->rest;
    enum exit_code code = read_answer(logs, answer, &chunk, rest);

    if (code)
        return code;
    /* Whatever was waited for has come; and a line drawn again would overwrite one that the output has only
     * begun. */
    if (logs->progress && (rest->length || chunk.offset > logs->offset))
        progress_set(logs->progress, "%s", "");
    if (logs->offset >= 0 && chunk.offset > logs->offset)
        ctl_note(logs->ctl,
                 "%lld bytes are missing here: the guest keeps the last %lld, and none that no disk took",
                 (long long)(chunk.offset - logs->offset), (long long)chunk.limit);
    if (!logs->out.fd) {
        outlet_open(&logs->out, fileno(logs->ctl->out.file));
        outlet_open(&logs->err, fileno(logs->ctl->err.file));
    }
    if (rest->length)
        logs->midline = rest->bytes[rest->length - 1] != '\n';
    logs->offset = chunk.offset + (int64_t)rest->length;
    logs->eof = chunk.eof;
    return pass_on(logs, ret_fd);
}

enum exit_code logs_take(struct logs *logs, json_t *answer)
{
    int fd = -EBADF;
    enum exit_code code = take(logs, answer, &fd);

    while (!code && fd >= 0) {
        (void)poll(&(struct pollfd){ .fd = fd, .events = POLLOUT }, 1, -1);
        code = pass_on(logs, &fd);
    }
    return code;
}

static enum exit_code go_on(struct logs *logs, enum exit_code code, int fd)
{
    logs->follow.held = !code && fd >= 0;
    logs->follow.held_by = fd;
    if (logs->closed || (logs->eof && !logs->follow.held))
        follow_done(&logs->follow);
    return code;
}

static enum exit_code on_reply(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct logs *logs = userdata;
    enum exit_code code;
    int fd = -EBADF;

    (void)follow;
    if (reply->error && logs->beside_wait && !strcmp(reply->error, "io.czone.Container.NoSuchContainer"))
        return EXIT_OK;
    if (reply->error)
        return ctl_error_reply(logs->ctl, reply->error, reply->parameters);
    code = take(logs, reply->parameters, &fd);
    return go_on(logs, code, fd);
}

static enum exit_code on_writable(struct follow *follow, void *userdata)
{
    struct logs *logs = userdata;
    int fd = -EBADF;
    enum exit_code code = pass_on(logs, &fd);

    (void)follow;
    return go_on(logs, code, fd);
}

void logs_follow(struct logs *logs)
{
    logs->follow = (struct follow){
        .method = LOGS,
        .flags = VARLINK_MORE,
        .parameters = logs_parameters,
        .on_reply = on_reply,
        .on_writable = on_writable,
        .userdata = logs,
    };
}

void logs_end_line(struct logs *logs)
{
    if (logs->midline && logs->ctl->out.tty && logs->ctl->err.tty)
        (void)fputs(terminal_newline(&logs->ctl->err), logs->ctl->err.file);
    logs->midline = false;
}

void logs_done(struct logs *logs)
{
    follow_done(&logs->follow);
    outlet_close(&logs->out);
    outlet_close(&logs->err);
    drop_rest(&logs->rest);
}
