/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/manager.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/cgroup_leftovers.h"
#include "agent/guest/container/container.h"
#include "agent/guest/container/restore.h"
#include "agent/guest/launch/seccomp.h"
#include "agent/guest/log.h"
#include "agent/guest/self.h"
#include "agent/guest/services.h"
#include "agent/guest/session.h"
#include "agent/guest/slow_call.h"
#include "agent/guest/zone/lease.h"
#include "agent/guest/zone/orphan.h"
#include "agent/guest/zone/receipt_stream.h"
#include "proto/cleanup.h"

/* Turns of the loop after its end: a reply takes two, from the hook that announces it to the socket. */
#define LAST_TURNS 4

static const struct varlink_service_info service_info = {
    "CZone",
    "czoned",
    CZONE_VERSION,
    "",
};

__attribute__((format(printf, 3, 0))) static void on_library_log(void *data, enum czone_log_level level,
                                                                 const char *format, va_list args)
{
    char text[512];

    (void)data;
    (void)vsnprintf(text, sizeof(text), format, args);
    log_line((int)level, "%s", text);
}

struct container *manager_find(const struct manager *manager, const char *id)
{
    struct container *container;

    TAILQ_FOREACH(container, &manager->containers, link)
        if (strcmp(container->id, id) == 0)
            return container;
    return NULL;
}

/* What a reader of the log wants without asking for more: a container's life, but not each step of its
 * zone's; a receipt has a line of its own. */
static int level_of(const char *event)
{
    bool step = strncmp(event, "zone-", 5) == 0 || strcmp(event, "receipt") == 0;

    return step ? LOG_DEBUG : LOG_INFO;
}

void manager_publish(struct manager *manager, const struct event_fact *fact)
{
    log_line(level_of(fact->event), "%s%s%s%s%s%s%s", fact->event,
             fact->container != NULL ? " container=" : "", fact->container != NULL ? fact->container : "",
             fact->zone != NULL ? " zone=" : "", fact->zone != NULL ? fact->zone : "",
             fact->message != NULL ? ": " : "", fact->message != NULL ? fact->message : "");
    subscribers_publish(&manager->subscribers, fact);
}

void manager_add_receipt(struct manager *manager, struct receipt *receipt, uint64_t exited_at)
{
    const struct receipt *kept = receipts_add(&manager->receipts, receipt, exited_at);

    if (kept == NULL) {
        log_error("a receipt was lost: out of memory");
        return;
    }
    history_add_receipt(&manager->store.history, kept);
    log_info("receipt %" PRIu64 ": container %s, zone %s, %" PRIu64 " MiB at 0x%" PRIx64
             " %s, host took %" PRIu64 " bytes, offline after %" PRIu64 " us, %" PRIu64 " pages migrated",
             kept->sequence, kept->container, kept->zone, kept->range.size >> 20, kept->range.start,
             kept->outcome, kept->host_bytes, kept->offline_ns / 1000, kept->migrated_pages);
    manager_publish(manager, &(struct event_fact){ .event = "receipt",
                                                   .container = kept->container,
                                                   .zone = kept->zone,
                                                   .node = kept->node.n,
                                                   .bytes = (int64_t)kept->range.size,
                                                   .message = kept->outcome });
    receipt_stream_wake(manager);
}

static bool all_settled(const struct manager *manager)
{
    const struct container *container;

    TAILQ_FOREACH(container, &manager->containers, link)
        if (!container->settled)
            return false;
    return TAILQ_EMPTY(&manager->orphans);
}

void manager_settled(struct manager *manager)
{
    if (manager->stopping && all_settled(manager))
        (void)event_base_loopexit(manager->base, NULL);
}

static void on_stop_timeout(evutil_socket_t fd, short what, void *data)
{
    struct manager *manager = data;

    (void)fd;
    (void)what;
    log_warning("not all containers ended within %u s", manager->options->stop_timeout_ms / 1000);
    (void)event_base_loopexit(manager->base, NULL);
}

/* Containers run on: whoever starts next takes them over. */
static void on_terminate(evutil_socket_t fd, short what, void *data)
{
    struct manager *manager = data;

    (void)fd;
    (void)what;
    log_info("stopping: %zu container(s) stay as they are", manager->n_containers);
    notify_send(&manager->notify, "STOPPING=1\nSTATUS=Leaving containers to the next czoned");
    (void)event_base_loopexit(manager->base, NULL);
}

