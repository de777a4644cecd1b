/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_GUEST_HOST_H
#define TESTS_GUEST_HOST_H

/* A machine of files with a host that attaches, a caller that spawns and a reporter, each test program's own.
 */
#include <stdio.h>
#include <string.h>

#include "tests/unit/guest_machine.h"
#include "tests/unit/guest_test.h"

#define SPAWN "{\"id\": \"a\", \"args\": [\"/bin/sh\"], \"memory\": 1}"

static struct machine machine;
static struct varlink_client *host, *caller, *reporter;
static char session[32];

static inline const char *text_of(const struct varlink_reply *reply, const char *name)
{
    return json_string_value(json_object_get(reply->parameters, name));
}

static inline void attach(struct varlink_client *client, const char *max_bytes)
{
    char parameters[64];
    struct varlink_reply reply;

    (void)snprintf(parameters, sizeof(parameters), "{\"driver\": \"test\", \"max_bytes\": %s}", max_bytes);
    reply = machine_call(&machine, client, "io.czone.Host.Attach", parameters, VARLINK_MORE);
    ck_assert_ptr_null(reply.error);
    ck_assert(reply.continues);
    ck_assert_ptr_null(json_object_get(reply.parameters, "signal"));
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "block_size")), BLOCK);
    (void)snprintf(session, sizeof(session), "%s", text_of(&reply, "session"));
    varlink_reply_done(&reply);
}

static inline void set_up(void)
{
    machine_set_up(&machine, 3);
    host = machine_client(&machine);
    caller = machine_client(&machine);
    reporter = machine_client(&machine);
}

static inline void tear_down(void)
{
    varlink_client_free(host);
    varlink_client_free(caller);
    varlink_client_free(reporter);
    machine_tear_down(&machine);
}

/* Spawns and expects the state. */
static inline void spawn(const char *parameters, const char *state)
{
    struct varlink_reply reply = machine_call(&machine, caller, "io.czone.Container.Spawn", parameters, 0);

    ck_assert_msg(reply.error == NULL, "%s: %s", reply.error, text_of(&reply, "message"));
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(reply.parameters, "container"), "state")), state);
    varlink_reply_done(&reply);
}

/* The next signal to the host; returns its id. */
static inline int64_t expect_signal(struct varlink_client *client, const char *kind)
{
    struct varlink_reply reply = machine_next(&machine, client);
    const json_t *signal = json_object_get(reply.parameters, "signal");
    int64_t id = json_integer_value(json_object_get(signal, "id"));

    ck_assert_str_eq(json_string_value(json_object_get(signal, "kind")), kind);
    varlink_reply_done(&reply);
    return id;
}

/* Reports; returns the error's id, "" for none. */
static inline const char *report(int64_t id, const char *rest)
{
    static char error[64];
    char parameters[512];
    struct varlink_reply reply;

    (void)snprintf(parameters, sizeof(parameters), "{\"session\": \"%s\", \"id\": %lld, %s}", session,
                   (long long)id, rest);
    reply = machine_call(&machine, reporter, "io.czone.Host.Report", parameters, 0);
    (void)snprintf(error, sizeof(error), "%s", reply.error != NULL ? reply.error : "");
    varlink_reply_done(&reply);
    return error;
}

/* The container has failed, with this failure, and nothing of it is left but its record. */
static inline void expect_failed(const char *id)
{
    struct varlink_reply reply =
        machine_call(&machine, caller, "io.czone.Container.Wait", "{\"id\": \"a\", \"timeout_ms\": 5000}", 0);
    const json_t *container = json_object_get(reply.parameters, "container");

    ck_assert_ptr_null(reply.error);
    ck_assert_str_eq(json_string_value(json_object_get(container, "state")), "failed");
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(container, "failure"), "id")), id);
    varlink_reply_done(&reply);
    ck_assert(TAILQ_EMPTY(&machine.manager->leases));
}

#endif
