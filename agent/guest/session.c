/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/session.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/waiter.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "proto/frame.h"

#define HOST_PREFIX "io.czone.Host."

static void on_event(evutil_socket_t fd, short what, void *data);

/* Waits for what the connection wants now. */
static int arm(struct session *session)
{
    short wanted = varlink_connection_events(session->connection);
    short events = (short)(EV_PERSIST | (wanted & POLLIN ? EV_READ : 0) | (wanted & POLLOUT ? EV_WRITE : 0));

    if (events == session->events)
        return 0;
    if (event_del(session->event) < 0 ||
        event_assign(session->event, session->manager->base, varlink_connection_fd(session->connection),
                     events, on_event, session) < 0)
        return -ENOMEM;
    session->events = events;
    /* Nothing to wait for: the changed hook brings it back. */
    if ((events & (EV_READ | EV_WRITE)) == 0)
        return 0;
    return event_add(session->event, NULL) < 0 ? -ENOMEM : 0;
}

static void count_bytes(struct session *session, size_t bytes)
{
    session->manager->session_bytes += bytes - session->bytes;
    session->bytes = bytes;
}

/* For how long the peer has taken nothing of what waits for it, in nanoseconds. What was queued a moment ago,
 * after a long silence it may be, has not had the time to be taken. */
static uint64_t stalled_for(const struct session *session)
{
    return session->waiting && varlink_connection_output(session->connection) > 0
               ? clock_monotonic() - session->sent_at
               : 0;
}

/* How much one has beyond its due, which for a peer that reads is a full stream. */
static size_t excess(const struct session *session)
{
    bool reads = varlink_connection_output(session->connection) > 0 &&
                 stalled_for(session) < SESSION_IDLE_SECONDS * NSEC_PER_SEC;
    size_t due = reads ? VARLINK_OUTPUT_BUSY + VARLINK_MESSAGE_MAX : 0;

    return session->bytes > due ? session->bytes - due : 0;
}

/* Whether it is better to close this one than the other. */
static bool is_worse(const struct session *session, const struct session *other)
{
    size_t one = excess(session), two = excess(other);

    if (one != two)
        return one > two;
    if (stalled_for(session) != stalled_for(other))
        return stalled_for(session) > stalled_for(other);
    return session->bytes > other->bytes;
}

/* Closes connections until the others have room for their buffers. */
static void shed(struct manager *manager)
{
    while (manager->session_bytes > SESSIONS_BYTES_MAX) {
        struct session *session, *worst = TAILQ_FIRST(&manager->sessions);

        TAILQ_FOREACH(session, &manager->sessions, link)
            if (is_worse(session, worst))
                worst = session;
        log_warning("connection closed: %zu bytes wait on it, and all connections together have more than "
                    "their %zu",
                    worst->bytes, SESSIONS_BYTES_MAX);
        (void)session_free(worst);
    }
}

static void on_event(evutil_socket_t fd, short what, void *data)
{
    struct session *session = data;
    short revents = (short)((what & EV_READ ? POLLIN : 0) | (what & EV_WRITE ? POLLOUT : 0));
    int r;

    (void)fd;
    r = varlink_service_process(session->manager->service, session->connection, revents);
    if (r > 0 && session->follower != NULL && follower_ready(session->follower))
        session->follower->send(session->follower);
    if (r > 0 && session->answered && varlink_connection_call(session->connection) == NULL &&
        varlink_connection_output(session->connection) == 0)
        r = 0;
    session->active_at = clock_monotonic();
    count_bytes(session, varlink_connection_memory(session->connection));
    if (what & EV_WRITE || !session->waiting || varlink_connection_output(session->connection) == 0)
        session->sent_at = session->active_at;
    session->waiting = varlink_connection_output(session->connection) > 0;
    if (r > 0 && arm(session) == 0) {
        shed(session->manager);
        return;
    }
    if (r < 0 && r != -ECONNRESET && r != -EPIPE)
        log_info("connection closed: %s", varlink_connection_reason(session->connection)[0] != '\0'
                                              ? varlink_connection_reason(session->connection)
                                              : strerror(-r));
    (void)session_free(session);
}

/* Only schedules: a reply may be given from anywhere. */
static void on_changed(struct varlink_connection *connection, void *data)
{
    struct session *session = data;

    (void)connection;
    event_active(session->event, 0, 0);
}

