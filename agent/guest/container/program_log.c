/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/program_log.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/guest/keeper/log_file.h"
#include "agent/guest/keeper/record.h"
#include "agent/guest/refusal.h"
#include "proto/base64.h"
#include "proto/cleanup.h"

/* As base64, and with as many pieces, well below the longest message. */
#define CHUNK      ((size_t)96 * 1024)
#define PIECES_MAX 512u

/* One reply in the making: bytes that follow each other without a gap. */
struct excerpt {
    char *data;
    size_t length;
    int64_t offset; /* of the first byte */
    json_t *pieces;
};

static int add_piece(struct excerpt *excerpt, const struct log_chunk *chunk)
{
    return json_array_append_new(excerpt->pieces,
                                 json_pack("{s:i, s:i, s:I}", "stream", (int)chunk->stream, "bytes",
                                           (int)chunk->length, "time", (json_int_t)chunk->time_ns)) < 0
               ? -ENOMEM
               : 0;
}

/* Reads until the excerpt is full, the log's end is reached, or a gap follows. Returns 0 or a negative errno.
 */
static int read_excerpt(struct excerpt *excerpt, struct log_reader *reader, int dir_fd)
{
    struct log_chunk chunk;
    int r = 0;

    excerpt->offset = reader->offset;
    while (excerpt->length < CHUNK && json_array_size(excerpt->pieces) < PIECES_MAX) {
        int64_t next = excerpt->offset + (int64_t)excerpt->length;

        r = log_reader_read(reader, dir_fd, excerpt->data + excerpt->length, CHUNK - excerpt->length, &chunk);
        if (r <= 0)
            break;
        if (excerpt->length > 0 && chunk.offset != next) {
            log_reader_seek(reader, chunk.offset); /* the next reply begins there */
            return 0;
        }
        if (excerpt->length == 0)
            excerpt->offset = chunk.offset;
        r = add_piece(excerpt, &chunk);
        if (r < 0)
            return r;
        excerpt->length += chunk.length;
    }
    return r < 0 && excerpt->length == 0 ? r : 0;
}

static json_t *excerpt_to_json(const struct excerpt *excerpt, bool eof, int64_t limit)
{
    CLEANUP_FREE char *text = malloc(BASE64_LENGTH(CHUNK));

    if (text == NULL)
        return NULL;
    base64_encode(excerpt->data, excerpt->length, text);
    return json_pack("{s:I, s:o, s:O, s:b, s:I}", "offset", (json_int_t)excerpt->offset, "data",
                     json_stringn(text, BASE64_LENGTH(excerpt->length)), "pieces", excerpt->pieces, "eof",
                     (int)eof, "limit", (json_int_t)limit);
}

/* One reply's worth from where the reader stands, which moves on. Returns 0 (NULL: nothing to tell yet) or a
 * negative errno. */
static int next_reply(const struct program_log *output, struct log_reader *reader, bool always,
                      json_t **ret_reply, bool *ret_eof)
{
    CLEANUP_FREE char *data = malloc(CHUNK);
    CLEANUP_JSON json_t *pieces = json_array();
    struct excerpt excerpt = { .data = data, .pieces = pieces };
    bool eof = output->ended;
    int r;

    if (data == NULL || pieces == NULL)
        return -ENOMEM;
    r = read_excerpt(&excerpt, reader, output->dir_fd);
    if (r < 0)
        return r;
    /* Bytes that were lost at the very end show in the last offset. */
    if (eof && excerpt.length == 0 && excerpt.offset < output->end)
        excerpt.offset = output->end;
    else if (eof && excerpt.length > 0)
        eof = reader->offset >= output->end;
    *ret_eof = eof;
    *ret_reply = NULL;
    if (excerpt.length == 0 && !eof && !always)
        return 0;
    *ret_reply = excerpt_to_json(&excerpt, eof, output->limit);
    return *ret_reply == NULL ? -ENOMEM : 0;
}

static int refuse(struct varlink_connection *connection, const struct program_log *output, int error)
{
    struct refusal refusal;

    (void)refusal_set(&refusal, error, ERROR_SYSTEM, NULL, "cannot read the log of container %s: %s",
                      output->name, strerror(-error));
    return refusal_reply(&refusal, connection);
}

