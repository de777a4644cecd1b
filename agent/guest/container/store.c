/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/run_dir.h"
#include "proto/cleanup.h"

#define STATE_FILE "state.json"
#define ENV_FILE   "env.json"
/* Goes up whenever an older czoned would misread it. */
#define VERSION 1

/* As in the file. */
struct saved {
    int64_t version, created, started, exited, exited_at, emptied_at, stop_at, node, start, size, memory;
    int64_t exit_status, exit_signal, first_id;
    const char *boot, *zone, *fingerprint, *failure, *message;
    json_t *parameters;
    int state;
    const char *zone_state, *cgroup;
    bool settled, removal, oom_killed, keeper_lost;
};

#define NUMBER(member)                                                                                       \
    {                                                                                                        \
#member, VARLINK_INT, offsetof(struct saved, member), VARLINK_REQUIRED, .min = -1, .max = INT64_MAX  \
    }
#define TEXT(member, most)                                                                                   \
    {                                                                                                        \
#member, VARLINK_STRING, offsetof(struct saved, member), VARLINK_REQUIRED, .max = (most)             \
    }
#define TRUTH(member)                                                                                        \
    {                                                                                                        \
#member, VARLINK_BOOL, offsetof(struct saved, member), .flags = VARLINK_REQUIRED                     \
    }

static const char *const states[] = { "wanted", "created", "starting", "running",
                                      "exited", "failed",  "done",     NULL };

static const struct varlink_field fields[] = {
    NUMBER(version),
    NUMBER(created),
    NUMBER(started),
    NUMBER(exited),
    NUMBER(exited_at),
    NUMBER(emptied_at),
    { "stop_at", VARLINK_INT, offsetof(struct saved, stop_at), 0, .min = 0, .max = INT64_MAX },
    NUMBER(node),
    NUMBER(start),
    NUMBER(size),
    NUMBER(memory),
    NUMBER(exit_status),
    NUMBER(exit_signal),
    TEXT(boot, 64),
    TEXT(zone, CZONE_ZONE_NAME_MAX),
    TEXT(zone_state, 32),
    TEXT(cgroup, sizeof(((struct container *)0)->cgroup) - 1),
    TEXT(fingerprint, 32),
    TEXT(failure, 64),
    TEXT(message, sizeof(((struct reason *)0)->text) - 1),
    { "first_id", VARLINK_INT, offsetof(struct saved, first_id), .max = UINT32_MAX },
    { "parameters", VARLINK_OBJECT, offsetof(struct saved, parameters), .flags = VARLINK_REQUIRED },
    { "state", VARLINK_ENUM, offsetof(struct saved, state), .flags = VARLINK_REQUIRED, .choices = states },
    TRUTH(settled),
    TRUTH(removal),
    TRUTH(oom_killed),
    /* Absent in what an older czoned wrote. */
    { "keeper_lost", VARLINK_BOOL, offsetof(struct saved, keeper_lost), .flags = 0 },
};

static json_t *to_json(const struct container *container)
{
    const struct czone_zone_info *info = &container->info;
    bool failed = container->state == CONTAINER_FAILED;
    char fingerprint[33];

    fingerprint_format(&container->request.fingerprint, fingerprint);
    return json_pack("{s:i, s:s, s:O, s:s, s:s, s:s, s:b, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
                     "s:I, s:I, s:i, s:i, "
                     "s:s, s:s, s:s, s:s, s:b}",
                     "version", VERSION, "boot", container->manager->store.boot_id, "parameters",
                     container->request.parameters, "fingerprint", fingerprint, "state",
                     container_state_name(container->state), "zone", container->zone, "settled",
                     (int)container->settled, "removal", (int)container->removal, "oom_killed",
                     (int)container->oom_killed, "created", (json_int_t)container->created, "started",
                     (json_int_t)container->started, "exited", (json_int_t)container->exited, "exited_at",
                     (json_int_t)container->exited_at, "emptied_at", (json_int_t)container->emptied_at,
                     "stop_at", (json_int_t)container->stop_at, "node", (json_int_t)info->node.n, "start",
                     (json_int_t)info->range.start, "size", (json_int_t)info->range.size, "memory",
                     (json_int_t)container->memory, "exit_status", container->exit_status, "exit_signal",
                     container->exit_signal, "failure", failed ? container->failure.id : "", "message",
                     failed ? container->failure.reason.text : "", "zone_state",
                     czone_zone_state_name(container->zone_state), "cgroup", container->cgroup, "keeper_lost",
                     (int)container->keeper_lost);
}

/* Which ids were found for it: the parameters say only that some were to be. Takes the state, which may be
 * NULL. */
static json_t *add_first_id(json_t *state, const struct launch_parts *parts)
{
    if (parts->users_mode == LAUNCH_USERS_AUTO &&
        json_object_set_new(state, "first_id", json_integer(parts->users.uids.ranges[0].outside)) < 0) {
        json_decref(state);
        return NULL;
    }
    return state;
}

static int save(const struct container *container)
{
    CLEANUP_JSON json_t *state = add_first_id(to_json(container), &container->request.parts);

    return state == NULL ? -ENOMEM : run_dir_write(container->dir_fd, STATE_FILE, state);
}

