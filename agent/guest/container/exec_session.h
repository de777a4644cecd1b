/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_EXEC_SESSION_H
#define GUEST_CONTAINER_EXEC_SESSION_H

/*
 * One more program in a container that runs: born in its cgroup, in its namespaces, under its memory policy,
 * with a keeper, output and exit status of its own. Its directory is that of the container, then exec/NUMBER.
 */

#include "agent/guest/container/exec_request.h"
#include "agent/guest/container/input.h"
#include "agent/guest/container/keeper_link.h"
#include "agent/guest/container/program_log.h"
#include "agent/guest/container/waiter.h"
#include "agent/guest/refusal.h"

/* Kept per container, ended ones included: those make room, oldest first. */
#define EXEC_SESSIONS_MAX 64u

struct container;

enum exec_state { EXEC_STARTING, EXEC_RUNNING, EXEC_EXITED, EXEC_FAILED };

struct exec_session {
    TAILQ_ENTRY(exec_session) link;
    struct container *container;
    char name[12]; /* "1", "2"…: never used again in this container */
    enum exec_state state;
    struct exec_request request;
    int dir_fd;
    struct keeper_link keeper;
    struct program_log output;
    int64_t log_bytes; /* of disk, while its log has ended and is kept */
    bool log_counted;  /* it has ended, and that was seen */
    struct input input;
    int pid;
    int64_t created, started, exited; /* realtime; 0: not yet */
    int exit_status, exit_signal;     /* -1: not known or not how it ended */
    bool keeper_lost;                 /* its end was that of its keeper, which somebody killed */
    struct refusal failure;           /* FAILED */
    struct waiter_list waiters;
};

TAILQ_HEAD(exec_list, exec_session);

struct exec_sessions {
    struct exec_list list; /* oldest first */
    size_t n;
    unsigned int last; /* number of the newest */
};

void exec_sessions_init(struct exec_sessions *sessions);

/* The container has ended: none of what they are can go on. */
void exec_sessions_forget(struct exec_sessions *sessions);

/* The container is removed: who waits for one or follows its output is told so. */
void exec_sessions_refuse(struct exec_sessions *sessions, const struct refusal *refusal);

/* Frees all; their keepers go on. Waiters and followers are dropped without an answer. */
void exec_sessions_done(struct exec_sessions *sessions);

/* Takes those over that an earlier czoned has begun in this container. What cannot be read is removed. */
void exec_sessions_restore(struct container *container);

/* The session of this name, or NULL. */
struct exec_session *exec_session_find(const struct exec_sessions *sessions, const char *name);

/*
 * Starts a program in a container that runs.
 *
 * @request  emptied: the session owns what it held
 *
 * Returns 0, and how it went is waited for or asked for; or a negative errno with a refusal.
 */
int exec_session_new(struct container *container, struct exec_request *request,
                     struct exec_session **ret_session, struct refusal *refusal);

/* Sends a signal to its program. Returns 0, -ESRCH (it does not run) or errors of pidfd_send_signal(). */
int exec_session_signal(struct exec_session *session, int signal);

/* "starting", "running", "exited", "failed". */
const char *exec_state_name(enum exec_state state);

/* Whether it does not run and never will again. */
bool exec_session_ended(const struct exec_session *session);

/* Whether what is waited for has come: WAIT_RUNNING, or by any other kind its end. */
bool exec_session_has_come(const struct exec_session *session, enum waiter_kind kind);

/* As on the wire. NULL without memory. */
json_t *exec_session_to_json(const struct exec_session *session);

#endif
