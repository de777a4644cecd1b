/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/input.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/log.h"
#include "agent/guest/refusal.h"

#define GONE "it has no standard input (any more)"

static void drop(struct input_write *write)
{
    TAILQ_REMOVE(&write->input->writes, write, link);
    varlink_connection_watch(write->connection, NULL, NULL);
    varlink_connection_unref(write->connection);
    free(write->data);
    free(write);
}

static void on_gone(struct varlink_connection *connection, void *data)
{
    (void)connection;
    drop(data);
}

static void refuse(struct input_write *write, int error, const char *id, const char *why)
{
    struct refusal refusal;

    (void)refusal_set(&refusal, error, id, write->input->name, "container %s: %s", write->input->name, why);
    (void)refusal_reply(&refusal, write->connection);
    drop(write);
}

static int send_bytes(struct input *input, const unsigned char *data, size_t length)
{
    struct keeper_input message = { .header.kind = KEEPER_INPUT };
    int r;

    memcpy(message.data, data, length);
    r = keeper_send(input->keeper->fd, &message, KEEPER_INPUT_HEADER + length, NULL, 0);
    if (r == 0)
        input->sent += (int64_t)length;
    return r;
}

/* Returns whether the write was dealt with. */
static bool try(struct input_write *write)
{
    struct input *input = write->input;
    int64_t room = KEEPER_INPUT_MAX - (input->sent - input->written);
    size_t known;
    int r = 0;

    if (write->offset < 0)
        write->offset = input->sent;
    if (write->offset > input->sent) {
        refuse(write, -ERANGE, ERROR_SYSTEM, "bytes of its standard input before these were never written");
        return true;
    }
    known = (size_t)(input->sent - write->offset);
    if (known > write->length)
        known = write->length; /* it has them all */
    if ((int64_t)(write->length - known) > room)
        return false;
    if (write->length > known)
        r = send_bytes(input, write->data + known, write->length - known);
    if (r == 0 && write->end) {
        r = send_bytes(input, write->data, 0);
        input->open = r < 0;
    }
    /* The keeper has hung up: it is connected to again, or gone, as we are about to hear. */
    if (r == -EPIPE || r == -ECONNRESET || r == -EBADF)
        return false;
    if (r < 0) {
        refuse(write, r, ERROR_SYSTEM, strerror(-r));
        return true;
    }
    (void)varlink_connection_reply(write->connection, json_pack("{s:I}", "offset", (json_int_t)input->sent));
    drop(write);
    return true;
}

static void flush(struct input *input)
{
    struct input_write *write;

    if (!input->known)
        return; /* the first status brings it here again */
    while ((write = TAILQ_FIRST(&input->writes)) != NULL) {
        if (!input->open)
            refuse(write, -EPIPE, ERROR_NO_INPUT, GONE);
        else if (!try(write))
            return;
    }
}

int input_add(struct input *input, struct varlink_connection *connection, unsigned char *data, size_t length,
              int64_t offset, bool end)
{
    struct input_write *write = calloc(1, sizeof(*write));

    if (write == NULL) {
        free(data);
        return -ENOMEM;
    }
    write->input = input;
    write->data = data;
    write->length = length;
    write->offset = offset;
    write->end = end;
    write->connection = varlink_connection_ref(connection);
    TAILQ_INSERT_TAIL(&input->writes, write, link);
    varlink_connection_watch(connection, on_gone, write);
    flush(input);
    return 0;
}

void input_update(struct input *input, const struct keeper_status *status)
{
    if (status->state < KEEPER_RUNNING)
        return;
    /* What was on its way on the connection before this one is gone with it. */
    if (!input->known || input->serial != input->keeper->serial) {
        if (status->input_received < input->sent)
            log_warning("container %s: %" PRId64 " bytes of standard input are lost: its keeper hung up",
                        input->name, input->sent - status->input_received);
        input->known = true;
        input->serial = input->keeper->serial;
        input->sent = status->input_received;
        input->open = true;
    }
    input->written = status->input_written;
    if (!(status->flags & KEEPER_INPUT_OPEN))
        input->open = false;
    flush(input);
}

void input_close(struct input *input)
{
    input->known = true;
    input->serial = input->keeper->serial;
    input->open = false;
    flush(input);
}

void input_init(struct input *input, const char *name, struct keeper_link *keeper)
{
    *input = (struct input){ .name = name, .keeper = keeper };
    TAILQ_INIT(&input->writes);
}

void input_done(struct input *input)
{
    while (!TAILQ_EMPTY(&input->writes))
        drop(TAILQ_FIRST(&input->writes));
}
