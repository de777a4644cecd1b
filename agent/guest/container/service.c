/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/id_range.h"
#include "agent/guest/container/program_refusal.h"
#include "agent/guest/container/reply.h"
#include "agent/guest/container/signal_name.h"
#include "agent/guest/container/store.h"
#include "agent/guest/launch/plan.h"
#include "agent/guest/manager.h"
#include "agent/guest/oci/config.h"
#include "agent/guest/oci/runtime.h"
#include "agent/guest/services.h"
#include "proto/cleanup.h"
#include "varlink_interface_texts.h"

/* What the daemon itself has against a new container, before the machine is looked at. */
static int check_new(const struct manager *manager, const struct spawn_request *request,
                     struct refusal *refusal)
{
    if (manager->stopping)
        return refusal_set(refusal, -ESHUTDOWN, ERROR_SYSTEM, NULL, "czoned is stopping");
    if (request->id != NULL && manager_find(manager, request->id) != NULL)
        return refusal_set(refusal, -EEXIST, ERROR_EXISTS, request->id,
                           "there is a container %s already: Remove it, or choose another id", request->id);
    if (manager->n_containers >= manager->options->max_containers) {
        (void)refusal_set(refusal, -E2BIG, ERROR_TOO_MANY, NULL,
                          "%u containers are kept already, ended ones included: Remove some",
                          manager->options->max_containers);
        refusal->limit = manager->options->max_containers;
        return -E2BIG;
    }
    return 0;
}

/* Returns 0 (go on), 1 (answered) or a negative errno with a refusal. */
static int check_key(struct manager *manager, struct varlink_connection *connection,
                     struct spawn_request *request, struct refusal *refusal)
{
    json_t *answer = NULL;
    int r;

    if (request->key == NULL)
        return 0;
    r = spawn_request_fingerprint(request, &request->fingerprint);
    if (r == 0)
        r = key_store_get(&manager->keys, request->key, &request->fingerprint, &answer);
    if (r == -EEXIST)
        return refusal_set(refusal, r, ERROR_KEY_REUSED, request->key,
                           "the key %s came with other arguments before", request->key);
    if (r < 0)
        return refusal_set(refusal, r, ERROR_SYSTEM, NULL, "out of memory");
    if (r > 0 && varlink_connection_reply(connection, answer) < 0)
        return refusal_set(refusal, -EMSGSIZE, ERROR_SYSTEM, NULL, "the first answer cannot be repeated");
    return r;
}

static int reply_spawned(struct manager *manager, struct varlink_connection *connection,
                         const struct container *container)
{
    json_t *answer = json_pack("{s:o}", "container", container_to_json(container, true));

    /* A key that cannot be kept makes a retry a new request, which the id then refuses. */
    if (answer != NULL && container->request.key != NULL)
        (void)history_add_key(&manager->store.history, container->request.key,
                              &container->request.fingerprint, answer);
    return varlink_connection_reply(connection, answer);
}

/* Whether an OCI runtime that is asked for is there. What it thinks of the bundle it says when it runs. */
static int check_runtime(const struct spawn_request *request, struct refusal *refusal)
{
    const char *name = oci_runtime_names[request->runtime];
    CLEANUP_FREE char *path = NULL;
    int r = oci_runtime_find((enum oci_runtime)request->runtime, LAUNCH_DEFAULT_PATH, &path);

    if (r == -ENOENT)
        return refusal_set(refusal, r, ERROR_NO_SUCH_RUNTIME, name,
                           "the guest has no %s in %s: install it there, or let the native launcher run the "
                           "bundle",
                           name, LAUNCH_DEFAULT_PATH);
    return r < 0 ? refusal_set(refusal, r, ERROR_SYSTEM, NULL, "out of memory") : 0;
}

/* Returns 0, -EINVAL with *fault, or a negative errno with a refusal. plan is about *launch. */
static int check_launch(const struct manager *manager, struct spawn_request *request,
                        struct launch_request *launch, struct launch_plan *plan, struct varlink_fault *fault,
                        struct refusal *refusal)
{
    struct launch_failure failure = { 0 };
    int r;

    if (request->runtime != OCI_RUNTIME_NATIVE)
        return check_runtime(request, refusal);
    r = id_range_choose(manager, request, &failure);
    spawn_request_launch(request, launch);
    if (r == 0)
        r = launch_check(launch, plan, &failure);
    if (r < 0 && failure.trouble == LAUNCH_BAD_PARAMETER && request->bundle != NULL)
        return refusal_bundle(refusal, request->bundle, oci_config_member(failure.parameter),
                              failure.message);
    if (r < 0 && failure.trouble == LAUNCH_BAD_PARAMETER)
        return varlink_fault_set(fault, failure.parameter, "%s", failure.message);
    return r < 0 ? program_refuse(&failure, launch, refusal) : 0;
}

/* As check_launch(). */
static int create(struct manager *manager, struct spawn_request *request, bool tier_known,
                  struct container **ret_container, struct varlink_fault *fault, struct refusal *refusal)
{
    CLEANUP(launch_plan_clear) struct launch_plan plan = LAUNCH_PLAN_INIT;
    struct launch_request launch;
    int r = check_launch(manager, request, &launch, &plan, fault, refusal);

