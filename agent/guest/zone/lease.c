/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/lease.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/zone/lease_place.h"
#include "agent/guest/zone/lease_return.h"
#include "agent/guest/zone/memory_map.h"

/* A Report just before the plug's deadline still leaves this much for the blocks to appear: 80 times what
 * 512 MiB take under emulation. */
#define ARRIVAL_MIN_NS (5 * NSEC_PER_SEC)

void lease_move(struct lease *lease, enum czone_zone_state state, const char *message)
{
    char name[32];

    lease->zone_state = state;
    (void)snprintf(name, sizeof(name), "zone-%s", czone_zone_state_name(state));
    manager_publish(lease->manager, &(struct event_fact){ .event = name,
                                                          .zone = lease->name,
                                                          .node = lease->info.node.n,
                                                          .bytes = (int64_t)lease->bytes,
                                                          .message = message });
}

static void lease_free(struct lease *lease)
{
    TAILQ_REMOVE(&lease->manager->leases, lease, link);
    turns_drop(&lease->manager->turns, &lease->drain);
    loop_job_stop(&lease->job);
    if (lease->timer != NULL)
        event_free(lease->timer);
    czone_zone_unref(lease->zone);
    receipt_done(&lease->receipt);
    free(lease);
}

void lease_abandon_all(struct manager *manager)
{
    while (!TAILQ_EMPTY(&manager->leases))
        lease_free(TAILQ_FIRST(&manager->leases));
}

void lease_end(struct lease *lease, bool receipt)
{
    struct manager *manager = lease->manager;
    void *owner = lease->owner;

    lease->owner = NULL;
    if (owner != NULL)
        lease->ops->returned(owner, receipt ? &lease->receipt : NULL);
    if (lease->phase == LEASE_UNPLUGGING)
        return; /* the host may still answer: the claim stays until then */
    lease_free(lease);
    manager_settled(manager);
}

/* Gives back what the host brought in for a zone that does not come to be. */
static void give_back_plugged(struct lease *lease)
{
    if (lease->plugged.size == 0)
        return;
    if (host_attached(&lease->manager->host) &&
        host_unplug(&lease->manager->host, lease->plugged, lease->name, NULL) == 0)
        log_error("zone %s: cannot ask the host to take 0x%" PRIx64 " back: out of memory", lease->name,
                  lease->plugged.start);
    lease->plugged.size = 0;
}

/* The way in failed: undo, tell, be gone. */
static void fail(struct lease *lease, const struct refusal *refusal)
{
    struct manager *manager = lease->manager;

    give_back_plugged(lease);
    lease->ops->acquired(lease->owner, refusal);
    lease_free(lease);
    manager_settled(manager);
}

static void hold(struct lease *lease)
{
    czone_zone_get_info(lease->zone, &lease->info);
    lease->bytes = lease->info.range.size;
    lease->phase = LEASE_HELD;
}

/* Whether the claim of a reserve that failed has stayed, because its undo failed: then the lease holds it, to
 * be returned like any other. */
static bool claim_stayed(struct lease *lease)
{
    int r = czone_zone_open(lease->manager->ctx, lease->name, &lease->zone);

    if (r == 0) {
        hold(lease);
        lease->zone_state = lease->info.state;
        return true;
    }
    if (r == -ENOENT)
        marks_clear(&lease->manager->zone_marks, lease->name);
    else
        log_error("zone %s: cannot tell whether its claim is gone: %s", lease->name, strerror(-r));
    return false;
}

/* It has been released while the zone was still in the making. */
static void end_released(struct lease *lease)
{
    if (lease->phase == LEASE_HELD) {
        lease_return_start(lease);
        return;
    }
    give_back_plugged(lease);
    lease->phase = LEASE_OVER;
    lease_end(lease, false);
}

/* Free memory that would not go online is passed over from here on. Returns whether something else is tried.
 */
static bool try_elsewhere(struct lease *lease)
{
    struct refusal refusal = REFUSAL_INIT;

    if (lease->plugged.size > 0 || lease->n_avoided == ELEMENTS(lease->avoided))
        return false;
    lease->avoided[lease->n_avoided++] = lease->place;
    return lease_place(lease, NULL, &refusal) == 0;
}

