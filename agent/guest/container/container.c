/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/container.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/stop.h"
#include "agent/guest/container/store.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "proto/cleanup.h"

static const struct lease_ops lease_ops;
static const struct program_ops program_ops;
static void on_scratch_removed(void *owner);

struct event_base *container_base(const struct container *container)
{
    return container->manager->base;
}

bool container_has_come(const struct container *container, enum waiter_kind kind)
{
    switch (kind) {
    case WAIT_CREATED:
        return container->state != CONTAINER_WANTED;
    case WAIT_RUNNING:
        return container->state == CONTAINER_RUNNING || container_state_ended(container->state);
    case WAIT_EXITED:
        return container_state_ended(container->state);
    case WAIT_RETURNED:
        return container_state_final(container->state);
    case WAIT_REMOVED:
        return container->settled;
    }
    return false;
}

/* Answers who waits for what has come. A settled container that is to be removed is gone afterwards. */
static void answer_waiters(struct container *container)
{
    struct waiter *waiter, *next;

    for (waiter = TAILQ_FIRST(&container->waiters); waiter != NULL; waiter = next) {
        next = TAILQ_NEXT(waiter, link);
        if (!container_has_come(container, waiter->kind))
            continue;
        waiter_answer(waiter);
    }
    if (container->removal && container->settled)
        container_forget(container);
}

/* Who still reads what it wrote, or waits for a session of it. */
static void tell_removed(struct container *container)
{
    struct refusal refusal = REFUSAL_INIT;

    (void)refusal_set(&refusal, -ENOENT, ERROR_NO_SUCH_CONTAINER, container->id, "container %s was removed",
                      container->id);
    program_log_refuse(&container->program.output, &refusal);
    exec_sessions_refuse(&container->execs, &refusal);
}

void container_forget(struct container *container)
{
    exec_sessions_forget(&container->execs);
    tell_removed(container);
    manager_publish(container->manager,
                    &(struct event_fact){ EVENT_FACT("container-removed"), .container = container->id });
    container_store_remove(container);
    (void)container_free(container);
}

static void move(struct container *container, enum container_state state, const char *message)
{
    const char *event = container_state_event(state);
    bool save;

    if (!container_state_may_follow(container->state, state)) {
        log_error("bug: container %s was to go from %s to %s", container->id,
                  container_state_name(container->state), container_state_name(state));
        return;
    }
    /* That one is starting is told by its zone's claim, which names the cgroup before a keeper has it. */
    save = container->state != CONTAINER_WANTED || state != CONTAINER_STARTING;
    container->state = state;
    if (save)
        container_store_save(container);
    log_debug("container %s is %s", container->id, container_state_name(state));
    if (event != NULL)
        manager_publish(
            container->manager,
            &(struct event_fact){ EVENT_FACT(event), .container = container->id, .message = message });
}

/* Nothing of it is left but its record, once its log has ended as well. May free the container. */
static void settle(struct container *container)
{
    struct manager *manager = container->manager;

    container->settling = true;
    if (!container->program.output.ended)
        return; /* on_log_ended() comes back to it */
    if (!scratch_remove(&container->scratch, container->dir_fd))
        return; /* on_scratch_removed() does */
    container->settled = true;
    input_close(&container->program.input);
    if (container->state == CONTAINER_EXITED)
        move(container, CONTAINER_DONE, NULL);
    else
        container_store_save(container);
    program_forget(&container->program);
    exec_sessions_forget(&container->execs);
    program_done(&container->program);
    answer_waiters(container);
    manager_settled(manager);
}

static void on_log_ended(void *owner)
{
    struct container *container = owner;

    if (container->settling && !container->settled)
        settle(container);
}

static void note_zone(struct container *container)
{
    const struct lease *lease = container->lease;

    container->zone_state = lease->zone_state;
    container->info = lease->info;
    container->memory = lease->bytes;
}

static void fail(struct container *container, const struct refusal *refusal)
{
    container->failure = *refusal;
    move(container, CONTAINER_FAILED, refusal->reason.text);
}

void container_give_up(struct container *container, const struct refusal *refusal)
{
    turns_drop(&container->manager->turns, &container->start);
    fail(container, refusal);
    answer_waiters(container);
    /* Reports that it is empty, and with that the lease is released. */
    program_stop(&container->program);
}

