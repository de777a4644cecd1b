/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/refusal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The data of each error, beside its message (io.czone.Container.varlink). */
static const struct {
    const char *id;
    const char *subject; /* the field that refusal->subject goes into */
    bool state, member, bytes, limit, error, end;
} errors[] = {
    { ERROR_NO_SUCH_CONTAINER, .subject = "id" },
    { ERROR_EXISTS, .subject = "id" },
    { ERROR_KEY_REUSED, .subject = "key" },
    { ERROR_NO_MEMORY, .bytes = true },
    { ERROR_NO_ZONE_NODE, .subject = NULL },
    { ERROR_HOST_REFUSED, .bytes = true, .limit = true },
    { ERROR_HOST_FAILED, .subject = NULL },
    { ERROR_NO_SUCH_TIER, .subject = "tier" },
    { ERROR_NO_SUCH_PROGRAM, .subject = "program" },
    { ERROR_NOT_EXECUTABLE, .subject = "program" },
    { ERROR_NO_SUCH_ROOT, .subject = "root" },
    { ERROR_NO_SUCH_USER, .subject = "user" },
    { ERROR_BAD_BUNDLE, .subject = "bundle", .member = true },
    { ERROR_NO_SUCH_RUNTIME, .subject = "runtime" },
    { ERROR_NO_SUCH_LAYER, .subject = "layer" },
    { ERROR_NO_SUCH_SOURCE, .subject = "source" },
    { ERROR_WRONG_STATE, .subject = "id", .state = true },
    { ERROR_TIMEOUT, .subject = "id" },
    { ERROR_LIMIT_REFUSED, .subject = "field", .limit = true },
    { ERROR_TOO_MANY, .limit = true },
    { ERROR_NO_SUCH_EXEC, .subject = "exec" },
    { ERROR_NO_INPUT, .subject = "id" },
    { ERROR_NO_TERMINAL, .subject = "id" },
    { ERROR_NO_SUCH_OFFSET, .subject = "id", .end = true },
    { ERROR_SYSTEM, .error = true },
};

int refusal_set(struct refusal *refusal, int error, const char *id, const char *subject, const char *format,
                ...)
{
    char text[sizeof(refusal->reason.text)];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    *refusal = (struct refusal)REFUSAL_INIT;
    refusal->id = id;
    refusal->error = error;
    reason_set(&refusal->subject, "%s", subject != NULL ? subject : "");
    reason_set(&refusal->reason, "%s", text);
    return error;
}

const char *refusal_known_id(const char *id)
{
    for (size_t i = 0; i < ELEMENTS(errors); i++)
        if (strcmp(errors[i].id, id) == 0)
            return errors[i].id;
    return ERROR_SYSTEM;
}

int refusal_system(struct refusal *refusal, int error, const struct czone_failure *failure)
{
    return refusal_set(refusal, error, ERROR_SYSTEM, NULL, "%s",
                       failure->message[0] != '\0' ? failure->message : strerror(-error));
}

int refusal_bundle(struct refusal *refusal, const char *bundle, const char *member, const char *why)
{
    (void)refusal_set(refusal, -EINVAL, ERROR_BAD_BUNDLE, bundle, "%s: %s", member, why);
    (void)snprintf(refusal->member, sizeof(refusal->member), "%s", member);
    return -EINVAL;
}

int refusal_reply(const struct refusal *refusal, struct varlink_connection *connection)
{
    json_t *data = json_pack("{s:s}", "message", refusal->reason.text);

    for (size_t i = 0; i < ELEMENTS(errors) && data != NULL; i++) {
        if (strcmp(errors[i].id, refusal->id) != 0)
            continue;
        /* A failed set leaves a member out; the message says it all the same. */
        if (errors[i].subject != NULL)
            (void)json_object_set_new(data, errors[i].subject, json_string(refusal->subject.text));
        if (errors[i].state)
            (void)json_object_set_new(data, "state", json_string(refusal->state));
        if (errors[i].member)
            (void)json_object_set_new(data, "member", json_string(refusal->member));
        if (errors[i].bytes)
            (void)json_object_set_new(data, "bytes", json_integer(refusal->bytes));
        if (errors[i].limit && refusal->limit >= 0)
            (void)json_object_set_new(data, "limit", json_integer(refusal->limit));
        if (errors[i].end)
            (void)json_object_set_new(data, "end", json_integer(refusal->bytes));
        if (errors[i].error)
            (void)json_object_set_new(data, "errno", json_integer(-refusal->error));
    }
    return varlink_connection_error(connection, refusal->id, data);
}
