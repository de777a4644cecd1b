/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_REPLY_H
#define GUEST_CONTAINER_REPLY_H

/* What several calls of io.czone.Container have in common: the field that names a container, and answers. All
 * functions return as those of connection.h. */

#include "agent/guest/container/container.h"
#include "proto/service.h"

/* The row of a container's id for a table of fields, in a struct with a member `id`. */
#define ID_FIELD(type)                                                                                       \
    {                                                                                                        \
        "id", VARLINK_STRING, offsetof(struct type, id), VARLINK_REQUIRED, .min = 1, .max = 255              \
    }

/* Answers { container }. */
int reply_container(struct varlink_connection *connection, const struct container *container);

/* Answers NoSuchContainer. */
int reply_no_such_container(struct varlink_connection *connection, const char *id);

/* Answers WrongState. @what  what could be done instead, or why it cannot */
int reply_wrong_state(struct varlink_connection *connection, const struct container *container,
                      const char *what);

/* Answers that a signal's name is none. */
int reply_no_signal(struct varlink_connection *connection, const char *name);

/*
 * Finds whom a call is about: a container, or with `exec` one of its exec sessions.
 *
 * @exec  name of the session, or NULL
 *
 * Returns true; or false, and it has been answered (NoSuchContainer, NoSuchExec), *ret_answer is what the
 * handler returns.
 */
bool find_program(struct manager *manager, struct varlink_connection *connection, const char *id,
                  const char *exec, struct container **ret_container, struct exec_session **ret_session,
                  int *ret_answer);

/* Handlers that are not with the others in container/service.c; userdata is the manager. */
int stdio_exec(struct varlink_connection *connection, const struct varlink_call *call, void *userdata);
int stdio_write(struct varlink_connection *connection, const struct varlink_call *call, void *userdata);
int stdio_resize(struct varlink_connection *connection, const struct varlink_call *call, void *userdata);
int stdio_logs(struct varlink_connection *connection, const struct varlink_call *call, void *userdata);
int control_stop(struct varlink_connection *connection, const struct varlink_call *call, void *userdata);
int control_update(struct varlink_connection *connection, const struct varlink_call *call, void *userdata);
int control_stats(struct varlink_connection *connection, const struct varlink_call *call, void *userdata);

#endif
