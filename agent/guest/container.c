/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/guest/clock.h"
#include "agent/guest/container_stop.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "proto/cleanup.h"

static const struct lease_ops lease_ops;
static const struct program_ops program_ops;

struct event_base *container_base(const struct container *container)
{
    return container->manager->base;
}

static bool waiter_satisfied(const struct waiter *waiter)
{
    const struct container *container = waiter->container;

    switch (waiter->kind) {
    case WAIT_EXITED:
        return container_state_ended(container->state);
    case WAIT_RETURNED:
        return container_state_final(container->state);
    case WAIT_REMOVED:
        return container->settled;
    }
    return false;
}

/* Answers who waits for what has come. The container is gone afterwards if that was wanted and it is settled.
 */
static void answer_waiters(struct container *container)
{
    struct waiter *waiter, *next;

    for (waiter = TAILQ_FIRST(&container->waiters); waiter != NULL; waiter = next) {
        next = TAILQ_NEXT(waiter, link);
        if (!waiter_satisfied(waiter))
            continue;
        (void)varlink_connection_reply(
            waiter->connection, waiter->kind == WAIT_REMOVED
                                    ? json_object()
                                    : json_pack("{s:o}", "container", container_to_json(container, true)));
        waiter_drop(waiter);
    }
    if (container->removal && container->settled) {
        manager_publish(container->manager,
                        &(struct event_fact){ EVENT_FACT("container-removed"), .container = container->id });
        (void)container_free(container);
    }
}

static void move(struct container *container, enum container_state state, const char *message)
{
    const char *event = container_state_event(state);

    if (!container_state_may_follow(container->state, state)) {
        log_error("bug: container %s was to go from %s to %s", container->id,
                  container_state_name(container->state), container_state_name(state));
        return;
    }
    container->state = state;
    log_debug("container %s is %s", container->id, container_state_name(state));
    if (event != NULL)
        manager_publish(
            container->manager,
            &(struct event_fact){ EVENT_FACT(event), .container = container->id, .message = message });
}

static void on_wrote(void *owner)
{
    struct container *container = owner;
    struct follower *follower, *next;

    for (follower = TAILQ_FIRST(&container->followers); follower != NULL; follower = next) {
        next = TAILQ_NEXT(follower, link);
        follower->send(follower);
    }
}