static struct container *of_turn(struct turn *turn)
{
    return (struct container *)((char *)turn - offsetof(struct container, start));
}

static void on_turn(struct turn *turn)
{
    struct container *container = of_turn(turn);
    struct refusal refusal = REFUSAL_INIT;
    int64_t pids = container->request.pids;

    if (pids == 0)
        pids = container->manager->options->default_pids;
    if (scratch_note(&container->scratch, container->dir_fd, &container->request.parts, &refusal) < 0 ||
        program_start(&container->program, container->lease->zone, container->lease->name,
                      &container->request, pids, &refusal) < 0) {
        container_give_up(container, &refusal);
        return;
    }
    (void)snprintf(container->cgroup, sizeof(container->cgroup), "%s",
                   czone_cgroup_path(container->program.cgroup));
    container->zone_state = CZONE_ZONE_BOUND;
    lease_move(container->lease, CZONE_ZONE_BOUND, NULL);
}

void container_begin(struct container *container)
{
    note_zone(container);
    if (container->state != CONTAINER_STARTING)
        move(container, CONTAINER_STARTING, NULL);
    turns_add(&container->manager->turns, &container->start);
}

void container_ready(struct container *container)
{
    if (!container->request.hold) {
        container_begin(container);
        return;
    }
    note_zone(container);
    move(container, CONTAINER_CREATED, NULL);
    answer_waiters(container);
}

static void on_acquired(void *owner, const struct refusal *refusal)
{
    struct container *container = owner;

    if (refusal != NULL) {
        if (container->lease->phase == LEASE_HELD) {
            container_give_up(container, refusal);
            return;
        }
        fail(container, refusal);
        container->lease = NULL;
        container_settle_owed(container, NULL);
        return;
    }
    container_ready(container);
}

static void on_parted(void *owner)
{
    struct container *container = owner;

    program_remove(&container->program);
}

static void on_returned(void *owner, struct receipt *receipt)
{
    struct container *container = owner;

    note_zone(container);
    if (receipt != NULL && receipt->outcome != NULL) {
        if (strcmp(receipt->outcome, OUTCOME_RETURNED) != 0 &&
            strcmp(receipt->outcome, OUTCOME_QUARANTINED) != 0)
            container->zone_state = CZONE_ZONE_OFFLINE;
        (void)snprintf(receipt->container, sizeof(receipt->container), "%s", container->id);
        receipt->exit_time = container->exited;
        receipt->emptied_ns = container->emptied_at;
        program_remove(&container->program);
        manager_add_receipt(container->manager, receipt, container->exited_at);
    }
    container->lease = NULL;
    settle(container);
}

static void on_started(void *owner, int64_t time, const struct refusal *refusal)
{
    struct container *container = owner;

    if (container->state != CONTAINER_STARTING)
        return; /* it has been given up, or was known to an earlier czoned */
    if (refusal != NULL) {
        container_give_up(container, refusal);
        return;
    }
    container->started = time;
    spawn_request_drop_env(&container->request);
    move(container, CONTAINER_RUNNING, NULL);
    limit_watch_start(container, false);
    answer_waiters(container);
}

static void on_exited(void *owner, const struct program_exit *exit)
{
    struct container *container = owner;
    char text[96];

    if (container->state != CONTAINER_RUNNING)
        return;
    container->exited = exit->time;
    container->exited_at = exit->monotonic;
    container->exit_status = exit->status;
    container->exit_signal = exit->signal;
    container->keeper_lost = exit->keeper_lost;
    limit_watch_end(container);
    container->oom_killed = program_oom_killed(&container->program);
    if (exit->status >= 0)
        (void)snprintf(text, sizeof(text), "status %d", exit->status);
    else
        (void)snprintf(text, sizeof(text), "signal %d%s", exit->signal,
                       exit->keeper_lost ? ": its keeper was killed" : "");
    move(container, CONTAINER_EXITED, text);
    answer_waiters(container);
}

/* Nobody uses its memory any more, not even for what was yet to be written to a scratch disk. */
static void give_back(struct container *container)
{
    if (container->lease == NULL)
        settle(container);
    else
        lease_release(container->lease);
}

static void on_scratch_removed(void *owner)
{
    struct container *container = owner;

    if (container->settling)
        settle(container);
    else
        give_back(container);
}