static void on_reserved(struct czone_job *job, int result, const struct czone_failure *failure, void *data)
{
    struct lease *lease = data;
    struct refusal refusal = REFUSAL_INIT;
    bool stayed;

    manager_follow_memory(lease->manager);
    if (result == 0)
        result = czone_job_zone(job, &lease->zone);
    if (result == 0) {
        hold(lease);
        if (lease->released) {
            end_released(lease);
            return;
        }
        lease_move(lease, CZONE_ZONE_ONLINE, NULL);
        lease->ops->acquired(lease->owner, NULL);
        return;
    }
    stayed = claim_stayed(lease);
    if (lease->released) {
        end_released(lease);
        return;
    }
    (void)refusal_system(&refusal, result, failure);
    if (stayed)
        lease->ops->acquired(lease->owner, &refusal);
    else if (!try_elsewhere(lease))
        fail(lease, &refusal);
}

void lease_clear_mark(struct manager *manager, const char *name, int error)
{
    struct czone_zone *zone = NULL;

    if (error == -EEXIST || czone_zone_open(manager->ctx, name, &zone) < 0)
        marks_clear(&manager->zone_marks, name);
    czone_zone_unref(zone);
}

int lease_reserve(struct lease *lease, struct czone_range within, const char *cgroup,
                  struct czone_failure *failure)
{
    struct czone_zone_request request = CZONE_ZONE_REQUEST_INIT;
    struct czone_job *job;
    int r;

    request.name = lease->name;
    request.bytes = lease->bytes;
    request.tier = lease->tier;
    request.within = within;
    request.cgroup = cgroup;
    lease->place = within;
    /* Before the claim: one without mark is nobody's after a crash. */
    marks_set(&lease->manager->zone_marks, lease->name);
    r = czone_zone_reserve_start(lease->manager->ctx, &request, &job, failure);
    if (r == 0) {
        lease->phase = LEASE_RESERVING;
        r = loop_job_start(&lease->job, lease->manager->base, &lease->manager->grace, job, on_reserved,
                           lease);
    }
    if (r < 0)
        lease_clear_mark(lease->manager, lease->name, r);
    return r;
}

void lease_look(struct lease *lease)
{
    if (lease->phase == LEASE_RESERVING && !czone_job_has_helper(lease->job.job))
        loop_job_look(&lease->job);
}

/* Whether the guest itself is short of something, whatever memory the host plugs. */
static bool is_shortage(int error)
{
    return error == -EAGAIN || error == -ENOMEM || error == -EMFILE || error == -ENFILE;
}

/* Returns whether the lease waits no more, or is no more. */
static bool check_arrival(struct lease *lease)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct refusal refusal = REFUSAL_INIT;
    struct reason reason = { "" };
    int r;

    /* The host may have used a region again whose old blocks are still on their way out; or plug into a node
     * of which idle memory is. */
    if (signal_book_departing(&lease->manager->host.book, lease->plugged) ||
        clearance_touches(&lease->manager->host.clearance, lease->plugged))
        return false;
    r = memory_map_arrived(lease->manager->ctx, lease->plugged, &reason);
    if (r == 0)
        return false;
    (void)event_del(lease->timer);
    if (r < 0) {
        (void)refusal_set(&refusal, r, ERROR_HOST_FAILED, NULL, "%s", reason.text);
        fail(lease, &refusal);
        return true;
    }
    lease_move(lease, CZONE_ZONE_PLUGGED, NULL);
    r = lease_reserve(lease, lease->plugged, NULL, &failure);
    if (r < 0) {
        (void)refusal_set(&refusal, r, is_shortage(r) ? ERROR_SYSTEM : ERROR_HOST_FAILED, NULL,
                          is_shortage(r) ? "the memory is plugged, but cannot be made a zone: %s"
                                         : "the memory the host plugged cannot hold the zone: %s",
                          failure.message[0] != '\0' ? failure.message : strerror(-r));
        fail(lease, &refusal);
    }
    return true;
}

static void on_late(evutil_socket_t fd, short what, void *data)
{
    struct lease *lease = data;
    struct host *host = &lease->manager->host;
    struct refusal refusal = REFUSAL_INIT;

    (void)fd;
    (void)what;
    if (lease->phase == LEASE_DRAINING) {
        lease_return_start(lease);
        return;
    }
    manager_sync(lease->manager);
    if (check_arrival(lease))
        return;
    (void)refusal_set(&refusal, -ETIMEDOUT, ERROR_HOST_FAILED, NULL,
                      "the host says it plugged 0x%" PRIx64 "+0x%" PRIx64
                      ", but that memory did not show up here",
                      lease->plugged.start, lease->plugged.size);
    fail(lease, &refusal);
    host_offer_idle(host);
}

void lease_check_arrivals(struct manager *manager)
{
    struct lease *lease, *next;

    /* A lease that fails frees itself, and nothing but itself. */
    for (lease = TAILQ_FIRST(&manager->leases); lease != NULL; lease = next) {
        next = TAILQ_NEXT(lease, link);
        if (lease->phase == LEASE_ARRIVING)
            (void)check_arrival(lease);
    }
}