static void send_log(struct follower *follower)
{
    const struct program_log *output = follower->owner;
    json_t *reply;
    bool eof;
    int r;

    while (follower_ready(follower)) {
        r = next_reply(output, &follower->reader, false, &reply, &eof);
        if (r == 0 && reply == NULL)
            return;
        if (r < 0 || eof) {
            if (r < 0)
                (void)refuse(follower->connection, output, r);
            else
                (void)varlink_connection_reply(follower->connection, reply);
            follower_drop(follower);
            return;
        }
        if (varlink_connection_reply_continue(follower->connection, reply) < 0)
            return; /* broken: its owner hears of it */
    }
}

/* Where the log ends now: the keeper says so only to who follows, the files always. */
static int64_t find_end(struct program_log *output)
{
    int64_t end = log_reader_end(output->dir_fd);

    if (end > output->end)
        output->end = end;
    return output->end;
}

int64_t program_log_tail(struct program_log *output, int64_t bytes)
{
    int64_t end = find_end(output);

    return bytes < end ? end - bytes : 0;
}

static int refuse_offset(struct varlink_connection *connection, const struct program_log *output,
                         int64_t offset)
{
    struct refusal refusal;

    (void)refusal_set(&refusal, -ERANGE, ERROR_NO_SUCH_OFFSET, output->name,
                      "the log of container %s ends at offset %" PRId64 " so far, before %" PRId64,
                      output->name, output->end, offset);
    refusal.bytes = output->end;
    return refusal_reply(&refusal, connection);
}

static int reply_once(struct program_log *output, struct varlink_connection *connection, int64_t offset)
{
    struct log_reader reader = LOG_READER_INIT;
    json_t *reply;
    bool eof;
    int r;

    log_reader_seek(&reader, offset);
    r = next_reply(output, &reader, true, &reply, &eof);
    log_reader_close(&reader);
    return r < 0 ? refuse(connection, output, r) : varlink_connection_reply(connection, reply);
}

/* The keeper tells of every growth only while somebody follows. */
static void follow(struct program_log *output)
{
    keeper_link_follow(output->keeper, !TAILQ_EMPTY(&output->followers));
}

static void wake(struct program_log *output)
{
    struct follower *follower, *next;

    for (follower = TAILQ_FIRST(&output->followers); follower != NULL; follower = next) {
        next = TAILQ_NEXT(follower, link);
        follower->send(follower);
    }
    follow(output);
}

int program_log_reply(struct program_log *output, struct varlink_connection *connection, int64_t offset,
                      bool more)
{
    struct follower *follower;

    if (offset > output->end && offset > find_end(output))
        return refuse_offset(connection, output, offset);
    if (offset < 0)
        offset = 0; /* the reader goes on to the oldest byte kept */
    if (!more)
        return reply_once(output, connection, offset);
    follower = follower_add(&output->followers, connection, 0, send_log, output);
    if (follower == NULL)
        return -ENOMEM;
    log_reader_seek(&follower->reader, offset);
    follow(output);
    send_log(follower);
    return 0;
}

void program_log_init(struct program_log *output, const char *name, struct keeper_link *keeper, int dir_fd)
{
    *output =
        (struct program_log){ .name = name, .keeper = keeper, .dir_fd = dir_fd, .limit = LOG_LIMIT_DEFAULT };
    TAILQ_INIT(&output->followers);
}

void program_log_refuse(struct program_log *output, const struct refusal *refusal)
{
    struct follower *follower;

    while ((follower = TAILQ_FIRST(&output->followers)) != NULL) {
        (void)refusal_reply(refusal, follower->connection);
        follower_drop(follower);
    }
}

void program_log_done(struct program_log *output)
{
    while (!TAILQ_EMPTY(&output->followers))
        follower_drop(TAILQ_FIRST(&output->followers));
}

void program_log_update(struct program_log *output, const struct keeper_status *status)
{
    if (status->log_end > output->end)
        output->end = status->log_end;
    if (status->flags & KEEPER_LOG_ENDED)
        output->ended = true;
    wake(output);
}

void program_log_end(struct program_log *output)
{
    if (output->ended)
        return;
    output->ended = true;
    wake(output);
}

void program_log_read_end(struct program_log *output)
{
    struct keeper_record record;

    if (keeper_record_read(output->dir_fd, &record) == 0 && record.status.log_end > output->end)
        output->end = record.status.log_end;
}
