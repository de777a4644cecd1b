/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/restore.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/container.h"
#include "agent/guest/container/stop.h"
#include "agent/guest/container/store.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/run_dir.h"
#include "agent/guest/zone/memory_map.h"
#include "proto/cleanup.h"

/* A keeper answers at once, unless somebody has stopped it. */
#define HEAR_SECONDS 2

/* Into its place: oldest first. */
static void sort_in(struct container *container)
{
    struct container_list *list = &container->manager->containers;
    struct container *other;

    TAILQ_REMOVE(list, container, link);
    TAILQ_FOREACH(other, list, link)
        if (other->created > container->created)
            break;
    if (other != NULL)
        TAILQ_INSERT_BEFORE(other, container, link);
    else
        TAILQ_INSERT_TAIL(list, container, link);
}

static void refuse(struct container *container, int error, const char *why)
{
    struct refusal refusal = REFUSAL_INIT;

    (void)refusal_set(&refusal, error, ERROR_SYSTEM, NULL, "%s", why);
    container_give_up(container, &refusal);
}

/* Its zone was made, or not; what is there but not complete is returned as one without container, and then
 * this one asks anew. */
static void resume_wanted(struct container *container, struct czone_zone *zone)
{
    struct czone_zone_info info;

    if (zone == NULL)
        return; /* containers_resume() */
    czone_zone_get_info(zone, &info);
    if (info.state != CZONE_ZONE_ONLINE) {
        czone_zone_unref(zone);
        lease_pick_name(container->manager, container->id, container->zone);
        container_store_save(container);
        return;
    }
    if (container_hold(container, zone) < 0)
        refuse(container, -ENOMEM, "out of memory");
    else
        container_ready(container);
}

/* What an earlier czoned has handed to a keeper, or was about to. */
static void resume_begun(struct container *container)
{
    struct manager *manager = container->manager;
    bool running = container->state == CONTAINER_RUNNING;
    char id[sizeof(container->id)];
    int r;

    (void)snprintf(id, sizeof(id), "%s", container->id);

    r = program_adopt(&container->program, container->cgroup, &container->request, running);
    if (r == 0)
        container_begin(container);
    else if (r > 0 && manager_find(manager, id) == container && container->state == CONTAINER_RUNNING) {
        /* If it was dead, all may have ended within that call. */
        limit_watch_start(container, true);
        container_stop_resume(container);
    } else if (r < 0 && running) {
        log_error("container %s runs and cannot be taken over, it is killed: %s", id, strerror(-r));
        keeper_kill(container->dir_fd);
        program_lose(&container->program);
    } else if (r < 0)
        refuse(container, r, "czoned was restarted and could not take it over");
}

/* It runs in memory that nobody answers for. */
static void resume_without_zone(struct container *container, int error)
{
    struct manager *manager = container->manager;
    char id[sizeof(container->id)];

    (void)snprintf(id, sizeof(id), "%s", container->id);
    log_error("container %s runs and its zone %s cannot be taken over, it is killed: %s", id, container->zone,
              strerror(-error));
    resume_begun(container);
    if (manager_find(manager, id) == container)
        container_end(container, "its zone could not be taken over");
}

/* It ended; its memory is on the way back. */
static void resume_ended(struct container *container)
{
    struct manager *manager = container->manager;
    char id[sizeof(container->id)];

    (void)snprintf(id, sizeof(id), "%s", container->id);
    (void)program_adopt(&container->program, container->cgroup, &container->request,
                        container->state == CONTAINER_EXITED);
    /* All may have ended within that call. */
    if (manager_find(manager, id) == container)
        program_stop(&container->program);
}

static bool has_receipt(const struct container *container)
{
    const struct receipt *receipt;
    uint64_t at = 0;

    while ((receipt = receipts_after(&container->manager->receipts, at)) != NULL) {
        at = receipt->sequence;
        /* An id may be used again; when one that never ran was over is not always kept. */
        if (strcmp(receipt->container, container->id) == 0 &&
            (container->exited != 0 ? receipt->exit_time == container->exited
                                    : receipt->exit_time >= container->created))
            return true;
    }
    return false;
}

