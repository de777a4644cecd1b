/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_REFUSAL_H
#define GUEST_REFUSAL_H

/*
 * Why something was not done, in the terms of the wire: an error id of io.czone.Container with its data. The
 * same value answers a call (refusal_reply) or stands in a failed container (id and message).
 */

#include <stdint.h>

#include <czone/failure.h>

#include "proto/connection.h"

#define ERROR_NO_SUCH_CONTAINER "io.czone.Container.NoSuchContainer"
#define ERROR_EXISTS            "io.czone.Container.Exists"
#define ERROR_KEY_REUSED        "io.czone.Container.KeyReused"
#define ERROR_NO_MEMORY         "io.czone.Container.NoMemory"
#define ERROR_NO_ZONE_NODE      "io.czone.Container.NoZoneNode"
#define ERROR_HOST_REFUSED      "io.czone.Container.HostRefused"
#define ERROR_HOST_FAILED       "io.czone.Container.HostFailed"
#define ERROR_NO_SUCH_TIER      "io.czone.Container.NoSuchTier"
#define ERROR_NO_SUCH_PROGRAM   "io.czone.Container.NoSuchProgram"
#define ERROR_NOT_EXECUTABLE    "io.czone.Container.NotExecutable"
#define ERROR_NO_SUCH_ROOT      "io.czone.Container.NoSuchRoot"
#define ERROR_NO_SUCH_USER      "io.czone.Container.NoSuchUser"
#define ERROR_BAD_BUNDLE        "io.czone.Container.BadBundle"
#define ERROR_NO_SUCH_RUNTIME   "io.czone.Container.NoSuchRuntime"
#define ERROR_NO_SUCH_LAYER     "io.czone.Container.NoSuchLayer"
#define ERROR_NO_SUCH_SOURCE    "io.czone.Container.NoSuchSource"
#define ERROR_WRONG_STATE       "io.czone.Container.WrongState"
#define ERROR_TIMEOUT           "io.czone.Container.Timeout"
#define ERROR_LIMIT_REFUSED     "io.czone.Container.LimitRefused"
#define ERROR_TOO_MANY          "io.czone.Container.TooMany"
#define ERROR_NO_SUCH_EXEC      "io.czone.Container.NoSuchExec"
#define ERROR_NO_INPUT          "io.czone.Container.NoInput"
#define ERROR_NO_TERMINAL       "io.czone.Container.NoTerminal"
#define ERROR_NO_SUCH_OFFSET    "io.czone.Container.NoSuchOffset"
#define ERROR_SYSTEM            "io.czone.Container.System"

struct refusal {
    const char *id;        /* static string, one of the above; NULL: nothing was refused */
    struct reason subject; /* what the error is about: id, key, tier, program, root, user, bundle, runtime,
                              layer, source, field */
    const char *state;     /* WrongState: static string */
    char member[128];      /* BadBundle: of its config.json */
    int64_t bytes;         /* NoMemory, HostRefused; NoSuchOffset: the end */
    int64_t limit;         /* HostRefused, LimitRefused (-1: not said), TooMany */
    int error;             /* System: negative errno */
    struct reason reason;
};

#define REFUSAL_INIT                                                                                         \
    {                                                                                                        \
        .limit = -1                                                                                          \
    }

/* Fills in a refusal; `subject` may be NULL and is cut when long. Returns `error`, a negative errno, so that
 * a failure is one line. */
int refusal_set(struct refusal *refusal, int error, const char *id, const char *subject, const char *format,
                ...) __attribute__((format(printf, 5, 6)));

/* The static string of an error id that was saved; System for one that is not known here. */
const char *refusal_known_id(const char *id);

/* System: what libczone said. Returns `error`. */
int refusal_system(struct refusal *refusal, int error, const struct czone_failure *failure);

/* BadBundle: what is wrong with a member of the bundle's config.json. Returns -EINVAL. */
int refusal_bundle(struct refusal *refusal, const char *bundle, const char *member, const char *why);

/* Answers the running call with the refusal. Returns as varlink_connection_error(). */
int refusal_reply(const struct refusal *refusal, struct varlink_connection *connection);

#endif