/* On its own, since it never changes and only Exec asks for it: state.json is written often. */
static int save_env(const struct container *container)
{
    CLEANUP_JSON json_t *value = NULL;

    if (container->request.env == NULL)
        return 0;
    value = json_pack("{s:O}", "env", container->request.env);
    return value == NULL ? -ENOMEM : run_dir_write(container->dir_fd, ENV_FILE, value);
}

int container_store_env(const struct container *container, json_t **ret_env)
{
    CLEANUP_JSON json_t *value = NULL;
    json_t *env, *variable;
    size_t i;
    int r = run_dir_read(container->dir_fd, ENV_FILE, &value);

    if (r == -ENOENT) {
        *ret_env = json_array();
        return *ret_env == NULL ? -ENOMEM : 0;
    }
    if (r < 0)
        return r;
    env = json_object_get(value, "env");
    if (!json_is_array(env))
        return -EBADMSG;
    json_array_foreach(env, i, variable)
        if (!json_is_string(variable))
            return -EBADMSG;
    *ret_env = json_incref(env);
    return 0;
}

int container_store_make(struct container *container)
{
    return run_dir_make(container->manager->store.containers_fd, container->id, &container->dir_fd);
}

int container_store_begin(const struct container *container)
{
    int r = save_env(container);

    return r == 0 ? save(container) : r;
}

void container_store_save(const struct container *container)
{
    int r = save(container);

    if (r < 0)
        log_warning("cannot write the state of container %s to the run directory: %s", container->id,
                    strerror(-r));
}

void container_store_remove(struct container *container)
{
    int r;

    if (container->dir_fd < 0)
        return;
    cleanup_fd(&container->dir_fd);
    container->dir_fd = -EBADF;
    r = run_dir_remove(container->manager->store.containers_fd, container->id);
    if (r < 0)
        log_warning("cannot remove the directory of container %s: %s", container->id, strerror(-r));
}

static enum czone_zone_state parse_zone_state(const char *name)
{
    for (int state = CZONE_ZONE_WANTED; state <= CZONE_ZONE_QUARANTINED; state++)
        if (strcmp(czone_zone_state_name((enum czone_zone_state)state), name) == 0)
            return (enum czone_zone_state)state;
    return CZONE_ZONE_WANTED;
}

static void fill_in(struct container *container, const struct saved *saved)
{
    container->state = (enum container_state)saved->state;
    container->zone_state = parse_zone_state(saved->zone_state);
    container->settled = saved->settled;
    container->removal = saved->removal;
    container->oom_killed = saved->oom_killed;
    container->keeper_lost = saved->keeper_lost;
    container->created = saved->created;
    container->started = saved->started;
    container->exited = saved->exited;
    container->exited_at = (uint64_t)saved->exited_at;
    container->emptied_at = (uint64_t)saved->emptied_at;
    container->stop_at = (uint64_t)saved->stop_at;
    container->memory = (uint64_t)saved->memory;
    container->exit_status = (int)saved->exit_status;
    container->exit_signal = (int)saved->exit_signal;
    container->info.node.n = (int32_t)saved->node;
    container->info.range = (struct czone_range){ (uint64_t)saved->start, (uint64_t)saved->size };
    (void)snprintf(container->zone, sizeof(container->zone), "%s", saved->zone);
    (void)snprintf(container->info.name, sizeof(container->info.name), "%s", saved->zone);
    (void)snprintf(container->cgroup, sizeof(container->cgroup), "%s", saved->cgroup);
    if (container->state == CONTAINER_FAILED)
        (void)refusal_set(&container->failure, 0, refusal_known_id(saved->failure), NULL, "%s",
                          saved->message);
}

int container_store_load(struct container *container)
{
    CLEANUP_JSON json_t *value = NULL;
    struct saved saved = { 0 };
    int r;

    r = run_dir_read(container->dir_fd, STATE_FILE, &value);
    if (r < 0)
        return r;
    if (varlink_fields_decode(value, fields, ELEMENTS(fields), VARLINK_IGNORE_UNKNOWN, &saved, NULL) < 0 ||
        saved.version != VERSION)
        return -EBADMSG;
    if (strcmp(saved.boot, container->manager->store.boot_id) != 0)
        return -ESTALE;
    container->request = (struct spawn_request)SPAWN_REQUEST_INIT;
    if (fingerprint_parse(saved.fingerprint, &container->request.fingerprint) < 0)
        return -EBADMSG;
    r = spawn_request_restore(&container->request, saved.parameters, NULL);
    if (r < 0 && r != -EDOM) {
        spawn_request_done(&container->request);
        return r == -EINVAL ? -EBADMSG : r;
    }
    if (container->request.parts.users_mode == LAUNCH_USERS_AUTO) {
        if (saved.first_id == 0) {
            spawn_request_done(&container->request);
            return -EBADMSG;
        }
        launch_parts_place(&container->request.parts, (uint32_t)saved.first_id);
    }
    fill_in(container, &saved);
    return 0;
}