/* The claim is over and the receipt was not written: the machine itself says where the memory is. */
static void settle_without_zone(struct container *container)
{
    struct manager *manager = container->manager;
    struct receipt receipt = { .node = container->info.node };

    program_log_read_end(&container->program.output);
    if (container->info.node.n < 0 || has_receipt(container)) {
        container_settle_owed(container, NULL);
        return;
    }
    manager_sync(manager);
    if (container->exited == 0) {
        container->exited = clock_realtime();
        container->exited_at = container->emptied_at = clock_monotonic();
    }
    receipt.range = container->info.range;
    receipt.exit_time = container->exited;
    receipt.emptied_ns = container->emptied_at;
    receipt.offline_ns = clock_monotonic();
    receipt.outcome = OUTCOME_OFFLINE;
    if (memory_map_count(manager->ctx, receipt.range) == 0) {
        receipt.outcome = OUTCOME_RETURNED;
        receipt.host_bytes = receipt.range.size;
        receipt.confirmed_ns = receipt.offline_ns;
    }
    (void)snprintf(receipt.container, sizeof(receipt.container), "%s", container->id);
    (void)snprintf(receipt.zone, sizeof(receipt.zone), "%s", container->zone);
    reason_set(&receipt.message, "czoned was restarted before it wrote this: told from what memory there is");
    container_settle_owed(container, &receipt);
}

/* Whether the zone of a container that was wanted has a cgroup: then a keeper may have its program. */
static bool has_begun(struct czone_zone *zone)
{
    struct czone_zone_info info;

    if (zone == NULL)
        return false;
    czone_zone_get_info(zone, &info);
    return info.state == CZONE_ZONE_BOUND;
}

static void resume(struct container *container)
{
    struct czone_zone *zone = NULL;
    int r;

    r = czone_zone_open(container->manager->ctx, container->zone, &zone);
    if (container->state == CONTAINER_WANTED && !has_begun(zone)) {
        resume_wanted(container, zone);
        return;
    }
    if (container->state == CONTAINER_WANTED)
        container->state = CONTAINER_STARTING;
    if (r == 0)
        r = container_hold(container, zone);
    if (r == 0 && container->state == CONTAINER_CREATED)
        return; /* held until Start, as before */
    if (r == 0 && !container_state_ended(container->state))
        resume_begun(container);
    else if (r == 0)
        resume_ended(container);
    else if (container_state_ended(container->state))
        settle_without_zone(container);
    else if (container->state == CONTAINER_RUNNING)
        resume_without_zone(container, r);
    else
        refuse(container, r, "czoned was restarted and found its zone gone");
}

/* The answer to the request was not kept, or was not given. */
static void restore_key(struct container *container)
{
    CLEANUP_JSON json_t *answer = NULL;

    if (container->request.key == NULL || key_store_has(&container->manager->keys, container->request.key))
        return;
    answer = json_pack("{s:o}", "container", container_to_json(container, true));
    if (answer == NULL || history_add_key(&container->manager->store.history, container->request.key,
                                          &container->request.fingerprint, answer) < 0)
        log_warning("the key of container %s is not known any more: out of memory", container->id);
}

static int load(struct manager *manager, const char *name, struct container **ret_container)
{
    struct container *container = container_alloc(manager);
    int r;

    if (container == NULL)
        return -ENOMEM;
    if (snprintf(container->id, sizeof(container->id), "%s", name) >= (int)sizeof(container->id))
        r = -EBADMSG;
    else
        r = run_dir_open(manager->store.containers_fd, name, &container->dir_fd);
    if (r == 0)
        r = container_store_load(container);
    if (r < 0) {
        (void)container_free(container);
        return r;
    }
    program_set_dir(&container->program, container->dir_fd);
    *ret_container = container;
    return 0;
}

static const char *explain(int error)
{
    switch (error) {
    case -ENOENT:
        return "is missing (its Spawn was not answered yet, or somebody has removed it)";
    case -EBADMSG:
        return "is damaged, or of a later version";
    default:
        return strerror(-error);
    }
}

static void drop(struct manager *manager, const char *name)
{
    CLEANUP_FD int fd = -EBADF;
    int r;

    if (run_dir_open(manager->store.containers_fd, name, &fd) == 0)
        scratch_salvage(manager, fd);
    r = run_dir_remove(manager->store.containers_fd, name);
    if (r < 0)
        log_warning("cannot remove the directory of container %s: %s", name, strerror(-r));
}