/* Nothing of it is left but its record. May free the container. */
static void settle(struct container *container)
{
    struct manager *manager = container->manager;

    container->settled = true;
    if (container->state == CONTAINER_EXITED)
        move(container, CONTAINER_DONE, NULL);
    program_done(&container->program);
    on_wrote(container); /* a log that never began ends as well */
    answer_waiters(container);
    manager_settled(manager);
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

static void on_acquired(void *owner, const struct refusal *refusal)
{
    struct container *container = owner;
    struct refusal own = REFUSAL_INIT;
    int64_t pids;

    if (refusal != NULL) {
        fail(container, refusal);
        if (container->lease->phase == LEASE_HELD) {
            answer_waiters(container);
            program_stop(&container->program);
            return;
        }
        container->lease = NULL;
        settle(container);
        return;
    }
    note_zone(container);
    move(container, CONTAINER_STARTING, NULL);
    pids = container->request.pids > 0 ? container->request.pids : container->manager->options->default_pids;
    if (program_start(&container->program, container->lease->zone, container->lease->name,
                      &container->request, pids, &own) < 0) {
        fail(container, &own);
        answer_waiters(container);
        program_stop(&container->program);
        return;
    }
    container->zone_state = CZONE_ZONE_BOUND;
    lease_move(container->lease, CZONE_ZONE_BOUND, NULL);
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

static void on_started(void *owner, const struct refusal *refusal)
{
    struct container *container = owner;

    if (refusal != NULL) {
        fail(container, refusal);
        answer_waiters(container);
        program_stop(&container->program);
        return;
    }
    container->pid = container->program.launch.pid;
    container->started = clock_realtime();
    spawn_request_drop_env(&container->request);
    move(container, CONTAINER_RUNNING, NULL);
    limit_watch_start(container, false);
}

static void on_exited(void *owner, const siginfo_t *status)
{
    struct container *container = owner;
    char text[64];

    container->exited = clock_realtime();
    container->exited_at = clock_monotonic();
    container->pid = 0;
    if (status->si_code == CLD_EXITED) {
        container->exit_status = status->si_status;
        (void)snprintf(text, sizeof(text), "status %d", status->si_status);
    } else {
        container->exit_signal = status->si_status;
        (void)snprintf(text, sizeof(text), "signal %d", status->si_status);
    }
    limit_watch_end(container);
    container->oom_killed = program_oom_killed(&container->program);
    move(container, CONTAINER_EXITED, text);
    answer_waiters(container);
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
    if (container->lease == NULL)
        settle(container);
    else
        lease_release(container->lease);
}

static const struct lease_ops lease_ops = { on_acquired, on_returned };
static const struct program_ops program_ops = { on_started, on_exited, on_wrote, on_emptied };

void container_end(struct container *container, const char *why)
{
    struct refusal refusal;

    switch (container->state) {
    case CONTAINER_WANTED:
    case CONTAINER_STARTING:
        (void)refusal_set(&refusal, -ECANCELED, ERROR_SYSTEM, NULL, "%s", why);
        fail(container, &refusal);
        answer_waiters(container);
        /* Reports that it is empty, and with that the lease is released. */
        program_stop(&container->program);
        return;
    case CONTAINER_RUNNING:
        (void)program_signal(&container->program, SIGKILL);
        return;
    default:
        return;
    }
}

/* Six random bytes: nobody guesses or collides with a made-up id. Not in use, which is checked anyway. */
static int choose_id(struct manager *manager, struct container *container)
{
    char id[sizeof(container->id)];
    uint64_t number = 0;

    if (container->request.id != NULL) {
        (void)snprintf(container->id, sizeof(container->id), "%s", container->request.id);
        return 0;
    }
    /* Into a buffer of its own: the container is in the manager's list already and would find itself. */
    do {
        if (getrandom(&number, 6, 0) != 6)
            return -errno;
        (void)snprintf(id, sizeof(id), "c%012" PRIx64, number);
    } while (manager_find(manager, id) != NULL);
    (void)snprintf(container->id, sizeof(container->id), "%s", id);
    return 0;
}

int container_new(struct manager *manager, struct spawn_request *request, struct container **ret_container,
                  struct refusal *refusal)
{
    struct container *container = calloc(1, sizeof(*container));
    int r;

    if (container == NULL)
        return refusal_set(refusal, -ENOMEM, ERROR_SYSTEM, NULL, "out of memory");
    container->manager = manager;
    container->request = *request;
    *request = (struct spawn_request)SPAWN_REQUEST_INIT;
    container->program = (struct program)PROGRAM_INIT;
    container->program.manager = manager;
    container->program.ops = &program_ops;
    container->program.owner = container;
    container->program.log = &container->log;
    container->log = (struct log_ring)LOG_RING_INIT;
    container->info.node = CZONE_NODE_NONE;
    container->exit_status = container->exit_signal = -1;
    container->created = clock_realtime();
    TAILQ_INIT(&container->waiters);
    TAILQ_INIT(&container->followers);
    TAILQ_INSERT_TAIL(&manager->containers, container, link);
    manager->n_containers++;
    r = choose_id(manager, container);
    if (r < 0) {
        (void)refusal_set(refusal, r, ERROR_SYSTEM, NULL, "cannot make an id up: %s", strerror(-r));
    } else {
        lease_pick_name(manager, container->id, container->zone);
        r = lease_new(manager, container->zone, (uint64_t)container->request.memory,
                      container->request.choice, container->request.tier, &lease_ops, container,
                      &container->lease, refusal);
    }
    if (r < 0) {
        (void)container_free(container);
        return r;
    }
    note_zone(container);
    manager_publish(manager, &(struct event_fact){ .event = "container-created",
                                                   .node = -1,
                                                   .container = container->id,
                                                   .zone = container->zone,
                                                   .bytes = (int64_t)container->memory });
    lease_move(container->lease, CZONE_ZONE_WANTED, NULL);
    *ret_container = container;
    return 0;
}

struct container *container_free(struct container *container)
{
    if (container == NULL)
        return NULL;
    while (!TAILQ_EMPTY(&container->waiters))
        waiter_drop(TAILQ_FIRST(&container->waiters));
    while (!TAILQ_EMPTY(&container->followers))
        follower_drop(TAILQ_FIRST(&container->followers));
    TAILQ_REMOVE(&container->manager->containers, container, link);
    container->manager->n_containers--;
    container_stop_done(container);
    limit_watch_end(container);
    program_done(&container->program);
    spawn_request_done(&container->request);
    log_ring_done(&container->log);
    free(container);
    return NULL;
}
