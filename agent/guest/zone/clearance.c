/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/clearance.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/zone/host.h"
#include "agent/guest/zone/lease.h"
#include "agent/guest/zone/memory_map.h"

/* Its zones are called so, and "idle.2"… where a container has that name. */
#define NAME "idle"

/* About 3 s in all: less than a plug waits for its memory. */
#define AGAIN_FIRST_MS 50
#define TRIES          7

static const struct czone_range all_memory = { 0, INT64_MAX };

/* The zone is no more, or stays as it is: what is left of it is found by its mark. */
static void end(struct clearance *clearance)
{
    clearance->zone = czone_zone_unref(clearance->zone);
    clearance->name[0] = '\0';
    lease_check_arrivals(clearance->host->manager);
}

/* What cannot be had is not asked for. */
static void give_up_signals(struct clearance *clearance, int error, const struct czone_failure *failure)
{
    struct host *host = clearance->host;
    struct signal *signal;

    log_warning("idle memory 0x%" PRIx64 "+0x%" PRIx64
                " does not go offline, the host is not asked for it: %s",
                clearance->range.start, clearance->range.size,
                failure->message[0] != '\0' ? failure->message : strerror(-error));
    while ((signal = signal_book_held(&host->book, clearance->range)) != NULL) {
        signal_book_close(&host->book, signal);
        host_offer_later(host, false);
    }
}

/* Not tried at once again. */
static void fail(struct clearance *clearance, int error, const struct czone_failure *failure)
{
    give_up_signals(clearance, error, failure);
    if (clearance->zone != NULL)
        quarantine_add(&clearance->host->manager->quarantine, false);
    end(clearance);
    if (signal_book_held(&clearance->host->book, all_memory) != NULL)
        clearance_wake(clearance);
}

static void fail_release(struct clearance *clearance, int error, const struct czone_failure *failure)
{
    struct timeval wait = clock_timeval((AGAIN_FIRST_MS << clearance->n_tries) * NSEC_PER_MSEC);

    if (++clearance->n_tries == TRIES || event_add(clearance->again, &wait) < 0)
        fail(clearance, error, failure);
    else if (clearance->n_tries == 1)
        give_up_signals(clearance, error, failure);
}

static void on_released(struct czone_job *job, int result, const struct czone_failure *failure, void *data)
{
    struct czone_release release = CZONE_RELEASE_INIT;
    struct clearance *clearance = data;
    struct manager *manager = clearance->host->manager;

    manager_follow_memory(manager);
    if (result == 0)
        result = czone_job_release(job, &release);
    if (result == 0 && release.state != CZONE_ZONE_OFFLINE)
        result = -EBUSY;
    if (result == 0) {
        manager_sync(manager);
        result = czone_zone_retire(clearance->zone);
    }
    if (result == 0) {
        marks_clear(&manager->zone_marks, clearance->name);
        end(clearance);
        clearance_wake(clearance);
    } else {
        fail_release(clearance, result, release.failure.error != 0 ? &release.failure : failure);
    }
    czone_release_done(&release);
}

static void start_release(struct clearance *clearance)
{
    struct czone_release_options options = CZONE_RELEASE_OPTIONS_INIT;
    struct manager *manager = clearance->host->manager;
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_job *job;
    int r;

    options.timeout_ms = manager->options->offline_timeout_ms;
    r = czone_zone_release_start(clearance->zone, &options, &job, &failure);
    if (r == 0)
        r = loop_job_start(&clearance->job, manager->base, &manager->grace, job, on_released, clearance);
    if (r < 0)
        fail_release(clearance, r, &failure);
}

static void on_again(evutil_socket_t fd, short what, void *data)
{
    struct clearance *clearance = data;

    (void)fd;
    (void)what;
    manager_sync(clearance->host->manager);
    start_release(clearance);
}

