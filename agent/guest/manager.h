/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_MANAGER_H
#define GUEST_MANAGER_H

/* Owns everything: the loop, the view of the machine, containers, leases, the host, connections. */

#include <event2/event.h>
#include <sys/queue.h>

#include <czone/czone.h>

#include "agent/guest/container/cgroup_pool.h"
#include "agent/guest/container/keeper_pool.h"
#include "agent/guest/container/limit_watch.h"
#include "agent/guest/container/scratch_job.h"
#include "agent/guest/container/stats_stream.h"
#include "agent/guest/container/waiter.h"
#include "agent/guest/key_store.h"
#include "agent/guest/listener.h"
#include "agent/guest/notify.h"
#include "agent/guest/options.h"
#include "agent/guest/store.h"
#include "agent/guest/subscribers.h"
#include "agent/guest/turn.h"
#include "agent/guest/zone/grace.h"
#include "agent/guest/zone/host.h"
#include "agent/guest/zone/marks.h"
#include "agent/guest/zone/quarantine.h"
#include "agent/guest/zone/receipt.h"
#include "agent/guest/zone/settings.h"
#include "proto/service.h"

struct container;
struct lease;
struct orphan;
struct session;

/* Nodes as the kernel numbers them: CONFIG_NODES_SHIFT is 10 at most. */
#define NODES_MAX 1024u

struct manager {
    const struct options *options;
    struct event_base *base;
    struct czone_ctx *ctx;
    struct czone_monitor *monitor;
    struct event *monitor_event;
    struct event *monitor_rest; /* pending while monitor_event is not */
    int lock_fd;                /* of the run directory */
    int exits_fd;               /* inotify of the cgroups that are on their way out */
    struct event *exits_event;
    struct event *term_event, *int_event;
    struct event *stop_timer;
    struct event *resume_timer; /* until when containers of an earlier czoned wait for memory */
    struct varlink_service *service;
    int filter;         /* system calls of containers, compiled: launch/seccomp.h */
    int runtime_filter; /* the same of OCI runtimes and their containers */
    struct keeper_standby_kit standby_kit;
    struct keeper_pool keepers;
    struct cgroup_pool cgroups;
    struct notify notify;
    struct listeners listeners;
    TAILQ_HEAD(session_list, session) sessions;
    size_t n_sessions, n_refused;
    size_t session_bytes; /* in the buffers of all sessions */
    struct turns turns;
    size_t slow_bytes;                                /* of the calls among them */
    TAILQ_HEAD(container_list, container) containers; /* oldest first */
    size_t n_containers;
    TAILQ_HEAD(lease_list, lease) leases;
    TAILQ_HEAD(orphan_list, orphan) orphans;
    struct marks zone_marks; /* zones that are ours */
    struct marks half_marks; /* of these, those on their way back that were never complete */
    struct marks host_marks; /* whether a host is attached */
    struct marks loan_marks; /* regions that the host has plugged for us */
    struct marks knob_marks; /* settings of the kernel that are to be put back */
    struct key_store keys;
    struct store store;
    struct host host;
    struct quarantine quarantine;
    struct receipts receipts;
    struct follower_list receipt_followers;
    struct subscribers subscribers;
    struct limit_watches limits;
    struct stats_stream_list stats_streams;
    struct scratch_job_list scratch_jobs;
    struct settings settings;
    struct grace grace;
    bool stopping;
    /* Nodes that got memory while a plug was under way: it is spoken for until that plug is settled. */
    unsigned char fresh_nodes[NODES_MAX / 8];
};

/*
 * Makes the manager and all it owns, listening sockets included.
 *
 * @options  borrowed for the manager's life
 *
 * Returns 0 or a negative errno; what is wrong has been logged.
 */
int manager_new(const struct options *options, struct manager **ret_manager);

/* The steps of it that look at no machine, for tests that bring their own: an empty manager (NULL without
 * memory), and its interfaces (0 or a negative errno; needs nothing else). */
struct manager *manager_alloc(const struct options *options);
int manager_add_services(struct manager *manager);
/* Follows its monitor. */
int manager_watch_memory(struct manager *manager);
/* Hears of cgroups that are empty. */
int manager_watch_exits(struct manager *manager);
/* Takes over what an earlier czoned has left. Returns 0 or a negative errno, logged. */
int manager_take_over(struct manager *manager);

/* Accepts NULL and one that is half made. Returns NULL. */
struct manager *manager_free(struct manager *manager);

/* Runs until SIGTERM, which leaves containers as they are, or until all have ended after SIGINT. Returns 0 or
 * a negative errno. */
int manager_run(struct manager *manager);

/* Listens to the kernel's memory events again, at once, after a job that made it rest. */
void manager_follow_memory(struct manager *manager);

/* Brings the view of the machine up to date with what the kernel has announced so far. */
void manager_sync(struct manager *manager);

/* The container of this id, or NULL. */
struct container *manager_find(const struct manager *manager, const char *id);

/* Publishes an event and logs it. */
void manager_publish(struct manager *manager, const struct event_fact *fact);

/* Keeps a receipt, publishes it and answers who waits for it. Empties *receipt. */
void manager_add_receipt(struct manager *manager, struct receipt *receipt, uint64_t exited_at);

/* A container or a lease is gone: a stopping daemon may be finished. */
void manager_settled(struct manager *manager);

#endif
