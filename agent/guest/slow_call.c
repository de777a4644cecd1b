/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/slow_call.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/guest/manager.h"

struct slow_call {
    struct turn turn;
    struct manager *manager;
    struct varlink_connection *connection; /* one reference */
    const struct varlink_call *call;       /* the connection's, which runs it */
    varlink_handler handler;
    size_t bytes;
};

static void slow_call_free(struct slow_call *slow)
{
    turns_drop(&slow->manager->turns, &slow->turn);
    slow->manager->slow_bytes -= slow->bytes;
    varlink_connection_unref(slow->connection);
    free(slow);
}

static void on_gone(struct varlink_connection *connection, void *data)
{
    (void)connection;
    slow_call_free(data);
}

static void run(struct turn *turn)
{
    struct slow_call *slow = (struct slow_call *)turn;
    int r;

    varlink_connection_watch(slow->connection, NULL, NULL);
    r = slow->handler(slow->connection, slow->call, slow->manager);
    if (r < 0)
        (void)varlink_connection_break(slow->connection, r, "a call could not be answered");
    slow_call_free(slow);
}

static int refuse(struct varlink_connection *connection)
{
    return varlink_connection_error(
        connection, "io.czone.Monitor.Busy",
        json_pack("{s:I, s:s}", "limit", (json_int_t)SLOW_CALLS_BYTES_MAX, "message",
                  "the calls that wait for their turn are too long together: try again later"));
}

int slow_call_defer(struct varlink_connection *connection, const struct varlink_call *call,
                    varlink_handler handler, void *userdata)
{
    struct manager *manager = userdata;
    struct slow_call *slow;

    if (call->length > SLOW_CALLS_BYTES_MAX - manager->slow_bytes)
        return refuse(connection);
    slow = malloc(sizeof(*slow));
    if (slow == NULL)
        return -ENOMEM;
    *slow = (struct slow_call){ .turn = TURN_INIT(run),
                                .manager = manager,
                                .connection = varlink_connection_ref(connection),
                                .call = call,
                                .handler = handler,
                                .bytes = call->length };
    manager->slow_bytes += slow->bytes;
    varlink_connection_watch(connection, on_gone, slow);
    turns_add(&manager->turns, &slow->turn);
    return 0;
}