    if (r == 0 && !tier_known)
        r = refusal_set(refusal, -EINVAL, ERROR_NO_SUCH_TIER, request->tier,
                        "%s is no tier: any, fast, slow or memory_tierN", request->tier);
    return r == 0 ? container_create(manager, request, &plan, ret_container, refusal) : r;
}

static int spawn(struct manager *manager, struct varlink_connection *connection,
                 struct spawn_request *request, bool tier_known, struct refusal *refusal)
{
    struct container *container;
    struct varlink_fault fault;
    int r;

    r = check_key(manager, connection, request, refusal);
    if (r != 0)
        return r < 0 ? r : 0;
    r = check_new(manager, request, refusal);
    if (r < 0)
        return r;
    r = create(manager, request, tier_known, &container, &fault, refusal);
    if (r != 0)
        return refusal->id != NULL ? r : varlink_connection_invalid_parameter(connection, &fault);
    return reply_spawned(manager, connection, container);
}

/* A request whose bundle is no good, unless it is the repeat of one whose bundle was. */
static int refuse_bundle(struct manager *manager, struct varlink_connection *connection,
                         struct spawn_request *request, const struct varlink_fault *fault,
                         struct refusal *refusal)
{
    int r = check_key(manager, connection, request, refusal);

    if (r != 0)
        return r < 0 ? r : 0;
    return refusal_bundle(refusal, request->bundle, fault->parameter, fault->reason.text);
}

static int on_spawn(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct spawn_request request = SPAWN_REQUEST_INIT;
    struct refusal refusal = REFUSAL_INIT;
    struct varlink_fault fault;
    int r;

    r = spawn_request_decode(&request, call->parameters, &fault);
    if (r == -EINVAL)
        r = varlink_connection_invalid_parameter(connection, &fault);
    else if (r == -EBADMSG)
        r = refuse_bundle(userdata, connection, &request, &fault, &refusal);
    else if (r == 0 || r == -EDOM)
        r = spawn(userdata, connection, &request, r == 0, &refusal);
    spawn_request_done(&request);
    return refusal.id != NULL ? refusal_reply(&refusal, connection) : r;
}

struct wait {
    const char *id, *exec;
    int until;
    int64_t timeout_ms;
};

static const char *const untils[] = { "exited", "returned", "created", "running", NULL };
static const enum waiter_kind until_kinds[] = { WAIT_EXITED, WAIT_RETURNED, WAIT_CREATED, WAIT_RUNNING };

static const struct varlink_field wait_fields[] = {
    ID_FIELD(wait),
    { "exec", VARLINK_STRING, offsetof(struct wait, exec), 0, .min = 1, .max = 11 },
    { "until", VARLINK_ENUM, offsetof(struct wait, until), 0, .choices = untils },
    { "timeout_ms", VARLINK_INT, offsetof(struct wait, timeout_ms), 0, .min = 0, .max = INT32_MAX },
};

static int reply_exec(struct varlink_connection *connection, const struct exec_session *session)
{
    return varlink_connection_reply(connection, json_pack("{s:o, s:o}", "container",
                                                          container_to_json(session->container, true), "exec",
                                                          exec_session_to_json(session)));
}