static void on_silence(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    log_debug("connection closed: no call in time");
    (void)session_free(data);
}

int session_authorize(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct session *session = varlink_connection_userdata(connection);

    (void)userdata;
    log_debug("call of %s", call->method);
    /* What the host has to say of memory is heard however many others are here: one call. */
    if (session->refused && strncmp(call->method, HOST_PREFIX, strlen(HOST_PREFIX)) == 0)
        session->answered = true;
    else if (session->refused) {
        session->answered = true;
        return varlink_connection_error(connection, SESSION_ERROR_TOO_MANY, session_refusal()) < 0 ? -E2BIG
                                                                                                   : 1;
    }
    if (session->timer != NULL)
        event_free(session->timer);
    session->timer = NULL;
    return 0;
}

void session_set_follower(struct varlink_connection *connection, struct follower *follower)
{
    struct session *session = varlink_connection_userdata(connection);

    /* The session of a connection that was closed is gone. */
    if (session != NULL)
        session->follower = follower;
}

json_t *session_refusal(void)
{
    return json_pack("{s:i, s:s}", "limit", (int)SESSIONS_MAX, "message",
                     "czoned serves no more connections at a time: close one");
}

static int start(struct session *session)
{
    const struct timeval first_call = { .tv_sec = session->refused ? SESSION_REFUSED_SECONDS
                                                                   : SESSION_FIRST_CALL_SECONDS };
    struct event_base *base = session->manager->base;

    session->events = EV_PERSIST | EV_READ;
    session->event =
        event_new(base, varlink_connection_fd(session->connection), session->events, on_event, session);
    session->timer = evtimer_new(base, on_silence, session);
    if (session->event == NULL || session->timer == NULL || event_add(session->event, NULL) < 0 ||
        event_add(session->timer, &first_call) < 0)
        return -ENOMEM;
    return 0;
}

int session_new(struct manager *manager, int fd, const struct peer *peer, bool refused)
{
    struct session *session = calloc(1, sizeof(*session));
    int r;

    if (session == NULL)
        return -ENOMEM;
    session->manager = manager;
    session->peer = *peer;
    r = varlink_connection_new(fd, &session->connection);
    if (r < 0) {
        free(session);
        return r;
    }
    TAILQ_INSERT_TAIL(&manager->sessions, session, link);
    session->refused = refused;
    session->active_at = session->sent_at = clock_monotonic();
    manager->n_sessions++;
    manager->n_refused += refused;
    varlink_connection_set_userdata(session->connection, session);
    r = start(session);
    if (r == 0)
        varlink_connection_set_changed(session->connection, on_changed, session);
    else
        (void)session_free(session); /* the fd is gone with it: no second close by the caller */
    return 0;
}

struct session *session_free(struct session *session)
{
    struct manager *manager = session->manager;

    /* References that others hold find neither session nor event any more. */
    varlink_connection_set_changed(session->connection, NULL, NULL);
    varlink_connection_close(session->connection);
    varlink_connection_set_userdata(session->connection, NULL);
    varlink_connection_unref(session->connection);
    if (session->event != NULL)
        event_free(session->event);
    if (session->timer != NULL)
        event_free(session->timer);
    count_bytes(session, 0);
    TAILQ_REMOVE(&manager->sessions, session, link);
    manager->n_sessions--;
    manager->n_refused -= session->refused;
    free(session);
    listeners_resume(&manager->listeners);
    return NULL;
}

/* For how long it has been of no use to anybody, in nanoseconds; 0: it is. */
static uint64_t idle_for(const struct session *session)
{
    if (session->refused)
        return 0;
    if (varlink_connection_output(session->connection) > 0)
        return stalled_for(session);
    return varlink_connection_call(session->connection) == NULL ? clock_monotonic() - session->active_at : 0;
}

bool session_evict(struct manager *manager)
{
    struct session *session, *oldest = NULL;
    uint64_t longest = 0;

    TAILQ_FOREACH(session, &manager->sessions, link) {
        uint64_t idle = idle_for(session);

        if (idle < SESSION_IDLE_SECONDS * NSEC_PER_SEC || idle <= longest)
            continue;
        longest = idle;
        oldest = session;
    }
    if (oldest == NULL)
        return false;
    log_info("connection closed: %s, and another needs its place",
             varlink_connection_output(oldest->connection) > 0 ? "its peer does not read" : "idle");
    (void)session_free(oldest);
    return true;
}
