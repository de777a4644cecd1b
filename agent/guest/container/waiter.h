/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_WAITER_H
#define GUEST_CONTAINER_WAITER_H

/*
 * Calls that are answered later: Wait and Remove wait for a container's state (waiter), Logs and Receipts
 * follow a growing record (follower). All hold a reference to their connection and vanish with it.
 */

#include <event2/event.h>
#include <sys/queue.h>

#include "agent/guest/keeper/log_file.h"
#include "proto/connection.h"

struct container;
struct exec_session;
struct refusal;

enum waiter_kind {
    WAIT_CREATED,  /* its memory is there, or it failed */
    WAIT_RUNNING,  /* the program runs, or will not any more */
    WAIT_EXITED,   /* the program ended */
    WAIT_RETURNED, /* the receipt is written */
    WAIT_REMOVED,  /* as above, then the container is forgotten */
};

struct waiter {
    TAILQ_ENTRY(waiter) link;
    enum waiter_kind kind;
    struct container *container;
    struct exec_session *session; /* NULL: for the container itself */
    struct waiter_list *list;
    struct varlink_connection *connection; /* one reference */
    struct event *timer;                   /* NULL: for ever */
};

TAILQ_HEAD(waiter_list, waiter);

/*
 * Adds the connection's running call as a waiter for a container.
 *
 * @timeout_ms  answer with Timeout then; negative: never
 *
 * Returns 0 or -ENOMEM, then nothing was answered.
 */
int waiter_add(struct container *container, struct varlink_connection *connection, enum waiter_kind kind,
               int64_t timeout_ms);

/* The same for an exec session. */
int waiter_add_exec(struct exec_session *session, struct varlink_connection *connection,
                    enum waiter_kind kind, int64_t timeout_ms);

/* Answers the call, with the container and, if it is about one, the exec session; drops the waiter. */
void waiter_answer(struct waiter *waiter);

/* Answers the call with an error; drops the waiter. */
void waiter_refuse(struct waiter *waiter, const struct refusal *refusal);

/* Takes a waiter out of its list and frees it, without an answer. */
void waiter_drop(struct waiter *waiter);

/* One reader of a log or of the receipts. */
struct follower {
    TAILQ_ENTRY(follower) link;
    struct follower_list *list;
    struct varlink_connection *connection; /* one reference */
    uint64_t position;                     /* receipts: sequence of what was sent last */
    struct log_reader reader;              /* logs: what was sent last */
    char name[64];                         /* receipts: of this container only; "": all */
    void *owner;
    /* Sends what is new, as far as follower_ready(); may end and drop the follower. Called when there is
     * something new and when the peer has read. */
    void (*send)(struct follower *follower);
};

TAILQ_HEAD(follower_list, follower);

/* Adds the connection's running call (with more) to a list. Returns it, or NULL without memory. */
struct follower *follower_add(struct follower_list *list, struct varlink_connection *connection,
                              uint64_t position, void (*send)(struct follower *), void *owner);

/* Takes it out and frees it. The call must have had its final reply, or the connection be gone. */
void follower_drop(struct follower *follower);

/* Whether more should be sent to it now: one that does not read is left alone until it has. */
bool follower_ready(const struct follower *follower);

#endif