static void on_plugged(struct lease *lease, const struct host_answer *answer)
{
    struct refusal refusal = REFUSAL_INIT;
    struct timeval wait = clock_timeval(ARRIVAL_MIN_NS);

    lease->signal = 0;
    if (answer->verdict == HOST_DONE) {
        lease->plugged = answer->range;
        lease->phase = LEASE_ARRIVING;
        if (event_add(lease->timer, &wait) < 0)
            log_error("zone %s: cannot arm the deadline of its memory: out of memory", lease->name);
        (void)check_arrival(lease);
        return;
    }
    if (answer->verdict == HOST_REFUSED)
        (void)refusal_set(&refusal, -EREMOTEIO, ERROR_HOST_REFUSED, NULL, "%s", answer->message);
    else
        (void)refusal_set(&refusal, -EREMOTEIO, ERROR_HOST_FAILED, NULL, "%s", answer->message);
    refusal.bytes = (int64_t)lease->bytes;
    refusal.limit = answer->limit;
    fail(lease, &refusal);
}

void lease_on_answer(void *owner, const struct host_answer *answer)
{
    struct lease *lease = owner;

    if (lease->phase == LEASE_PLUGGING)
        on_plugged(lease, answer);
    else
        lease_return_answered(lease, answer);
}

static struct lease *lease_make(struct manager *manager, const char *name, const struct lease_ops *ops,
                                void *owner)
{
    struct lease *lease = calloc(1, sizeof(*lease));

    if (lease == NULL)
        return NULL;
    lease->manager = manager;
    lease->ops = ops;
    lease->drain = (struct turn)TURN_INIT(lease_return_on_turn);
    lease->owner = owner;
    lease->info.node = CZONE_NODE_NONE;
    lease->receipt.node = CZONE_NODE_NONE;
    (void)snprintf(lease->name, sizeof(lease->name), "%s", name);
    TAILQ_INSERT_TAIL(&manager->leases, lease, link);
    lease->timer = evtimer_new(manager->base, on_late, lease);
    if (lease->timer != NULL)
        return lease;
    lease_free(lease);
    return NULL;
}

int lease_adopt(struct manager *manager, struct czone_zone *zone, const struct lease_ops *ops, void *owner,
                struct lease **ret_lease)
{
    struct czone_zone_info info;
    struct lease *lease;

    czone_zone_get_info(zone, &info);
    lease = lease_make(manager, info.name, ops, owner);
    if (lease == NULL) {
        czone_zone_unref(zone);
        return -ENOMEM;
    }
    lease->zone = zone;
    lease->info = info;
    lease->bytes = info.range.size;
    lease->zone_state = info.state;
    lease->phase = LEASE_HELD;
    lease->adopted = true;
    *ret_lease = lease;
    return 0;
}

int lease_new(struct manager *manager, const struct lease_wish *wish, const struct lease_ops *ops,
              void *owner, struct lease **ret_lease, struct refusal *refusal)
{
    struct lease *lease = lease_make(manager, wish->name, ops, owner);
    int r;

    if (lease == NULL)
        return refusal_set(refusal, -ENOMEM, ERROR_SYSTEM, NULL, "out of memory");
    lease->bytes = memory_map_round(manager->ctx, wish->bytes);
    lease->tier = wish->tier;
    (void)snprintf(lease->tier_name, sizeof(lease->tier_name), "%s", wish->tier_name);
    if (lease->bytes == 0)
        r = refusal_set(refusal, -ENOSPC, ERROR_NO_MEMORY, NULL, "no machine has %" PRIu64 " bytes",
                        wish->bytes);
    else
        r = lease_place(lease, wish, refusal);
    if (r < 0) {
        if (lease->bytes == 0)
            refusal->bytes = (int64_t)wish->bytes;
        lease_free(lease);
        return r;
    }
    *ret_lease = lease;
    return 0;
}

void lease_release(struct lease *lease)
{
    switch (lease->phase) {
    case LEASE_PLUGGING:
        host_cancel(&lease->manager->host, lease->signal);
        break;
    case LEASE_RESERVING:
        lease->released = true; /* dropping the job would block until it is undone: let it finish */
        return;
    case LEASE_ARRIVING:
        give_back_plugged(lease);
        break;
    case LEASE_HELD:
        lease_return_start(lease);
        return;
    case LEASE_DRAINING:
    case LEASE_UNPLUGGING:
    case LEASE_OVER:
        return; /* under way */
    }
    lease->phase = LEASE_OVER;
    lease_end(lease, false);
}
