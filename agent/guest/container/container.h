/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_CONTAINER_H
#define GUEST_CONTAINER_CONTAINER_H

/* One container: a request, a lease of memory, a program in it, and the state machine that ties them. */

#include "agent/guest/container/exec_session.h"
#include "agent/guest/container/limit_watch.h"
#include "agent/guest/container/program.h"
#include "agent/guest/container/scratch.h"
#include "agent/guest/container/spawn_request.h"
#include "agent/guest/container/state.h"
#include "agent/guest/container/waiter.h"
#include "agent/guest/zone/lease.h"

struct container {
    TAILQ_ENTRY(container) link;
    struct manager *manager;
    char id[CZONE_ZONE_NAME_MAX + 1];
    enum container_state state;
    struct spawn_request request;
    struct lease *lease; /* NULL before and after */
    struct program program;
    struct scratch scratch;
    struct turn start; /* of the program, once the zone is there */
    int dir_fd;        /* its run directory */
    struct exec_sessions execs;
    int64_t created, started, exited; /* realtime; 0: not yet */
    uint64_t exited_at, emptied_at;   /* monotonic */
    int exit_status, exit_signal;     /* -1: not known or not how it ended */
    bool oom_killed;
    bool keeper_lost; /* its end was that of its keeper, which somebody killed */
    bool removal; /* Remove was called: forgotten once it is settled, whether or not the caller still waits */
    bool settling; /* but for the end of its log it is settled */
    bool settled;  /* nothing of it is left but this record */
    /* What is told of the zone, also after the lease is over. */
    char zone[CZONE_ZONE_NAME_MAX + 1];
    enum czone_zone_state zone_state;
    struct czone_zone_info info; /* node NONE: it had no memory yet */
    char cgroup[256];            /* its path; "": none yet */
    struct czone_range place;    /* where the zone had best be, by its cgroup; size 0: anywhere */
    uint64_t memory;
    struct refusal failure; /* FAILED */
    struct limit_watch limits;
    struct event *stop_timer;
    uint64_t stop_at; /* monotonic: when it is killed, since somebody has asked for Stop; 0: nobody has */
    struct waiter_list waiters;
};

/*
 * Makes a container: gives it an id and a directory, begins its lease and tells the world; if there is memory
 * for it, starts its program.
 *
 * @request  looked at; emptied: the container owns what it held
 * @plan     of launch_check(), if the native launcher is to run it
 *
 * Returns 0, or a negative errno with a refusal; then nothing of it is left.
 */
int container_create(struct manager *manager, struct spawn_request *request, struct launch_plan *plan,
                     struct container **ret_container, struct refusal *refusal);

/* Forgets one that is settled: its directory goes, then the container itself. */
void container_forget(struct container *container);

/* Takes it out of the manager's list and frees it; what is in its directory stays for the next czoned.
 * Waiters and followers are dropped without an answer. */
struct container *container_free(struct container *container);

/* The steps of it, for who takes over what an earlier czoned has begun: an empty container in the manager's
 * list (NULL without memory); asks for memory, under the name in `zone` (as lease_new()); the same, and tells
 * the world; takes a zone over that it has already (0 or -ENOMEM; the zone's reference is the lease's); goes
 * on with that, to be held until Start if that was asked for; starts the program in it, when its turn comes.
 */
struct container *container_alloc(struct manager *manager);
int container_lease(struct container *container, struct refusal *refusal);
int container_place(struct container *container, struct refusal *refusal);
int container_hold(struct container *container, struct czone_zone *zone);
void container_ready(struct container *container);
void container_begin(struct container *container);

/* It will never run, or not be waited for any more: fails it and ends what there is of it. May free it. */
void container_give_up(struct container *container, const struct refusal *refusal);

/* Settles one that has neither processes nor memory any more. receipt: the one it is owed, or NULL. May free
 * it. */
void container_settle_owed(struct container *container, struct receipt *receipt);

/* Kills it, or gives it up if it does not run yet; `why` is told as the failure then. */
void container_end(struct container *container, const char *why);

/* As on the wire. args: false leaves them out, and what else may be long: userns. NULL without memory. */
json_t *container_to_json(const struct container *container, bool args);

/* Whether what this kind of waiter waits for has come. */
bool container_has_come(const struct container *container, enum waiter_kind kind);

struct event_base *container_base(const struct container *container);

#endif
