/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_H
#define GUEST_CONTAINER_H

/* One container: a request, a lease of memory, a program in it, and the state machine that ties them. */

#include "agent/guest/container_state.h"
#include "agent/guest/lease.h"
#include "agent/guest/limit_watch.h"
#include "agent/guest/program.h"
#include "agent/guest/spawn_request.h"
#include "agent/guest/waiter.h"

struct container {
    TAILQ_ENTRY(container) link;
    struct manager *manager;
    char id[CZONE_ZONE_NAME_MAX + 1];
    enum container_state state;
    struct spawn_request request;
    struct lease *lease; /* NULL before and after */
    struct program program;
    int64_t created, started, exited; /* realtime; 0: not yet */
    uint64_t exited_at, emptied_at;   /* monotonic */
    int pid;
    int exit_status, exit_signal; /* -1: not known or not how it ended */
    bool oom_killed;
    bool removal; /* Remove was called: forgotten once it is settled, whether or not the caller still waits */
    bool settled; /* nothing of it is left but this record */
    /* What is told of the zone, also after the lease is over. */
    char zone[CZONE_ZONE_NAME_MAX + 1];
    enum czone_zone_state zone_state;
    struct czone_zone_info info; /* node NONE: it had no memory yet */
    uint64_t memory;
    struct refusal failure; /* FAILED */
    struct log_ring log;
    struct limit_watch limits;
    struct event *stop_timer; /* NULL: nobody has asked for Stop */
    uint64_t stop_at;         /* monotonic: when it is killed then */
    struct waiter_list waiters;
    struct follower_list followers;
};

/*
 * Makes a container and begins its lease.
 *
 * @request  emptied: the container owns what it held
 *
 * Returns 0, or a negative errno with a refusal; then nothing was changed.
 */
int container_new(struct manager *manager, struct spawn_request *request, struct container **ret_container,
                  struct refusal *refusal);

/* Takes it out of the manager's list and frees it. Waiters and followers are dropped without an answer. */
struct container *container_free(struct container *container);

/* Kills it, or gives it up if it does not run yet; `why` is told as the failure then. */
void container_end(struct container *container, const char *why);

/* As on the wire. args: false leaves them out. NULL without memory. */
json_t *container_to_json(const struct container *container, bool args);

/* The log is complete: the program ended, or never ran. */
bool container_log_ended(const struct container *container);

/*
 * Answers a call of Logs, and with more goes on until the log has ended.
 *
 * @offset  from where; negative: the oldest byte kept
 *
 * Returns 0 or a negative errno, then nothing was answered.
 */
int container_reply_log(struct container *container, struct varlink_connection *connection, int64_t offset,
                        bool more);

struct event_base *container_base(const struct container *container);

#endif