/* The first signal ends all containers in order, the second ends us at once. */
static void on_interrupt(evutil_socket_t fd, short what, void *data)
{
    struct manager *manager = data;
    struct timeval limit = clock_timeval(manager->options->stop_timeout_ms * NSEC_PER_MSEC);
    struct container *container, *next;

    (void)fd;
    (void)what;
    if (manager->stopping) {
        (void)event_base_loopexit(manager->base, NULL);
        return;
    }
    manager->stopping = true;
    log_info("stopping: ending %zu container(s)", manager->n_containers);
    notify_send(&manager->notify, "STOPPING=1\nSTATUS=Ending containers");
    /* Still listening: the host confirms on connections of its own. Spawn is refused from here on. */
    if (event_add(manager->stop_timer, &limit) < 0)
        (void)event_base_loopexit(manager->base, NULL);
    for (container = TAILQ_FIRST(&manager->containers); container != NULL; container = next) {
        next = TAILQ_NEXT(container, link);
        container_end(container, "czoned was stopped");
    }
    manager_settled(manager);
}

static void on_danger(void *data, const char *id, const char *sentence)
{
    (void)data;
    log_warning("danger %s: %s", id, sentence);
}

static const char *run_dir(const struct manager *manager)
{
    return manager->options->run_dir != NULL ? manager->options->run_dir : "/run/czone";
}

/* A second czoned would take the keepers over, and this one would take that for the end of its containers.
 * Not flock(2): helpers would inherit that. */
static int lock_run_dir(struct manager *manager)
{
    struct flock whole = { .l_type = F_WRLCK };
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/czoned.lock", run_dir(manager));
    manager->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (manager->lock_fd < 0)
        return log_fail(-errno, "cannot open %s: %s", path, strerror(errno));
    if (fcntl(manager->lock_fd, F_SETLK, &whole) < 0)
        return log_fail(-errno, "cannot lock %s: does another czoned run here? (%s)", path, strerror(errno));
    return 0;
}

static int open_machine(struct manager *manager, struct self *self)
{
    struct czone_ctx_options options = CZONE_CTX_OPTIONS_INIT;
    struct czone_failure failure = CZONE_FAILURE_INIT;
    int r;

    options.run_root = manager->options->run_dir;
    options.cgroup_base = self->base;
    options.log = on_library_log;
    options.log_level = manager->options->log_level >= CZONE_LOG_DEBUG ? CZONE_LOG_DEBUG : CZONE_LOG_INFO;
    r = czone_ctx_new(&options, &manager->ctx, &failure);
    if (r < 0)
        return log_fail(r, "cannot open this machine: %s",
                        failure.message[0] != '\0' ? failure.message : strerror(-r));
    r = lock_run_dir(manager);
    if (r == 0)
        r = self_confine(self, manager->ctx);
    if (r < 0)
        return r;
    r = czone_monitor_new(manager->ctx, &manager->monitor);
    if (r < 0)
        return log_fail(r, "cannot listen to the kernel's memory events: %s", strerror(-r));
    r = settings_set(&manager->settings);
    (void)czone_ctx_check(manager->ctx, on_danger, NULL);
    return r;
}

static int add_event(struct manager *manager, struct event **event, int fd, short what,
                     event_callback_fn callback)
{
    *event = event_new(manager->base, fd, what, callback, manager);
    return *event == NULL || event_add(*event, NULL) < 0 ? log_fail(-ENOMEM, "out of memory") : 0;
}

/* Not told apart: looking at a cgroup costs as little as finding out which one it was. */
static void on_exits(evutil_socket_t fd, short what, void *data)
{
    struct manager *manager = data;
    struct container *container, *next;
    char drain[4096];

    (void)what;
    if (read(fd, drain, sizeof(drain)) < 0 && errno != EAGAIN)
        log_warning("cannot read from inotify: %s", strerror(errno));
    for (container = TAILQ_FIRST(&manager->containers); container != NULL; container = next) {
        next = TAILQ_NEXT(container, link);
        program_check(&container->program);
    }
    orphans_check(manager);
}

int manager_watch_exits(struct manager *manager)
{
    manager->exits_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (manager->exits_fd < 0)
        return log_fail(-errno, "cannot make an inotify instance: %s", strerror(errno));
    return add_event(manager, &manager->exits_event, manager->exits_fd, EV_READ | EV_PERSIST, on_exits);
}

static int add_events(struct manager *manager)
{
    int r;

    r = manager_watch_memory(manager);
    if (r == 0)
        r = manager_watch_exits(manager);
    if (r == 0)
        r = limit_watches_open(manager);
    if (r == 0)
        r = add_event(manager, &manager->term_event, SIGTERM, EV_SIGNAL | EV_PERSIST, on_terminate);
    if (r == 0)
        r = add_event(manager, &manager->int_event, SIGINT, EV_SIGNAL | EV_PERSIST, on_interrupt);
    if (r < 0)
        return r;
    manager->stop_timer = evtimer_new(manager->base, on_stop_timeout, manager);
    return manager->stop_timer == NULL ? log_fail(-ENOMEM, "out of memory") : 0;
}