static void restore(void *data, const char *name)
{
    struct manager *manager = data;
    struct container *container;
    int r;

    r = load(manager, name, &container);
    if (r < 0) {
        if (r != -ESTALE)
            log_error(
                "container %s of an earlier czoned cannot be taken over: its state.json in the run directory "
                "%s; what runs in it is ended, and its memory goes back",
                name, explain(r));
        drop(manager, name);
        return;
    }
    sort_in(container);
    exec_sessions_restore(container);
    restore_key(container);
    log_info("container %s of an earlier czoned is %s", container->id,
             container_state_name(container->state));
    if (container->settled) {
        container->settling = container->program.output.ended = true;
        program_log_read_end(&container->program.output);
        if (container->removal)
            container_forget(container);
        return;
    }
    resume(container);
}

static void on_no_memory(evutil_socket_t fd, short what, void *data)
{
    struct manager *manager = data;
    struct container *container, *next;

    (void)fd;
    (void)what;
    for (container = TAILQ_FIRST(&manager->containers); container != NULL; container = next) {
        struct refusal refusal = REFUSAL_INIT;

        next = TAILQ_NEXT(container, link);
        if (container->state == CONTAINER_WANTED && container->lease == NULL &&
            container_place(container, &refusal) < 0)
            container_give_up(container, &refusal);
    }
}

void containers_resume(struct manager *manager)
{
    struct container *container, *next;

    /* What comes back first may be all that the host has. */
    if (!TAILQ_EMPTY(&manager->orphans))
        return;
    for (container = TAILQ_FIRST(&manager->containers); container != NULL; container = next) {
        struct refusal refusal = REFUSAL_INIT;

        next = TAILQ_NEXT(container, link);
        if (container->state != CONTAINER_WANTED || container->lease != NULL)
            continue;
        /* The host of the earlier czoned is on its way here, too. */
        if (container_place(container, &refusal) == 0 || !host_attached(&manager->host))
            continue;
        container_give_up(container, &refusal);
    }
}

static bool any_silent(const struct manager *manager)
{
    const struct container *container;
    const struct exec_session *session;

    TAILQ_FOREACH(container, &manager->containers, link) {
        if (keeper_link_silent(&container->program.keeper))
            return true;
        TAILQ_FOREACH(session, &container->execs.list, link)
            if (keeper_link_silent(&session->keeper))
                return true;
    }
    return false;
}

static void on_impatient(evutil_socket_t fd, short what, void *data)
{
    bool *over = data;

    (void)fd;
    (void)what;
    *over = true;
}

int containers_hear(struct manager *manager)
{
    static const struct timeval patience = { .tv_sec = HEAR_SECONDS };
    bool over = false;
    struct event *timer = evtimer_new(manager->base, on_impatient, &over);
    int r = 0;

    if (timer == NULL || event_add(timer, &patience) < 0)
        r = -ENOMEM;
    while (r == 0 && !over && any_silent(manager) && !event_base_got_exit(manager->base))
        r = event_base_loop(manager->base, EVLOOP_ONCE) < 0 ? -EIO : 0;
    if (over)
        log_warning("not all keepers have answered within %d s", HEAR_SECONDS);
    if (timer != NULL)
        event_free(timer);
    return r < 0 ? log_fail(r, "cannot hear the keepers of an earlier czoned: %s", strerror(-r)) : 0;
}

int containers_restore(struct manager *manager)
{
    struct timeval patience = clock_timeval(manager->options->plug_timeout_ms * NSEC_PER_MSEC);
    int r;

    r = run_dir_each(manager->store.containers_fd, restore, manager);
    if (r < 0)
        return log_fail(r, "cannot read the run directory: %s", strerror(-r));
    if (TAILQ_EMPTY(&manager->containers))
        return 0;
    manager->resume_timer = evtimer_new(manager->base, on_no_memory, manager);
    return manager->resume_timer == NULL || event_add(manager->resume_timer, &patience) < 0
               ? log_fail(-ENOMEM, "out of memory")
               : 0;
}
