/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/waiter.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/container.h"
#include "agent/guest/refusal.h"
#include "agent/guest/session.h"

void waiter_drop(struct waiter *waiter)
{
    TAILQ_REMOVE(waiter->list, waiter, link);
    if (waiter->timer != NULL)
        event_free(waiter->timer);
    varlink_connection_watch(waiter->connection, NULL, NULL);
    varlink_connection_unref(waiter->connection);
    free(waiter);
}

static void on_gone(struct varlink_connection *connection, void *data)
{
    (void)connection;
    waiter_drop(data);
}

static void on_timeout(evutil_socket_t fd, short what, void *data)
{
    struct waiter *waiter = data;
    struct refusal refusal;

    (void)fd;
    (void)what;
    if (waiter->session != NULL)
        (void)refusal_set(&refusal, -ETIMEDOUT, ERROR_TIMEOUT, waiter->container->id,
                          "exec session %s of container %s is still %s after the time given to Wait",
                          waiter->session->name, waiter->container->id,
                          exec_state_name(waiter->session->state));
    else
        (void)refusal_set(&refusal, -ETIMEDOUT, ERROR_TIMEOUT, waiter->container->id,
                          "container %s is still %s after the time given to Wait", waiter->container->id,
                          container_state_name(waiter->container->state));
    waiter_refuse(waiter, &refusal);
}

static int arm(struct waiter *waiter, struct event_base *base, int64_t timeout_ms)
{
    struct timeval timeout = { .tv_sec = (time_t)(timeout_ms / 1000),
                               .tv_usec = (suseconds_t)(timeout_ms % 1000 * 1000) };

    waiter->timer = evtimer_new(base, on_timeout, waiter);
    return waiter->timer == NULL || event_add(waiter->timer, &timeout) < 0 ? -ENOMEM : 0;
}

static int add(const struct waiter *wanted, struct varlink_connection *connection, int64_t timeout_ms)
{
    struct waiter *waiter = malloc(sizeof(*waiter));

    if (waiter == NULL)
        return -ENOMEM;
    *waiter = *wanted;
    waiter->connection = varlink_connection_ref(connection);
    TAILQ_INSERT_TAIL(waiter->list, waiter, link);
    varlink_connection_watch(connection, on_gone, waiter);
    if (timeout_ms >= 0 && arm(waiter, container_base(waiter->container), timeout_ms) < 0) {
        waiter_drop(waiter);
        return -ENOMEM;
    }
    return 0;
}

int waiter_add(struct container *container, struct varlink_connection *connection, enum waiter_kind kind,
               int64_t timeout_ms)
{
    const struct waiter waiter = { .kind = kind, .container = container, .list = &container->waiters };

    return add(&waiter, connection, timeout_ms);
}

int waiter_add_exec(struct exec_session *session, struct varlink_connection *connection,
                    enum waiter_kind kind, int64_t timeout_ms)
{
    const struct waiter waiter = {
        .kind = kind, .container = session->container, .session = session, .list = &session->waiters
    };

    return add(&waiter, connection, timeout_ms);
}

void waiter_answer(struct waiter *waiter)
{
    json_t *answer = json_object();

    if (waiter->kind != WAIT_REMOVED &&
        json_object_set_new(answer, "container", container_to_json(waiter->container, true)) < 0) {
        json_decref(answer);
        answer = NULL;
    }
    if (answer != NULL && waiter->session != NULL &&
        json_object_set_new(answer, "exec", exec_session_to_json(waiter->session)) < 0) {
        json_decref(answer);
        answer = NULL;
    }
    (void)varlink_connection_reply(waiter->connection, answer);
    waiter_drop(waiter);
}

void waiter_refuse(struct waiter *waiter, const struct refusal *refusal)
{
    (void)refusal_reply(refusal, waiter->connection);
    waiter_drop(waiter);
}

static void on_follower_gone(struct varlink_connection *connection, void *data)
{
    (void)connection;
    follower_drop(data);
}

struct follower *follower_add(struct follower_list *list, struct varlink_connection *connection,
                              uint64_t position, void (*send)(struct follower *), void *owner)
{
    struct follower *follower = calloc(1, sizeof(*follower));

    if (follower == NULL)
        return NULL;
    follower->list = list;
    follower->position = position;
    follower->reader = (struct log_reader)LOG_READER_INIT;
    follower->send = send;
    follower->owner = owner;
    follower->connection = varlink_connection_ref(connection);
    TAILQ_INSERT_TAIL(list, follower, link);
    varlink_connection_watch(connection, on_follower_gone, follower);
    session_set_follower(connection, follower);
    return follower;
}

void follower_drop(struct follower *follower)
{
    TAILQ_REMOVE(follower->list, follower, link);
    session_set_follower(follower->connection, NULL);
    varlink_connection_watch(follower->connection, NULL, NULL);
    varlink_connection_unref(follower->connection);
    log_reader_close(&follower->reader);
    free(follower);
}

bool follower_ready(const struct follower *follower)
{
    return varlink_connection_output(follower->connection) <= VARLINK_OUTPUT_BUSY;
}