static void on_reserved(struct czone_job *job, int result, const struct czone_failure *failure, void *data)
{
    struct clearance *clearance = data;
    struct manager *manager = clearance->host->manager;

    manager_follow_memory(manager);
    if (result == 0)
        result = czone_job_zone(job, &clearance->zone);
    if (result < 0) {
        lease_clear_mark(manager, clearance->name, result);
        /* Where even the undo failed there is a claim still, which is to be returned later. */
        if (result != -EEXIST)
            (void)czone_zone_open(manager->ctx, clearance->name, &clearance->zone);
        fail(clearance, result, failure);
        return;
    }
    clearance->n_tries = 0;
    start_release(clearance);
}

/* Memory that is online needs no work to become a zone. */
static void start(struct clearance *clearance, struct czone_range range)
{
    struct czone_zone_request request = CZONE_ZONE_REQUEST_INIT;
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct manager *manager = clearance->host->manager;
    struct czone_job *job;
    int r;

    lease_pick_name(manager, NAME, clearance->name);
    clearance->range = request.within = range;
    request.name = clearance->name;
    request.bytes = range.size;
    request.tier.preference = CZONE_TIER_ANY;
    marks_set(&manager->zone_marks, clearance->name);
    r = czone_zone_reserve_start(manager->ctx, &request, &job, &failure);
    if (r == 0)
        r = loop_job_start(&clearance->job, manager->base, &manager->grace, job, on_reserved, clearance);
    if (r < 0) {
        lease_clear_mark(manager, clearance->name, r);
        fail(clearance, r, &failure);
    }
}

/* What a plug has brought in that was given up: the host takes it back without another word to us. */
static bool find_unwanted(const struct host *host, struct czone_range *ret_range)
{
    const struct manager *manager = host->manager;

    return host_takes_back(host) && !lease_any_arriving(manager) &&
           memory_map_next_online(manager->ctx, all_memory, manager->fresh_nodes, NODES_MAX, ret_range);
}

static void on_next(evutil_socket_t fd, short what, void *data)
{
    struct clearance *clearance = data;
    struct host *host = clearance->host;
    struct signal *signal, *next;
    struct czone_range range;

    (void)fd;
    (void)what;
    if (clearance->name[0] != '\0')
        return;
    manager_sync(host->manager);
    for (signal = TAILQ_FIRST(&host->book.open); signal != NULL; signal = next) {
        next = TAILQ_NEXT(signal, link);
        if (!signal->held)
            continue;
        if (memory_map_next_online(host->manager->ctx, signal->range, NULL, 0, &range)) {
            start(clearance, range);
            return;
        }
        host_send_held(host, signal);
    }
    if (find_unwanted(host, &range))
        start(clearance, range);
}

int clearance_init(struct clearance *clearance, struct host *host)
{
    *clearance = (struct clearance){ .host = host };
    clearance->next = evtimer_new(host->manager->base, on_next, clearance);
    clearance->again = evtimer_new(host->manager->base, on_again, clearance);
    return clearance->next == NULL || clearance->again == NULL ? -ENOMEM : 0;
}

void clearance_done(struct clearance *clearance)
{
    loop_job_stop(&clearance->job);
    clearance->zone = czone_zone_unref(clearance->zone);
    if (clearance->next != NULL)
        event_free(clearance->next);
    if (clearance->again != NULL)
        event_free(clearance->again);
    clearance->next = clearance->again = NULL;
}

void clearance_wake(struct clearance *clearance)
{
    event_active(clearance->next, EV_TIMEOUT, 0);
}

bool clearance_touches(const struct clearance *clearance, struct czone_range range)
{
    const struct manager *manager = clearance->host->manager;

    return clearance->name[0] != '\0' && memory_map_share_node(manager->ctx, clearance->range, range);
}

bool clearance_has_zone(const struct clearance *clearance, const char *name)
{
    return clearance->name[0] != '\0' && strcmp(clearance->name, name) == 0;
}
