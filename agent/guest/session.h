/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_SESSION_H
#define GUEST_SESSION_H

/* One accepted connection in the event loop. */

#include <event2/event.h>
#include <sys/queue.h>

#include "proto/connection.h"
#include "proto/peer.h"

/* A CLI or two per container, a host daemon and monitoring agents. */
#define SESSIONS_MAX 512u
/* What their buffers may take together; beyond it the connection that has most is closed, not counting what
 * any peer that reads may have. One may have some 4.5 MiB, an idle one has 8 KiB at most. */
#define SESSIONS_BYTES_MAX ((size_t)32 * 1024 * 1024)
/* A peer that says nothing for so long does not get to keep a place. */
#define SESSION_FIRST_CALL_SECONDS 10
/* One without a call under way, or whose peer reads nothing of what waits for it, keeps its place for so long
 * when another needs it. */
#define SESSION_IDLE_SECONDS 10
/* Beyond SESSIONS_MAX so many more are kept for a moment, to answer their first call with a clear error. */
#define SESSIONS_REFUSED_MAX    64u
#define SESSION_REFUSED_SECONDS 2

#define SESSION_ERROR_TOO_MANY "io.czone.Monitor.TooManyConnections"

struct follower;
struct manager;

struct session {
    TAILQ_ENTRY(session) link;
    struct manager *manager;
    struct varlink_connection *connection;
    struct event *event;
    short events;        /* what the event waits for */
    struct event *timer; /* until the first call */
    struct follower *follower;
    struct peer peer;
    size_t bytes;       /* of its buffers, as counted last */
    uint64_t active_at; /* monotonic: when something last happened on it */
    uint64_t sent_at;   /* monotonic: when nothing waited to be sent, or the peer took some of it */
    bool waiting;       /* something has waited since */
    bool refused;       /* its first call is answered with TooManyConnections, unless it is the host's */
    bool answered;      /* and has been */
};

/*
 * Takes an accepted socket over (only if 0 is returned).
 *
 * @refused  one too many: it gets an error and no service
 *
 * Returns 0, -ENOMEM or fcntl(2)'s errors.
 */
int session_new(struct manager *manager, int fd, const struct peer *peer, bool refused);

/*
 * Closes the connection that has been idle for longest, or whose peer has read nothing for longest, if one
 * has for SESSION_IDLE_SECONDS. A peer that only pauses comes back: czonectl's streams go on where they were
 * cut. One that is gone need not be noticed by any other way: of vhost-device-vsock (0.3.0), a host program
 * that ends with bytes unread is never heard of again. Returns whether there was one.
 */
bool session_evict(struct manager *manager);

/* Closes. Returns NULL. */
struct session *session_free(struct session *session);

/* For varlink_service_set_authorize(): a peer that calls has a place to keep. */
int session_authorize(struct varlink_connection *connection, const struct varlink_call *call, void *userdata);

/* The data of TooManyConnections. NULL without memory. */
json_t *session_refusal(void);

/* Who is to send more when the peer has read what it got; NULL: nobody. */
void session_set_follower(struct varlink_connection *connection, struct follower *follower);

#endif
