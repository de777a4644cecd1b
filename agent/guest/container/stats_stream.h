/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_STATS_STREAM_H
#define GUEST_CONTAINER_STATS_STREAM_H

/*
 * Calls of Stats: answered once, or again and again. Reading a container's files costs the kernel some work,
 * so a sample of many containers is taken a few at a time, with whatever else the loop has to do in between.
 * A peer that does not read misses samples; nothing piles up for it.
 */

#include <event2/event.h>
#include <sys/queue.h>

#include "proto/connection.h"

struct manager;

/* Containers per turn of the loop. */
#define STATS_BATCH 8

#define STATS_INTERVAL_MIN_MS     100
#define STATS_INTERVAL_MAX_MS     3600000
#define STATS_INTERVAL_DEFAULT_MS 1000

struct stats_stream {
    TAILQ_ENTRY(stats_stream) link;
    struct manager *manager;
    struct varlink_connection *connection; /* one reference */
    char *id;                              /* NULL: all containers */
    bool more;
    bool brief;           /* all of it was too much for a message */
    uint64_t interval_ns; /* of samples */
    uint64_t due;         /* monotonic: when the sample that is being taken was begun */
    json_t *ids;          /* whose turn is to come, the last first; NULL: no sample is being taken */
    json_t *stats;        /* what was read */
    struct event *timer;
};

TAILQ_HEAD(stats_stream_list, stats_stream);

/*
 * Begins to answer the connection's running call.
 *
 * @id           of one container, which runs; NULL: of all that run
 * @more         goes on until that container has ended, or for ever
 * @interval_ms  between samples
 *
 * Returns 0 or -ENOMEM, then nothing was answered.
 */
int stats_stream_start(struct manager *manager, struct varlink_connection *connection, const char *id,
                       bool more, int64_t interval_ms);

/* Ends all of them, without an answer. */
void stats_streams_done(struct manager *manager);

#endif