int manager_add_services(struct manager *manager)
{
    static const struct varlink_interface *const interfaces[] = {
        &container_service, &zone_service, &host_service, &monitor_service, NULL,
    };
    int r;

    r = turns_open(&manager->turns, manager->base);
    if (r == 0)
        r = varlink_service_new(&service_info, manager, &manager->service);
    for (size_t i = 0; r == 0 && interfaces[i] != NULL; i++)
        r = varlink_service_add(manager->service, interfaces[i]);
    if (r < 0)
        return log_fail(r, "cannot offer the interfaces: %s", strerror(-r));
    varlink_service_set_authorize(manager->service, session_authorize);
    varlink_service_set_defer(manager->service, slow_call_defer);
    return 0;
}

static int open_marks(struct manager *manager)
{
    int r;

    r = marks_open(&manager->zone_marks, run_dir(manager), "czoned.zones");
    if (r == 0)
        r = marks_open(&manager->half_marks, run_dir(manager), "czoned.half-made");
    if (r == 0)
        r = marks_open(&manager->loan_marks, run_dir(manager), "czoned.loans");
    if (r == 0)
        r = marks_open(&manager->host_marks, run_dir(manager), "czoned.host");
    if (r == 0)
        r = marks_open(&manager->knob_marks, run_dir(manager), "czoned.knobs");
    return r < 0 ? log_fail(r, "cannot use the run directory %s: %s", run_dir(manager), strerror(-r)) : 0;
}

int manager_take_over(struct manager *manager)
{
    int r;

    r = containers_restore(manager);
    if (r == 0)
        r = orphans_collect(manager);
    if (r < 0)
        return r;
    containers_resume(manager);
    return containers_hear(manager);
}

/* Later than that of an earlier czoned, which has not made one in each millisecond. */
static uint64_t first_cgroup(void)
{
    return clock_monotonic() / NSEC_PER_MSEC;
}

static int set_up(struct manager *manager)
{
    struct self self;
    int r;

    manager->base = event_base_new();
    if (manager->base == NULL)
        return log_fail(-ENOMEM, "cannot make an event loop");
    r = notify_open(&manager->notify, manager->base);
    if (r < 0)
        log_warning("cannot speak to the service manager: %s", strerror(-r));
    r = self_prepare(&self, manager->options->cgroup);
    if (r == 0)
        r = open_machine(manager, &self);
    if (r < 0)
        return r;
    self_protect();
    self_raise_limits();
    r = open_marks(manager);
    if (r == 0)
        r = store_open(&manager->store, run_dir(manager), "/proc", &manager->keys, &manager->receipts);
    if (r < 0)
        return r;
    cgroup_leftovers_clear(manager, self.base);
    r = grace_open(&manager->grace, GRACE_ATTRIBUTE, &manager->knob_marks);
    if (r < 0)
        log_warning("cannot use %s, memory is returned more slowly: %s", GRACE_ATTRIBUTE, strerror(-r));
    r = launch_seccomp_compile(&manager->filter);
    if (r == 0)
        r = launch_seccomp_compile_runtime(&manager->runtime_filter);
    if (r < 0)
        return log_fail(r, "cannot compile the system call filter of containers: %s", strerror(-r));
    r = keeper_pool_open(&manager->keepers, manager->base, &manager->turns, manager->options->keeper);
    if (r == 0)
        r = keeper_standby_kit_open(&manager->standby_kit, &manager->keepers, run_dir(manager));
    if (r == 0)
        r = cgroup_pool_open(&manager->cgroups, manager->ctx, self.base, &manager->standby_kit, manager->base,
                             &manager->turns, manager->options->cgroup_pool ? first_cgroup() : 0);
    if (r < 0)
        return r;
    if (quarantine_init(&manager->quarantine, manager) < 0)
        return log_fail(-ENOMEM, "out of memory");
    r = host_init(&manager->host, manager, lease_on_answer);
    if (r < 0)
        return log_fail(r, "out of memory");
    r = manager_add_services(manager);
    if (r == 0)
        r = add_events(manager);
    if (r == 0)
        r = manager_take_over(manager);
    /* Last: who connects finds all that there was before. */
    return r == 0 ? listeners_open(&manager->listeners, manager) : r;
}

struct manager *manager_alloc(const struct options *options)
{
    struct manager *manager = calloc(1, sizeof(*manager));

