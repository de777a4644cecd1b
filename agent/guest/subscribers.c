/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/subscribers.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/guest/clock.h"
#include "proto/cleanup.h"

void subscribers_init(struct subscribers *subscribers)
{
    *subscribers = (struct subscribers){ 0 };
    TAILQ_INIT(&subscribers->list);
}

static void drop(struct subscriber *subscriber)
{
    TAILQ_REMOVE(&subscriber->subscribers->list, subscriber, link);
    subscriber->subscribers->n--;
    varlink_connection_unref(subscriber->connection);
    free(subscriber);
}

void subscribers_done(struct subscribers *subscribers)
{
    while (!TAILQ_EMPTY(&subscribers->list)) {
        varlink_connection_watch(TAILQ_FIRST(&subscribers->list)->connection, NULL, NULL);
        drop(TAILQ_FIRST(&subscribers->list));
    }
}

static void on_gone(struct varlink_connection *connection, void *data)
{
    (void)connection;
    drop(data);
}

int subscribers_add(struct subscribers *subscribers, struct varlink_connection *connection)
{
    struct subscriber *subscriber;

    if (subscribers->n >= SUBSCRIBERS_MAX)
        return -E2BIG;
    subscriber = calloc(1, sizeof(*subscriber));
    if (subscriber == NULL)
        return -ENOMEM;
    subscriber->subscribers = subscribers;
    subscriber->connection = varlink_connection_ref(connection);
    TAILQ_INSERT_TAIL(&subscribers->list, subscriber, link);
    subscribers->n++;
    varlink_connection_watch(connection, on_gone, subscriber);
    /* A connection that breaks here says so to its owner, and then to on_gone(). */
    (void)varlink_connection_reply_continue(connection, json_object());
    return 0;
}

static json_t *to_json(const struct event_fact *fact, uint64_t sequence)
{
    CLEANUP_JSON json_t *event =
        json_pack("{s:I, s:I, s:s, s:s*, s:s*, s:s*, s:s*}", "sequence", (json_int_t)sequence, "time",
                  (json_int_t)clock_realtime(), "event", fact->event, "container", fact->container, "zone",
                  fact->zone, "message", fact->message, "process", fact->process);

    if (event == NULL)
        return NULL;
    if (fact->node >= 0 && json_object_set_new(event, "node", json_integer(fact->node)) < 0)
        return NULL;
    if (fact->bytes >= 0 && json_object_set_new(event, "bytes", json_integer(fact->bytes)) < 0)
        return NULL;
    if (fact->pid > 0 && json_object_set_new(event, "pid", json_integer(fact->pid)) < 0)
        return NULL;
    if (fact->count > 0 && json_object_set_new(event, "count", json_integer(fact->count)) < 0)
        return NULL;
    return TAKE(event);
}

void subscribers_publish(struct subscribers *subscribers, const struct event_fact *fact)
{
    CLEANUP_JSON json_t *event = NULL;
    struct subscriber *subscriber;

    subscribers->sequence++;
    if (subscribers->n == 0)
        return;
    event = to_json(fact, subscribers->sequence);
    if (event == NULL)
        return;
    TAILQ_FOREACH(subscriber, &subscribers->list, link) {
        if (varlink_connection_output(subscriber->connection) > VARLINK_OUTPUT_BUSY)
            continue;
        (void)varlink_connection_reply_continue(subscriber->connection, json_pack("{s:O}", "event", event));
    }
}
