/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

#include "proto/cleanup.h"
#include "proto/stream.h"

typedef void (*connection_hook)(struct varlink_connection *connection, void *userdata);

struct varlink_connection {
    unsigned int n_refs;
    struct stream stream;
    bool running;   /* `call` waits for its final reply */
    bool abandoned; /* nobody is there to read a reply; calls that want none are still served */
    struct varlink_call call;
    connection_hook gone;
    void *gone_userdata;
    connection_hook changed;
    void *changed_userdata;
    void *userdata;
};

int varlink_connection_new(int fd, struct varlink_connection **ret)
{
    struct varlink_connection *connection = malloc(sizeof(*connection));
    int r;

    if (!connection)
        return -ENOMEM;
    *connection = (struct varlink_connection){ .n_refs = 1, .stream = STREAM_INIT };
    r = stream_open(&connection->stream, fd);
    if (r < 0) {
        free(connection);
        return r;
    }
    *ret = connection;
    return 0;
}

struct varlink_connection *varlink_connection_ref(struct varlink_connection *connection)
{
    connection->n_refs++;
    return connection;
}

struct varlink_connection *varlink_connection_unref(struct varlink_connection *connection)
{
    if (!connection || --connection->n_refs > 0)
        return NULL;
    connection->n_refs = 1; /* for the hook that close() may call */
    varlink_connection_close(connection);
    free(connection);
    return NULL;
}

static void connection_end_call(struct varlink_connection *connection)
{
    connection->running = false;
    connection->gone = NULL;
    varlink_call_done(&connection->call);
}

/* The connection is over while a call may run: tell whoever works on it. */
static void connection_abandon_call(struct varlink_connection *connection)
{
    connection_hook gone = connection->gone;

    connection->gone = NULL;
    if (gone)
        gone(connection, connection->gone_userdata);
}

void varlink_connection_close(struct varlink_connection *connection)
{
    if (connection->stream.fd < 0)
        return;
    stream_close(&connection->stream);
    connection_abandon_call(connection);
    connection_end_call(connection);
}

void varlink_connection_set_userdata(struct varlink_connection *connection, void *userdata)
{
    connection->userdata = userdata;
}

void *varlink_connection_userdata(const struct varlink_connection *connection)
{
    return connection->userdata;
}

int varlink_connection_fd(const struct varlink_connection *connection)
{
    return connection->stream.fd;
}

void varlink_connection_set_changed(struct varlink_connection *connection, connection_hook changed,
                                    void *userdata)
{
    connection->changed = changed;
    connection->changed_userdata = userdata;
}

void varlink_connection_watch(struct varlink_connection *connection, connection_hook gone, void *userdata)
{
    if (!connection->running)
        return;
    connection->gone = gone;
    connection->gone_userdata = userdata;
}

const struct varlink_call *varlink_connection_call(const struct varlink_connection *connection)
{
    return connection->running ? &connection->call : NULL;
}

bool varlink_connection_is_half_closed(const struct varlink_connection *connection)
{
    return connection->running && connection->stream.ended && connection->stream.error == 0;
}

const char *varlink_connection_reason(const struct varlink_connection *connection)
{
    return connection->stream.reason.text;
}

size_t varlink_connection_output(const struct varlink_connection *connection)
{
    return output_pending(&connection->stream.output);
}

size_t varlink_connection_memory(const struct varlink_connection *connection)
{
    return connection->stream.input.size + connection->stream.output.size;
}

/* May a call be handed out now, if there is one? */
static bool connection_is_free(const struct varlink_connection *connection)
{
    return !connection->running && varlink_connection_output(connection) <= VARLINK_OUTPUT_BUSY;
}

short varlink_connection_events(struct varlink_connection *connection)
{
    struct stream *stream = &connection->stream;
    short events = stream_events(stream);

    /* Calls wait that this turn left for the next, or nothing is left to do at all: any event will do to be
     * called again, and the socket is writable. */
    if (stream->error == 0 && connection_is_free(connection) &&
        (stream->ended || varlink_frame_ready(&stream->input)))
        events |= POLLOUT;
    return events;
}

int varlink_connection_break(struct varlink_connection *connection, int error, const char *why)
{
    int r = stream_break(&connection->stream, error, "%s", why);

    if (connection->changed)
        connection->changed(connection, connection->changed_userdata);
    return r;
}

/* Settles what the end of the input means. Returns as varlink_connection_process(). */
static int connection_check_end(struct varlink_connection *connection)
{
    struct stream *stream = &connection->stream;

    if (!stream->ended)
        return 1;
    if (!connection->abandoned && stream_is_abandoned(stream)) {
        connection->abandoned = true;
        output_done(&stream->output);
    }
    if (connection->running && connection->abandoned && !(connection->call.flags & VARLINK_ONEWAY))
        return stream_break(stream, -ECONNRESET, "the peer closed the connection during its call");
    if (connection->running || varlink_frame_ready(&stream->input) || output_pending(&stream->output) > 0)
        return 1;
    if (varlink_frame_pending(&stream->input) > 0)
        return stream_break(stream, -ECONNRESET, "the peer closed the connection in the middle of a message");
    return 0;
}