    if (manager == NULL)
        return NULL;
    manager->options = options;
    manager->notify = (struct notify)NOTIFY_INIT;
    manager->lock_fd = manager->exits_fd = manager->filter = manager->runtime_filter = -EBADF;
    manager->standby_kit = (struct keeper_standby_kit)KEEPER_STANDBY_KIT_INIT;
    manager->keepers = (struct keeper_pool)KEEPER_POOL_INIT;
    manager->store = (struct store)STORE_INIT;
    manager->limits = (struct limit_watches)LIMIT_WATCHES_INIT;
    manager->zone_marks = manager->half_marks = manager->loan_marks = manager->host_marks =
        manager->knob_marks = (struct marks)MARKS_INIT;
    turns_init(&manager->turns);
    TAILQ_INIT(&manager->sessions);
    TAILQ_INIT(&manager->containers);
    TAILQ_INIT(&manager->leases);
    TAILQ_INIT(&manager->orphans);
    TAILQ_INIT(&manager->receipt_followers);
    TAILQ_INIT(&manager->stats_streams);
    TAILQ_INIT(&manager->scratch_jobs);
    TAILQ_INIT(&manager->host.loans);
    signal_book_init(&manager->host.book);
    key_store_init(&manager->keys, KEY_STORE_ENTRIES_MAX, KEY_STORE_BYTES_MAX);
    receipts_init(&manager->receipts, RECEIPTS_LIMIT);
    subscribers_init(&manager->subscribers);
    return manager;
}

int manager_new(const struct options *options, struct manager **ret_manager)
{
    struct manager *manager = manager_alloc(options);
    int r = manager != NULL ? set_up(manager) : log_fail(-ENOMEM, "out of memory");

    if (r < 0) {
        (void)manager_free(manager);
        return r;
    }
    *ret_manager = manager;
    return 0;
}

static void free_event(struct event *event)
{
    if (event != NULL)
        event_free(event);
}

struct manager *manager_free(struct manager *manager)
{
    if (manager == NULL)
        return NULL;
    listeners_close(&manager->listeners);
    if (TAILQ_EMPTY(&manager->containers)) /* else they need them, and the next czoned */
        settings_restore(&manager->settings);
    stats_streams_done(manager);
    while (!TAILQ_EMPTY(&manager->containers))
        (void)container_free(TAILQ_FIRST(&manager->containers));
    scratch_jobs_done(manager);
    orphans_done(manager);
    lease_abandon_all(manager);
    clearance_done(&manager->host.clearance);
    grace_close(&manager->grace);
    subscribers_done(&manager->subscribers);
    while (!TAILQ_EMPTY(&manager->receipt_followers))
        follower_drop(TAILQ_FIRST(&manager->receipt_followers));
    host_done(&manager->host);
    quarantine_done(&manager->quarantine);
    while (!TAILQ_EMPTY(&manager->sessions))
        (void)session_free(TAILQ_FIRST(&manager->sessions));
    turns_close(&manager->turns);
    receipts_done(&manager->receipts);
    key_store_done(&manager->keys);
    store_close(&manager->store);
    manager->service = varlink_service_free(manager->service);
    cgroup_pool_close(&manager->cgroups);
    keeper_pool_close(&manager->keepers);
    cleanup_fd(&manager->filter);
    cleanup_fd(&manager->runtime_filter);
    keeper_standby_kit_close(&manager->standby_kit);
    free_event(manager->monitor_event);
    free_event(manager->monitor_rest);
    free_event(manager->exits_event);
    cleanup_fd(&manager->lock_fd);
    cleanup_fd(&manager->exits_fd);
    limit_watches_close(manager);
    free_event(manager->term_event);
    free_event(manager->int_event);
    free_event(manager->stop_timer);
    free_event(manager->resume_timer);
    czone_monitor_unref(manager->monitor);
    czone_ctx_unref(manager->ctx);
    marks_close(&manager->zone_marks);
    marks_close(&manager->half_marks);
    marks_close(&manager->loan_marks);
    marks_close(&manager->host_marks);
    marks_close(&manager->knob_marks);
    notify_close(&manager->notify);
    if (manager->base != NULL)
        event_base_free(manager->base);
    free(manager);
    return NULL;
}

int manager_run(struct manager *manager)
{
    int r;

    log_info("ready");
    notify_send(&manager->notify, "READY=1\nSTATUS=Serving containers");
    /* Told to end while it was starting? */
    r = event_base_got_exit(manager->base) ? 0 : event_base_dispatch(manager->base);
    /* The last answers are queued: each turn brings them nearer to their peers, and none waits. */
    for (int turn = 0; r == 0 && turn < LAST_TURNS; turn++)
        r = event_base_loop(manager->base, EVLOOP_NONBLOCK);
    return r < 0 ? log_fail(-EIO, "the event loop failed") : 0;
}