static int on_wait(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct wait wait = { .until = 0, .timeout_ms = -1 };
    struct varlink_fault fault;
    struct exec_session *session;
    struct container *container;
    int r;

    if (varlink_fields_decode(call->parameters, wait_fields, ELEMENTS(wait_fields), 0, &wait, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    if (!find_program(userdata, connection, wait.id, wait.exec, &container, &session, &r))
        return r;
    if (session != NULL)
        return exec_session_has_come(session, until_kinds[wait.until])
                   ? reply_exec(connection, session)
                   : waiter_add_exec(session, connection, until_kinds[wait.until], wait.timeout_ms);
    if (container_has_come(container, until_kinds[wait.until]))
        return reply_container(connection, container);
    return waiter_add(container, connection, until_kinds[wait.until], wait.timeout_ms);
}

struct start {
    const char *id;
};

static const struct varlink_field start_fields[] = { ID_FIELD(start) };

static int on_start(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct start start = { 0 };
    struct varlink_fault fault;
    struct container *container;

    if (varlink_fields_decode(call->parameters, start_fields, ELEMENTS(start_fields), 0, &start, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    container = manager_find(userdata, start.id);
    if (container == NULL)
        return reply_no_such_container(connection, start.id);
    if (container->state == CONTAINER_WANTED && container->request.hold)
        return reply_wrong_state(connection, container,
                                 "its memory is not there yet; Wait until \"created\"");
    if (container->state != CONTAINER_CREATED)
        return reply_wrong_state(connection, container, "only a container that is held can be started");
    container_begin(container);
    return reply_container(connection, container);
}

struct kill {
    const char *id, *exec, *signal;
};

static const struct varlink_field kill_fields[] = {
    ID_FIELD(kill),
    { "exec", VARLINK_STRING, offsetof(struct kill, exec), 0, .min = 1, .max = 11 },
    { "signal", VARLINK_STRING, offsetof(struct kill, signal), 0, .min = 1, .max = 16 },
};

static int on_kill(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct kill kill = { .signal = "KILL" };
    struct varlink_fault fault;
    struct exec_session *session;
    struct container *container;
    struct refusal refusal;
    int signal, r;

    if (varlink_fields_decode(call->parameters, kill_fields, ELEMENTS(kill_fields), 0, &kill, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    signal = signal_from_name(kill.signal);
    if (signal == 0)
        return reply_no_signal(connection, kill.signal);
    if (!find_program(userdata, connection, kill.id, kill.exec, &container, &session, &r))
        return r;
    if (container->state == CONTAINER_WANTED || container->state == CONTAINER_STARTING)
        return reply_wrong_state(connection, container,
                                 "it has no process yet; Remove with force gives it up");
    if (container->state == CONTAINER_CREATED) {
        /* It has no process that could ignore a signal, and none to be told of one. */
        container_end(container, "killed before it was started");
        return varlink_connection_reply(connection, json_object());
    }
    if (container->state != CONTAINER_RUNNING)
        return reply_wrong_state(connection, container, "it has no process any more");
    r = session != NULL ? exec_session_signal(session, signal) : program_signal(&container->program, signal);
    if (r < 0 && r != -ESRCH) {
        (void)refusal_set(&refusal, r, ERROR_SYSTEM, NULL, "cannot signal container %s: %s", container->id,
                          strerror(-r));
        return refusal_reply(&refusal, connection);
    }
    return varlink_connection_reply(connection, json_object());
}

struct removal {
    const char *id;
    bool force;
};

static const struct varlink_field remove_fields[] = {
    ID_FIELD(removal),
    { "force", VARLINK_BOOL, offsetof(struct removal, force), .flags = 0 },
};

static int on_remove(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct removal removal = { 0 };
    struct manager *manager = userdata;
    struct varlink_fault fault;
    struct container *container;
    int r;

    if (varlink_fields_decode(call->parameters, remove_fields, ELEMENTS(remove_fields), 0, &removal, &fault) <
        0)
        return varlink_connection_invalid_parameter(connection, &fault);
    container = manager_find(manager, removal.id);
    if (container == NULL)
        return reply_no_such_container(connection, removal.id);
    if (container->settled) {
        container_forget(container);
        return varlink_connection_reply(connection, json_object());
    }
    if (!removal.force && container->state != CONTAINER_FAILED)
        return reply_wrong_state(connection, container,
                                 container->state == CONTAINER_EXITED
                                     ? "its memory is being returned; Wait until \"returned\", or use force"
                                     : "Kill it first, or use force");
    r = waiter_add(container, connection, WAIT_REMOVED, -1);
    if (r < 0)
        return r;
    container->removal = true;
    container_store_save(container);
    container_end(container, "removed before it ran");
    return 0;
}

static json_t *list_containers(const struct manager *manager, bool args)
{
    CLEANUP_JSON json_t *list = json_array();
    const struct container *container;

    TAILQ_FOREACH(container, &manager->containers, link)
        if (json_array_append_new(list, container_to_json(container, args)) < 0)
            return NULL;
    return json_pack("{s:O}", "containers", list);
}

static int on_list(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct varlink_fault fault;
    int r;

    if (varlink_fields_decode(call->parameters, NULL, 0, 0, NULL, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    r = varlink_connection_reply(connection, list_containers(userdata, true));
    if (r == -EMSGSIZE)
        r = varlink_connection_reply(connection, list_containers(userdata, false));
    return r;
}

struct inspect {
    const char *id;
};

static const struct varlink_field inspect_fields[] = { ID_FIELD(inspect) };
static int on_inspect(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct inspect inspect = { 0 };
    struct varlink_fault fault;
    const struct container *container;

    if (varlink_fields_decode(call->parameters, inspect_fields, ELEMENTS(inspect_fields), 0, &inspect,
                              &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    container = manager_find(userdata, inspect.id);
    return container != NULL ? reply_container(connection, container)
                             : reply_no_such_container(connection, inspect.id);
}

static const struct varlink_method methods[] = {
    { "Spawn", VARLINK_METHOD_SLOW, on_spawn },
    { "Start", VARLINK_METHOD_SLOW, on_start },
    { "Wait", 0, on_wait },
    { "Kill", 0, on_kill },
    { "Remove", 0, on_remove },
    { "List", 0, on_list },
    { "Inspect", 0, on_inspect },
    { "Logs", 0, stdio_logs },
    { "Exec", VARLINK_METHOD_SLOW, stdio_exec },
    { "Write", 0, stdio_write },
    { "Resize", 0, stdio_resize },
    { "Stop", 0, control_stop },
    { "Update", 0, control_update },
    { "Stats", 0, control_stats },
};

const struct varlink_interface container_service = {
    "io.czone.Container",
    varlink_text_io_czone_Container,
    methods,
    ELEMENTS(methods),
};
