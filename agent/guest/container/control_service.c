/* SPDX-License-Identifier: Apache-2.0 */

/* The calls of io.czone.Container that act on a container that runs: Stop, Update, Stats. */

#include <errno.h>
#include <string.h>

#include "agent/guest/container/limits.h"
#include "agent/guest/container/reply.h"
#include "agent/guest/container/signal_name.h"
#include "agent/guest/container/stats_stream.h"
#include "agent/guest/container/stop.h"
#include "agent/guest/manager.h"

struct stop {
    const char *id, *signal;
    int64_t grace_ms;
};

static const struct varlink_field stop_fields[] = {
    ID_FIELD(stop),
    VARLINK_FIELD(VARLINK_INT, struct stop, grace_ms, .min = 0, .max = INT32_MAX),
    VARLINK_FIELD(VARLINK_STRING, struct stop, signal, .min = 1, .max = 16),
};

int control_stop(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct stop stop = { .signal = "TERM", .grace_ms = STOP_GRACE_MS };
    struct refusal refusal = REFUSAL_INIT;
    struct varlink_fault fault;
    struct container *container;
    int signal, r;

    if (varlink_fields_decode(call->parameters, stop_fields, ELEMENTS(stop_fields), 0, &stop, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    signal = signal_from_name(stop.signal);
    if (signal == 0)
        return reply_no_signal(connection, stop.signal);
    container = manager_find(userdata, stop.id);
    if (container == NULL)
        return reply_no_such_container(connection, stop.id);
    r = container_stop(container, connection, signal, stop.grace_ms, &refusal);
    return refusal.id != NULL ? refusal_reply(&refusal, connection) : r;
}

struct update {
    const char *id;
    struct limits limits;
};

static const struct varlink_field update_fields[] = {
    ID_FIELD(update),
    { "memory", VARLINK_INT, offsetof(struct update, limits.memory), 0, .min = 1, .max = INT64_MAX },
    { "pids", VARLINK_INT, offsetof(struct update, limits.pids), 0, .min = 1, .max = LIMITS_PIDS_MAX },
    { "cpu_weight", VARLINK_INT, offsetof(struct update, limits.cpu_weight), 0, .min = LIMITS_WEIGHT_MIN,
      .max = LIMITS_WEIGHT_MAX },
    { "cpu_quota", VARLINK_INT, offsetof(struct update, limits.cpu_quota), 0, .min = 0,
      .max = LIMITS_QUOTA_MAX },
};

static int update(const struct container *container, const struct limits *limits, struct refusal *refusal)
{
    uint64_t usable;
    int r;

    r = czone_zone_usable_bytes(container->lease->zone, &usable);
    if (r < 0)
        return refusal_set(refusal, r, ERROR_SYSTEM, NULL, "cannot read the size of zone %s: %s",
                           container->zone, strerror(-r));
    return container_limits_set(container->program.cgroup, limits, usable, refusal);
}

int control_update(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct update wanted = { .limits = LIMITS_INIT };
    struct refusal refusal = REFUSAL_INIT;
    const struct container *container;
    struct varlink_fault fault;
    int r;

    r = varlink_fields_decode(call->parameters, update_fields, ELEMENTS(update_fields), 0, &wanted, &fault);
    if (r == 0 && wanted.limits.cpu_quota > LIMITS_NONE && wanted.limits.cpu_quota < LIMITS_QUOTA_MIN)
        r = varlink_fault_set(&fault, "cpu_quota", "the least is %d thousandths of a CPU; 0 is no quota",
                              LIMITS_QUOTA_MIN);
    if (r < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    container = manager_find(userdata, wanted.id);
    if (container == NULL)
        return reply_no_such_container(connection, wanted.id);
    if (container->state != CONTAINER_RUNNING || container->lease == NULL ||
        container->program.cgroup == NULL)
        return reply_wrong_state(connection, container, "only a container that runs has limits to change");
    if (update(container, &wanted.limits, &refusal) < 0)
        return refusal_reply(&refusal, connection);
    return varlink_connection_reply(
        connection, json_pack("{s:o}", "limits", container_limits_json(container->program.cgroup)));
}

struct stats {
    const char *id;
    int64_t interval_ms;
};

static const struct varlink_field stats_fields[] = {
    VARLINK_FIELD(VARLINK_STRING, struct stats, id, .min = 1, .max = 255),
    VARLINK_FIELD(VARLINK_INT, struct stats, interval_ms, .min = STATS_INTERVAL_MIN_MS,
                  .max = STATS_INTERVAL_MAX_MS),
};

int control_stats(struct varlink_connection *connection, const struct varlink_call *call, void *userdata)
{
    struct stats stats = { .interval_ms = STATS_INTERVAL_DEFAULT_MS };
    const struct container *container;
    struct varlink_fault fault;

    if (varlink_fields_decode(call->parameters, stats_fields, ELEMENTS(stats_fields), 0, &stats, &fault) < 0)
        return varlink_connection_invalid_parameter(connection, &fault);
    container = stats.id != NULL ? manager_find(userdata, stats.id) : NULL;
    if (stats.id != NULL && container == NULL)
        return reply_no_such_container(connection, stats.id);
    if (container != NULL && container->state != CONTAINER_RUNNING)
        return reply_wrong_state(connection, container, "only a container that runs uses anything");
    return stats_stream_start(userdata, connection, stats.id, (call->flags & VARLINK_MORE) != 0,
                              stats.interval_ms);
}
