/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/container/exec_request.h"
#include "agent/guest/container/reply.h"
#include "agent/guest/manager.h"
#include "agent/guest/oci/runtime.h"
#include "proto/base64.h"
#include "proto/cleanup.h"

/* As base64. */
#define DATA_MAX BASE64_LENGTH((int64_t)KEEPER_INPUT_MAX)

#define EXEC_FIELD(type)                                                                                     \
    {                                                                                                        \
        "exec", VARLINK_STRING, offsetof(struct type, exec), 0, .min = 1, .max = 11                          \
    }

int stdio_exec(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    CLEANUP(exec_request_done) struct exec_request request = { 0 };
    struct refusal refusal = REFUSAL_INIT;
    struct exec_session *session;
    struct container *container;
    struct varlink_fault fault;
    int r;

    r = exec_request_decode(&request, call->parameters, &fault);
    if (r == -EINVAL)
        return varlink_connection_invalid_parameter(connection, &fault);
    if (r < 0)
        return r;
    container = manager_find(userdata, request.id);
    if (container == NULL)
        return reply_no_such_container(connection, request.id);
    if (container->state != CONTAINER_RUNNING || container->program.keeper.pidfd < 0)
        return reply_wrong_state(connection, container, "a program can only be started in one that runs");
    if (exec_request_check(&request, (enum oci_runtime)container->request.runtime, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    if (exec_session_new(container, &request, &session, &refusal) < 0)
        return refusal_reply(&refusal, connection);
    return varlink_connection_reply(connection, json_pack("{s:o}", "exec", exec_session_to_json(session)));
}

struct write {
    const char *id, *exec, *data;
    int64_t offset;
    bool eof;
};

static const struct varlink_field write_fields[] = {
    ID_FIELD(write),
    EXEC_FIELD(write),
    { "data", VARLINK_STRING, offsetof(struct write, data), 0, .max = DATA_MAX },
    { "offset", VARLINK_INT, offsetof(struct write, offset), 0, .min = 0, .max = INT64_MAX },
    { "eof", VARLINK_BOOL, offsetof(struct write, eof), .flags = 0 },
};

int stdio_write(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct write write = { .data = "", .offset = -1 };
    unsigned char *data = NULL;
    struct exec_session *session;
    struct container *container;
    struct varlink_fault fault;
    size_t length;
    int r;

    if (varlink_fields_decode(call->parameters, write_fields, ELEMENTS(write_fields), 0, &write, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    r = base64_decode(write.data, &data, &length);
    if (r == -ENOMEM)
        return r;
    if (r < 0 || length > KEEPER_INPUT_MAX) {
        free(data);
        (void)varlink_fault_set(&fault, "data", r < 0 ? "is not base64" : "is more than %d bytes",
                                KEEPER_INPUT_MAX);
        return varlink_connection_invalid_parameter(connection, &fault);
    }
    if (!find_program(userdata, connection, write.id, write.exec, &container, &session, &r)) {
        free(data);
        return r;
    }
    return input_add(session != NULL ? &session->input : &container->program.input, connection, data, length,
                     write.offset, write.eof);
}

struct resize {
    const char *id, *exec;
    int64_t columns, rows;
};

static const struct varlink_field resize_fields[] = {
    ID_FIELD(resize),
    EXEC_FIELD(resize),
    { "columns", VARLINK_INT, offsetof(struct resize, columns), VARLINK_REQUIRED, .min = 1,
      .max = UINT16_MAX },
    { "rows", VARLINK_INT, offsetof(struct resize, rows), VARLINK_REQUIRED, .min = 1, .max = UINT16_MAX },
};

static int refuse_resize(struct varlink_connection *connection, const char *id, const char *error,
                         const char *why)
{
    struct refusal refusal;

    (void)refusal_set(&refusal, -ENOTTY, error, id, "container %s: %s", id, why);
    return refusal_reply(&refusal, connection);
}

int stdio_resize(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct resize resize = { 0 };
    struct exec_session *session;
    struct container *container;
    struct varlink_fault fault;
    bool tty;
    int r;

    if (varlink_fields_decode(call->parameters, resize_fields, ELEMENTS(resize_fields), 0, &resize, &fault) <
        0)
        return varlink_connection_invalid_parameter(connection, &fault);
    if (!find_program(userdata, connection, resize.id, resize.exec, &container, &session, &r))
        return r;
    tty = session != NULL ? session->request.tty : container->request.tty;
    if (!tty)
        return refuse_resize(connection, resize.id, ERROR_NO_TERMINAL, "it was started without tty");
    if (session == NULL && container_state_ended(container->state))
        return reply_wrong_state(connection, container, "its terminal has no program any more");
    /* One that no keeper has yet will begin with it. */
    if (session == NULL) {
        container->request.columns = resize.columns;
        container->request.rows = resize.rows;
    }
    keeper_link_resize(session != NULL ? &session->keeper : &container->program.keeper,
                       (uint16_t)resize.columns, (uint16_t)resize.rows);
    return varlink_connection_reply(connection, json_object());
}

struct logs {
    const char *id, *exec;
    int64_t offset, tail;
};

static const struct varlink_field logs_fields[] = {
    ID_FIELD(logs),
    EXEC_FIELD(logs),
    { "offset", VARLINK_INT, offsetof(struct logs, offset), 0, .min = 0, .max = INT64_MAX },
    { "tail", VARLINK_INT, offsetof(struct logs, tail), 0, .min = 0, .max = INT64_MAX },
};

int stdio_logs(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct logs logs = { .offset = -1, .tail = -1 };
    struct exec_session *session;
    struct container *container;
    struct varlink_fault fault;
    struct program_log *output;
    int r;

    if (varlink_fields_decode(call->parameters, logs_fields, ELEMENTS(logs_fields), 0, &logs, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    if (logs.offset >= 0 && logs.tail >= 0) {
        (void)varlink_fault_set(&fault, "tail", "cannot be given together with offset");
        return varlink_connection_invalid_parameter(connection, &fault);
    }
    if (!find_program(userdata, connection, logs.id, logs.exec, &container, &session, &r))
        return r;
    output = session != NULL ? &session->output : &container->program.output;
    if (logs.tail >= 0)
        logs.offset = program_log_tail(output, logs.tail);
    return program_log_reply(output, connection, logs.offset, (call->flags & VARLINK_MORE) != 0);
}
