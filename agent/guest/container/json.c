/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/container.h"
#include "agent/guest/oci/runtime.h"
#include "proto/cleanup.h"

/* Sets a member; a negative value is one that is absent on the wire. */
static int set(json_t *object, const char *name, int64_t value)
{
    return value < 0 ? 0 : json_object_set_new(object, name, json_integer(value));
}

json_t *container_to_json(const struct container *container, bool args)
{
    bool placed = container->info.node.n >= 0;
    /* While there is a lease it knows better than our last note of it. */
    enum czone_zone_state zone_state =
        container->lease != NULL ? container->lease->zone_state : container->zone_state;
    CLEANUP_JSON json_t *object = NULL;

    object = json_pack("{s:s, s:s, s:o, s:i, s:I, s:s, s:s, s:I, s:b, s:b, s:b}", "id", container->id,
                       "state", container_state_name(container->state), "args",
                       args ? json_incref(container->request.args) : json_array(), "pid",
                       container->state == CONTAINER_RUNNING ? container->program.pid : 0, "memory",
                       (json_int_t)container->memory, "tier", container->request.tier, "zone_state",
                       czone_zone_state_name(zone_state), "created", (json_int_t)container->created,
                       "oom_killed", (int)container->oom_killed, "stdin",
                       (int)(container->request.input || container->request.tty), "tty",
                       (int)container->request.tty);
    if (object == NULL)
        return NULL;
    if (container->request.runtime != OCI_RUNTIME_NATIVE &&
        json_object_set_new(object, "runtime", json_string(oci_runtime_names[container->request.runtime])) <
            0)
        return NULL;
    if (args && container->request.key != NULL &&
        json_object_set_new(object, "key", json_string(container->request.key)) < 0)
        return NULL;
    if (placed && json_object_set_new(object, "zone", json_string(container->zone)) < 0)
        return NULL;
    if (set(object, "node", placed ? container->info.node.n : -1) < 0 ||
        set(object, "range_start", placed ? (int64_t)container->info.range.start : -1) < 0 ||
        set(object, "range_size", placed ? (int64_t)container->info.range.size : -1) < 0 ||
        set(object, "started", container->started != 0 ? container->started : -1) < 0 ||
        set(object, "exited", container->started != 0 && container->exited != 0 ? container->exited : -1) <
            0 ||
        set(object, "exit_status", container->exit_status) < 0 ||
        set(object, "exit_signal", container->exit_signal) < 0 ||
        (container->keeper_lost && json_object_set_new(object, "keeper_lost", json_true()) < 0))
        return NULL;
    if (args && container->request.parts.users_mode != LAUNCH_USERS_HOST &&
        json_object_set_new(object, "userns", launch_parts_userns(&container->request.parts)) < 0)
        return NULL;
    if (container->state == CONTAINER_FAILED &&
        json_object_set_new(object, "failure",
                            json_pack("{s:s, s:s}", "id", container->failure.id, "message",
                                      container->failure.reason.text)) < 0)
        return NULL;
    return TAKE(object);
}
