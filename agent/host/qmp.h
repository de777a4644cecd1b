/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_QMP_H
#define HOST_QMP_H

/*
 * A QMP client (qemu docs/interop/qmp-spec.rst) on a Unix socket, in a libevent loop. Commands carry ids and
 * replies are matched by them; events may come at any time, even before the reply to qmp_capabilities (QEMU
 * issue 2176), and are told by their key. At most 8 commands are in flight, the others wait here: beyond that
 * QEMU stops reading.
 *
 * Connects by itself, and anew when the connection ends, with growing pauses from QMP_RETRY_MIN_US to
 * QMP_RETRY_MAX_US. One thread; nothing blocks.
 */

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>

#include "proto/reason.h"

#define QMP_RETRY_MIN_US UINT64_C(100000)
#define QMP_RETRY_MAX_US UINT64_C(5000000)
/* QEMU answers within milliseconds; one that needs longer is stopped or overloaded beyond use. */
#define QMP_REPLY_US UINT64_C(10000000)
/* The greeting comes at once unless another client holds the monitor. */
#define QMP_GREETING_US UINT64_C(3000000)

struct qmp;

struct qmp_hooks {
    /* Capabilities are negotiated: commands can be given. `version` is QEMU's, such as "7.2.22". */
    void (*ready)(const char *version, void *userdata);
    /* `data` is an object, borrowed; an empty one if the event has none. */
    void (*event)(const char *name, json_t *data, void *userdata);
    /* The connection ended or could not be made; a new attempt is scheduled. Commands under way have had
     * their `done` with -ENOTCONN. Do not free the client in it. */
    void (*lost)(const struct reason *reason, void *userdata);
};

/*
 * @error   0, -EREMOTEIO (QEMU refused; the reason quotes it), or -ENOTCONN (the connection ended; whether
 *          QEMU did it is not known)
 * @value   what QEMU returned, borrowed; NULL on error
 * @reason  NULL on success
 */
typedef void (*qmp_done)(int error, json_t *value, const struct reason *reason, void *userdata);

/*
 * @path   of the socket, copied
 * @hooks  must outlive the client
 *
 * Returns 0, -ENAMETOOLONG (a socket's path has at most 107 bytes) or -ENOMEM.
 */
int qmp_new(struct event_base *base, const char *path, const struct qmp_hooks *hooks, void *userdata,
            struct qmp **ret);

/* Closes. Commands end without `done`. Accepts NULL. Returns NULL. */
struct qmp *qmp_free(struct qmp *qmp);

/* Begins to connect, from the loop. */
void qmp_start(struct qmp *qmp);

/*
 * Gives a command. `done` is called once, from the loop, unless it is forgotten before.
 *
 * @command    a constant
 * @arguments  an object or NULL for none; consumed, on failure too
 *
 * Returns 0, -ENOTCONN (not ready) or -ENOMEM.
 */
int qmp_execute(struct qmp *qmp, const char *command, json_t *arguments, qmp_done done, void *userdata);

/* The commands of this userdata will have no `done`. They are carried out nevertheless. */
void qmp_forget(struct qmp *qmp, const void *userdata);

bool qmp_is_ready(const struct qmp *qmp);

#endif