int varlink_connection_process(struct varlink_connection *connection, short revents)
{
    struct stream *stream = &connection->stream;
    int r = 0;

    if (revents & ~POLLOUT)
        r = stream_fill(stream);
    if (r == 0 && !connection->abandoned)
        r = stream_flush(stream);
    if (r == 0)
        r = connection_check_end(connection);
    if (r < 0) {
        r = stream->error;
        connection_abandon_call(connection);
    }
    return r;
}

/* After the peer has gone: the calls that want no reply are still served, up to the first that does. */
static bool connection_drops(const struct varlink_connection *connection, const struct varlink_call *call)
{
    return connection->abandoned && !(call->flags & VARLINK_ONEWAY);
}

int varlink_connection_next_call(struct varlink_connection *connection, const struct varlink_call **ret)
{
    struct stream *stream = &connection->stream;
    struct reason reason = { "" };
    const char *text;
    size_t length;
    int r;

    if (stream->error < 0)
        return stream->error;
    if (!connection_is_free(connection))
        return 0;
    r = varlink_frame_next(&stream->input, &text, &length);
    if (r == 0)
        return 0;
    if (r < 0)
        return stream_break(stream, r, "a message is longer than %zu bytes", VARLINK_MESSAGE_MAX);
    r = varlink_call_decode(text, length, &connection->call, &reason);
    if (r < 0)
        return stream_break(stream, r, "%s", reason.text);
    if (connection_drops(connection, &connection->call)) {
        varlink_call_done(&connection->call);
        return stream_break(stream, -ECONNRESET, "the peer closed the connection before its call was served");
    }
    connection->running = true;
    *ret = &connection->call;
    return 1;
}

/* Queues one message; a call that wants no reply gets none. */
static int connection_send(struct varlink_connection *connection, const char *error, json_t *parameters,
                           bool continues)
{
    CLEANUP_FREE char *text = NULL;
    size_t length;
    int r;

    if (!parameters)
        return varlink_connection_break(connection, -ENOMEM,
                                        "a reply could not be built: out of memory or no UTF-8");
    if (connection->call.flags & VARLINK_ONEWAY)
        return 0;
    r = varlink_reply_encode(error, parameters, continues, &text, &length);
    if (r == -ENOMEM)
        return varlink_connection_break(connection, r, "out of memory");
    if (r < 0)
        return r;
    r = stream_queue(&connection->stream, text, length);
    return r < 0 ? varlink_connection_break(connection, r, "") : 0;
}

static int connection_reply(struct varlink_connection *connection, const char *error, json_t *parameters,
                            bool continues)
{
    CLEANUP_JSON json_t *owned = parameters;
    int r;

    if (connection->stream.error < 0)
        return -ENOTCONN;
    if (!connection->running || (continues && !(connection->call.flags & VARLINK_MORE)))
        return -EINVAL;
    r = connection_send(connection, error, owned, continues);
    if (r < 0)
        return r;
    if (!continues)
        connection_end_call(connection);
    if (connection->changed)
        connection->changed(connection, connection->changed_userdata);
    return 0;
}

int varlink_connection_reply(struct varlink_connection *connection, json_t *parameters)
{
    return connection_reply(connection, NULL, parameters, false);
}

int varlink_connection_reply_continue(struct varlink_connection *connection, json_t *parameters)
{
    return connection_reply(connection, NULL, parameters, true);
}

int varlink_connection_error(struct varlink_connection *connection, const char *error, json_t *parameters)
{
    return connection_reply(connection, error, parameters, false);
}

int varlink_connection_invalid_parameter(struct varlink_connection *connection,
                                         const struct varlink_fault *fault)
{
    return varlink_connection_error(
        connection, "org.varlink.service.InvalidParameter",
        json_pack("{s:s, s:s}", "parameter", fault->parameter, "message", fault->reason.text));
}

int varlink_connection_interface_not_found(struct varlink_connection *connection, const char *interface)
{
    return varlink_connection_error(connection, "org.varlink.service.InterfaceNotFound",
                                    json_pack("{s:s}", "interface", interface));
}

int varlink_connection_method_not_found(struct varlink_connection *connection, const char *method)
{
    return varlink_connection_error(connection, "org.varlink.service.MethodNotFound",
                                    json_pack("{s:s}", "method", method));
}

int varlink_connection_method_not_implemented(struct varlink_connection *connection, const char *method)
{
    return varlink_connection_error(connection, "org.varlink.service.MethodNotImplemented",
                                    json_pack("{s:s}", "method", method));
}

int varlink_connection_permission_denied(struct varlink_connection *connection)
{
    return varlink_connection_error(connection, "org.varlink.service.PermissionDenied", json_object());
}

int varlink_connection_expected_more(struct varlink_connection *connection)
{
    return varlink_connection_error(connection, "org.varlink.service.ExpectedMore", json_object());
}
