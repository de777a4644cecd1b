/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container.h"
#include "proto/base64.h"
#include "proto/cleanup.h"

/* As base64 well below the longest message. */
#define CHUNK ((size_t)96 * 1024)

bool container_log_ended(const struct container *container)
{
    return container->program.log_ended || container->settled;
}

/* One reply's worth from *offset on, which moves behind it. */
static json_t *chunk_to_json(const struct container *container, uint64_t *offset, bool *ret_eof)
{
    CLEANUP_FREE char *data = malloc(CHUNK);
    CLEANUP_FREE char *text = malloc(BASE64_LENGTH(CHUNK));
    uint64_t start = *offset;
    size_t length;

    if (data == NULL || text == NULL)
        return NULL;
    length = log_ring_read(&container->log, &start, data, CHUNK);
    base64_encode(data, length, text);
    *offset = start + length;
    *ret_eof = container_log_ended(container) && *offset == container->log.end;
    return json_pack("{s:I, s:o, s:b, s:I}", "offset", (json_int_t)start, "data",
                     json_stringn(text, BASE64_LENGTH(length)), "eof", (int)*ret_eof, "limit",
                     (json_int_t)container->log.limit);
}

static void send_log(struct follower *follower)
{
    const struct container *container = follower->owner;
    bool eof = container_log_ended(container);
    json_t *reply;

    while (follower_ready(follower) && (follower->position < container->log.end || eof)) {
        reply = chunk_to_json(container, &follower->position, &eof);
        if (eof) {
            (void)varlink_connection_reply(follower->connection, reply);
            follower_drop(follower);
            return;
        }
        if (varlink_connection_reply_continue(follower->connection, reply) < 0)
            return; /* broken: its owner hears of it */
        eof = container_log_ended(container);
    }
}

int container_reply_log(struct container *container, struct varlink_connection *connection, int64_t offset,
                        bool more)
{
    uint64_t position = offset < 0 ? container->log.begin : (uint64_t)offset;
    struct follower *follower;
    bool eof;

    if (!more)
        return varlink_connection_reply(connection, chunk_to_json(container, &position, &eof));
    follower = follower_add(&container->followers, connection, position, send_log, container);
    if (follower == NULL)
        return -ENOMEM;
    send_log(follower);
    return 0;
}