static void on_emptied(void *owner, int result)
{
    struct container *container = owner;

    if (result < 0)
        log_error("container %s: processes do not end although they were killed", container->id);
    container->emptied_at = clock_monotonic();
    if (container->exited_at == 0) {
        /* It never ran; its zone is accounted for all the same. */
        container->exited = clock_realtime();
        container->exited_at = container->emptied_at;
    }
    if (scratch_remove(&container->scratch, container->dir_fd))
        give_back(container);
}

static const struct lease_ops lease_ops = { on_acquired, on_parted, on_returned };
static const struct program_ops program_ops = { on_started, on_exited, on_log_ended, on_emptied };

void container_end(struct container *container, const char *why)
{
    struct refusal refusal;

    switch (container->state) {
    case CONTAINER_WANTED:
    case CONTAINER_CREATED:
    case CONTAINER_STARTING:
        (void)refusal_set(&refusal, -ECANCELED, ERROR_SYSTEM, NULL, "%s", why);
        container_give_up(container, &refusal);
        return;
    case CONTAINER_RUNNING:
        (void)program_signal(&container->program, SIGKILL);
        return;
    default:
        return;
    }
}

struct container *container_alloc(struct manager *manager)
{
    struct container *container = calloc(1, sizeof(*container));

    if (container == NULL)
        return NULL;
    container->manager = manager;
    container->start = (struct turn)TURN_INIT(on_turn);
    container->request = (struct spawn_request)SPAWN_REQUEST_INIT;
    program_init(&container->program, manager, &program_ops, container, container->id);
    scratch_init(&container->scratch, manager, on_scratch_removed, container);
    exec_sessions_init(&container->execs);
    container->dir_fd = -EBADF;
    container->info.node = CZONE_NODE_NONE;
    container->exit_status = container->exit_signal = -1;
    container->created = clock_realtime();
    TAILQ_INIT(&container->waiters);
    TAILQ_INSERT_TAIL(&manager->containers, container, link);
    manager->n_containers++;
    return container;
}

int container_lease(struct container *container, struct refusal *refusal)
{
    const struct program *program = &container->program;
    struct lease_wish wish = { .name = container->zone,
                               .bytes = (uint64_t)container->request.memory,
                               .tier = container->request.choice,
                               .tier_name = container->request.tier };
    int r;

    if (program->standby.briefed) {
        wish.cgroup = czone_cgroup_path(program->cgroup);
        wish.node = program->planned;
        wish.place = container->place;
    }
    r = lease_new(container->manager, &wish, &lease_ops, container, &container->lease, refusal);
    if (r == 0)
        note_zone(container);
    return r;
}

int container_place(struct container *container, struct refusal *refusal)
{
    int r;

    r = container_lease(container, refusal);
    if (r == 0)
        lease_move(container->lease, CZONE_ZONE_WANTED, NULL);
    return r;
}

int container_hold(struct container *container, struct czone_zone *zone)
{
    int r;

    r = lease_adopt(container->manager, zone, &lease_ops, container, &container->lease);
    if (r < 0)
        return r;
    note_zone(container);
    /* Emptied, the claim names it no more, but we shall remove it. */
    if (container->lease->info.cgroup[0] != '\0')
        (void)snprintf(container->cgroup, sizeof(container->cgroup), "%s", container->lease->info.cgroup);
    return 0;
}

void container_settle_owed(struct container *container, struct receipt *receipt)
{
    program_log_end(&container->program.output);
    if (receipt != NULL)
        manager_add_receipt(container->manager, receipt, container->exited_at);
    settle(container);
}

struct container *container_free(struct container *container)
{
    if (container == NULL)
        return NULL;
    while (!TAILQ_EMPTY(&container->waiters))
        waiter_drop(TAILQ_FIRST(&container->waiters));
    turns_drop(&container->manager->turns, &container->start);
    scratch_done(&container->scratch);
    exec_sessions_done(&container->execs);
    program_log_done(&container->program.output);
    input_done(&container->program.input);
    TAILQ_REMOVE(&container->manager->containers, container, link);
    container->manager->n_containers--;
    container_stop_done(container);
    limit_watch_end(container);
    program_done(&container->program);
    spawn_request_done(&container->request);
    cleanup_fd(&container->dir_fd);
    free(container);
    return NULL;
}
