/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/stats_stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/container.h"
#include "agent/guest/container/stats.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "proto/cleanup.h"

static void drop(struct stats_stream *stream)
{
    TAILQ_REMOVE(&stream->manager->stats_streams, stream, link);
    if (stream->timer != NULL)
        event_free(stream->timer);
    varlink_connection_watch(stream->connection, NULL, NULL);
    varlink_connection_unref(stream->connection);
    json_decref(stream->ids);
    json_decref(stream->stats);
    free(stream->id);
    free(stream);
}

static void on_gone(struct varlink_connection *connection, void *data)
{
    (void)connection;
    drop(data);
}

static bool has_figures(const struct container *container)
{
    return container->state == CONTAINER_RUNNING && container->program.cgroup != NULL;
}

/* Notes whose figures are to be read: containers come and go between the turns of the loop. */
static int begin_sample(struct stats_stream *stream)
{
    struct container *container;

    json_decref(stream->stats);
    stream->stats = json_array();
    stream->ids = json_array();
    if (stream->stats == NULL || stream->ids == NULL)
        return -ENOMEM;
    TAILQ_FOREACH_REVERSE(container, &stream->manager->containers, container_list, link)
    if (has_figures(container) && (stream->id == NULL || strcmp(stream->id, container->id) == 0) &&
        json_array_append_new(stream->ids, json_string(container->id)) < 0)
        return -ENOMEM;
    return 0;
}

/* A container that has ended meanwhile has no figures any more, which is no error. */
static int read_one(struct stats_stream *stream, const char *id)
{
    const struct container *container = manager_find(stream->manager, id);
    json_t *stats = NULL;
    int r;

    if (container == NULL || !has_figures(container))
        return 0;
    r = container_stats_read(container->program.cgroup, id, container->info.node.n, stream->brief, &stats);
    if (r == -ENOMEM)
        return r;
    if (r < 0 && r != -ENOENT && r != -ENODEV)
        log_warning("cannot read what container %s uses: %s", id, strerror(-r));
    return r < 0 ? 0 : json_array_append_new(stream->stats, stats);
}

static int wait_for(struct stats_stream *stream, uint64_t ns)
{
    struct timeval timeout = clock_timeval(ns);

    return event_add(stream->timer, &timeout) < 0 ? -ENOMEM : 0;
}

static json_t *take_reply(struct stats_stream *stream)
{
    return json_pack("{s:O}", "stats", stream->stats);
}

/* Returns 0 (the stream may be gone), or -ENOMEM. */
static int send_sample(struct stats_stream *stream)
{
    bool over = stream->id != NULL && json_array_size(stream->stats) == 0;
    uint64_t now = clock_monotonic(), next;
    int r;

    if (stream->more && !over)
        r = varlink_connection_output(stream->connection) > VARLINK_OUTPUT_BUSY
                ? 0
                : varlink_connection_reply_continue(stream->connection, take_reply(stream));
    else
        r = varlink_connection_reply(stream->connection, take_reply(stream));
    if (r == -EMSGSIZE && !stream->brief) {
        stream->brief = true;
        r = begin_sample(stream);
        return r < 0 ? r : wait_for(stream, 0);
    }
    if (r == -EMSGSIZE)
        (void)varlink_connection_error(
            stream->connection, ERROR_SYSTEM,
            json_pack("{s:i, s:s}", "errno", EMSGSIZE, "message",
                      "the figures of all containers are too long for one message: ask for one"));
    if (r < 0 || over || !stream->more) {
        drop(stream);
        return 0;
    }
    next = stream->due + stream->interval_ns;
    /* Too slow for the interval: a pause all the same. */
    return wait_for(stream, next > now ? next - now : stream->interval_ns);
}

/* Reads the next few. Returns 0 (the stream may be gone) or -ENOMEM. */
static int step(struct stats_stream *stream)
{
    int r = 0;

    if (stream->ids == NULL) {
        stream->due = clock_monotonic();
        r = begin_sample(stream);
    }
    for (int i = 0; r == 0 && i < STATS_BATCH && json_array_size(stream->ids) > 0; i++) {
        size_t last = json_array_size(stream->ids) - 1;

        r = read_one(stream, json_string_value(json_array_get(stream->ids, last)));
        if (r == 0)
            r = json_array_remove(stream->ids, last);
    }
    if (r < 0)
        return -ENOMEM;
    if (json_array_size(stream->ids) > 0)
        return wait_for(stream, 0);
    json_decref(stream->ids);
    stream->ids = NULL;
    return send_sample(stream);
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    struct stats_stream *stream = data;

    (void)fd;
    (void)what;
    if (step(stream) == 0)
        return;
    (void)varlink_connection_break(stream->connection, -ENOMEM, "out of memory");
    drop(stream);
}

int stats_stream_start(struct manager *manager, struct varlink_connection *connection, const char *id,
                       bool more, int64_t interval_ms)
{
    struct stats_stream *stream = calloc(1, sizeof(*stream));
    int r = 0;

    if (stream == NULL)
        return -ENOMEM;
    stream->manager = manager;
    stream->more = more;
    stream->interval_ns = (uint64_t)interval_ms * NSEC_PER_MSEC;
    stream->connection = varlink_connection_ref(connection);
    TAILQ_INSERT_TAIL(&manager->stats_streams, stream, link);
    varlink_connection_watch(connection, on_gone, stream);
    stream->timer = evtimer_new(manager->base, on_timer, stream);
    if (id != NULL)
        stream->id = strdup(id);
    if (stream->timer == NULL || (id != NULL && stream->id == NULL))
        r = -ENOMEM;
    if (r == 0)
        r = step(stream);
    if (r < 0)
        drop(stream);
    return r;
}

void stats_streams_done(struct manager *manager)
{
    while (!TAILQ_EMPTY(&manager->stats_streams))
        drop(TAILQ_FIRST(&manager->stats_streams));
}
