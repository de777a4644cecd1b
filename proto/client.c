/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/client.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "proto/cleanup.h"
#include "proto/deadline.h"
#include "proto/stream.h"

struct varlink_client {
    struct stream stream;
    bool busy;          /* a call waits for its final reply */
    unsigned int flags; /* of that call */
};

int varlink_client_new(int fd, struct varlink_client **ret)
{
    struct varlink_client *client = malloc(sizeof(*client));
    int r;

    if (!client)
        return -ENOMEM;
    *client = (struct varlink_client){ .stream = STREAM_INIT };
    r = stream_open(&client->stream, fd);
    if (r < 0) {
        free(client);
        return r;
    }
    *ret = client;
    return 0;
}

int varlink_client_connect(const struct address *address, int timeout_ms, unsigned int flags,
                           struct varlink_client **ret, struct reason *reason)
{
    CLEANUP_FD int fd = -EBADF;
    int r = address_connect(address, timeout_ms, flags, &fd, reason);

    if (r < 0)
        return r;
    r = varlink_client_new(fd, ret);
    if (r < 0)
        return reason_fail(reason, r, "cannot set up the connection: %s", strerror(-r));
    (void)take_fd(&fd);
    return 0;
}

struct varlink_client *varlink_client_free(struct varlink_client *client)
{
    if (client)
        stream_close(&client->stream);
    free(client);
    return NULL;
}

/* Nothing that follows a violation is believed. */
static int client_refuse(struct varlink_client *client, int error, const char *why)
{
    varlink_frame_done(&client->stream.input);
    return stream_break(&client->stream, error, "the server sent no valid reply: %s", why);
}

int varlink_client_send(struct varlink_client *client, const char *method, json_t *parameters,
                        unsigned int flags)
{
    CLEANUP_JSON json_t *owned = parameters;
    CLEANUP_FREE char *text = NULL;
    size_t length;
    int r;

    if (client->stream.error < 0)
        return client->stream.error;
    if (client->busy)
        return -EBUSY;
    if (!owned)
        return -ENOMEM;
    /* It would be taken for the answer to the call that is only now made. */
    if (varlink_frame_pending(&client->stream.input) > 0)
        return client_refuse(client, -EPROTO, "no call asked for it");
    r = varlink_call_encode(method, owned, flags, &text, &length);
    if (r < 0)
        return r;
    r = stream_queue(&client->stream, text, length);
    if (r < 0)
        return r;
    client->busy = flags != VARLINK_ONEWAY;
    client->flags = flags;
    return stream_flush(&client->stream);
}

int varlink_client_fd(const struct varlink_client *client)
{
    return client->stream.fd;
}

short varlink_client_events(struct varlink_client *client)
{
    return stream_events(&client->stream);
}

bool varlink_client_busy(const struct varlink_client *client)
{
    return client->busy;
}

const char *varlink_client_reason(const struct varlink_client *client)
{
    return client->stream.reason.text;
}

int varlink_client_process(struct varlink_client *client, short revents)
{
    struct stream *stream = &client->stream;

    if (revents & ~POLLOUT)
        (void)stream_fill(stream);
    (void)stream_flush(stream);
    if (stream->error == 0 && stream->ended && !varlink_frame_ready(&stream->input))
        (void)stream_break(stream, -ECONNRESET, "the server closed the connection%s",
                           varlink_frame_pending(&stream->input) > 0 ? " in the middle of a message" : "");
    return stream->error;
}

int varlink_client_next_reply(struct varlink_client *client, struct varlink_reply *ret)
{
    CLEANUP(varlink_reply_done) struct varlink_reply reply = VARLINK_REPLY_INIT;
    struct reason reason = { "" };
    const char *text;
    size_t length;
    int r = varlink_frame_next(&client->stream.input, &text, &length);

    if (r < 0)
        return client_refuse(client, r, "it is longer than a message may be");
    if (r == 0)
        return client->stream.error;
    if (!client->busy)
        return client_refuse(client, -EPROTO, "no call asked for it");
    r = varlink_reply_decode(text, length, &reply, &reason);
    if (r < 0)
        return client_refuse(client, r, reason.text);
    if (reply.continues && client->flags != VARLINK_MORE)
        return client_refuse(client, -EPROTO, "it continues, but was to be the only one");
    client->busy = reply.continues;
    *ret = reply;
    reply = VARLINK_REPLY_INIT;
    return 1;
}

/* Waits until the socket is ready and serves it. Returns 0, -ETIMEDOUT, -EINTR or the stream's error. */
static int client_wait(struct varlink_client *client, int64_t deadline)
{
    struct pollfd pollfd = { .fd = client->stream.fd, .events = stream_events(&client->stream) };
    int n = poll(&pollfd, 1, deadline_remaining(deadline));

    if (n < 0)
        return -errno;
    if (n == 0)
        return -ETIMEDOUT;
    (void)varlink_client_process(client, pollfd.revents);
    return 0;
}

static int client_receive_until(struct varlink_client *client, int64_t deadline, struct varlink_reply *ret)
{
    int r;

    if (!client->busy)
        return -EINVAL;
    while ((r = varlink_client_next_reply(client, ret)) == 0) {
        r = client_wait(client, deadline);
        if (r < 0)
            return r;
    }
    return r < 0 ? r : 0;
}

int varlink_client_receive(struct varlink_client *client, int timeout_ms, struct varlink_reply *ret)
{
    return client_receive_until(client, deadline_after(timeout_ms), ret);
}

/* Until all is sent. */
static int client_drain(struct varlink_client *client, int64_t deadline)
{
    int r;

    while (client->stream.error == 0 && output_pending(&client->stream.output) > 0) {
        r = client_wait(client, deadline);
        if (r < 0)
            return r;
    }
    return client->stream.error;
}

int varlink_client_call(struct varlink_client *client, const char *method, json_t *parameters,
                        unsigned int flags, int timeout_ms, struct varlink_reply *ret)
{
    int64_t deadline = deadline_after(timeout_ms);
    int r = varlink_client_send(client, method, parameters, flags);

    if (r < 0)
        return r;
    do
        r = flags == VARLINK_ONEWAY ? client_drain(client, deadline)
                                    : client_receive_until(client, deadline, ret);
    while (r == -EINTR);
    return r;
}
