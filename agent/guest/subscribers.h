/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_SUBSCRIBERS_H
#define GUEST_SUBSCRIBERS_H

/*
 * Connections that a stream of replies goes to: Monitor.Subscribe. One that does not read fast enough misses
 * events (the sequence shows it); nobody waits for it and nothing piles up for it.
 */

#include <sys/queue.h>

#include "proto/connection.h"

#define SUBSCRIBERS_MAX 16u

struct subscriber {
    TAILQ_ENTRY(subscriber) link;
    struct subscribers *subscribers;
    struct varlink_connection *connection; /* one reference */
};

struct subscribers {
    TAILQ_HEAD(subscriber_list, subscriber) list;
    size_t n;
    uint64_t sequence; /* of the last event */
};

/* What happened; members that are NULL or negative are absent on the wire, and pid and count of 0. */
struct event_fact {
    const char *event; /* "container-started"…: io.czone.Monitor, type Event */
    const char *container, *zone, *message;
    int node;
    int64_t bytes;
    int pid;
    const char *process;
    int64_t count;
};

#define EVENT_FACT(name) .event = (name), .node = -1, .bytes = -1

void subscribers_init(struct subscribers *subscribers);
/* Ends all streams. */
void subscribers_done(struct subscribers *subscribers);

/* Takes the connection's running call (with more) as a subscription and answers it a first time. Returns 0,
 * -E2BIG (SUBSCRIBERS_MAX) or -ENOMEM; on failure nothing was answered. */
int subscribers_add(struct subscribers *subscribers, struct varlink_connection *connection);

/* Counts the event and sends it to all who can take it. */
void subscribers_publish(struct subscribers *subscribers, const struct event_fact *fact);

#endif
