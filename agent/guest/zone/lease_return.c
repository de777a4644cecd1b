/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/lease_return.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/zone/memory_map.h"

/* What a zone in quarantine has to empty: the kernel brings no other memory on- or offline meanwhile. */
#define AGAIN_MS 1000u

static void begin_receipt(struct lease *lease)
{
    struct receipt *receipt = &lease->receipt;

    (void)snprintf(receipt->zone, sizeof(receipt->zone), "%s", lease->name);
    receipt->node = lease->info.node;
    receipt->range = lease->info.range;
    receipt->outcome = OUTCOME_OFFLINE;
}

/* The claim is over: the node may hold another zone. */
static void retire(struct lease *lease)
{
    int r;

    /* What the kernel announced before the host answered comes first, or the next placement would see blocks
     * that are gone. */
    manager_sync(lease->manager);
    r = czone_zone_retire(lease->zone);
    if (r < 0) {
        log_error("zone %s: cannot end its claim: %s", lease->name, strerror(-r));
        return;
    }
    marks_clear(&lease->manager->half_marks, lease->name);
    marks_clear(&lease->manager->zone_marks, lease->name);
}

static void quarantine(struct lease *lease, const char *why)
{
    lease->receipt.outcome = OUTCOME_QUARANTINED;
    reason_set(&lease->receipt.message, "%s", why);
    log_error("zone %s on node %d is quarantined: %s", lease->name, (int)lease->info.node.n, why);
    lease->phase = LEASE_OVER;
    quarantine_add(&lease->manager->quarantine, lease->again);
    lease_move(lease, CZONE_ZONE_QUARANTINED, why);
    lease_end(lease, true);
}

static void part(struct lease *lease)
{
    if (lease->ops->parted != NULL)
        lease->ops->parted(lease->owner);
}

static void ask_host(struct lease *lease)
{
    struct host *host = &lease->manager->host;

    if (!host_expected(host)) {
        reason_set(&lease->receipt.message, "no host is attached that could take the memory; it is free for "
                                            "the next container");
    } else {
        lease->signal = host_unplug(host, host_loan_of(host, lease->info.range), lease->name, lease);
        if (lease->signal != 0) {
            lease->phase = LEASE_UNPLUGGING;
            part(lease); /* while the host is at it */
            return;
        }
        reason_set(&lease->receipt.message, "out of memory: the host was not asked to take it");
    }
    part(lease);
    retire(lease);
    lease->phase = LEASE_OVER;
    lease_end(lease, true);
}

static void on_released(struct czone_job *job, int result, const struct czone_failure *failure, void *data)
{
    /* The kernel may have been busy still with what a czoned that was killed had begun. */
    static const struct timeval soon = { .tv_usec = 200000 };
    struct lease *lease = data;
    struct czone_release release = CZONE_RELEASE_INIT;

    manager_follow_memory(lease->manager);
    if (result == 0)
        result = czone_job_release(job, &release);
    if (result < 0) {
        quarantine(lease, failure->message[0] != '\0' ? failure->message : strerror(-result));
        return;
    }
    if (release.state != CZONE_ZONE_OFFLINE && lease->adopted && event_add(lease->timer, &soon) == 0) {
        lease->adopted = false;
        czone_release_done(&release);
        return; /* on_late() begins anew */
    }
    lease->receipt.migrated_pages = release.migrated_pages;
    lease->receipt.leftovers = release.leftovers;
    lease->receipt.n_leftovers = release.n_leftovers;
    release.leftovers = NULL;
    release.n_leftovers = 0;
    if (release.state == CZONE_ZONE_OFFLINE) {
        lease->receipt.offline_ns = clock_monotonic();
        lease_move(lease, CZONE_ZONE_OFFLINE, NULL);
        ask_host(lease);
    } else {
        quarantine(lease, release.failure.message);
    }
    czone_release_done(&release);
}

/* The host has had it before a czoned that was killed could say so. */
static void note_gone(struct lease *lease)
{
    struct receipt *receipt = &lease->receipt;

    host_end_loan(&lease->manager->host, host_loan_of(&lease->manager->host, receipt->range));
    receipt->outcome = OUTCOME_RETURNED;
    receipt->host_bytes = receipt->range.size;
    receipt->confirmed_ns = receipt->offline_ns;
    reason_set(&receipt->message,
               "czoned was restarted before the host confirmed this: told from what memory "
               "there is");
    lease_move(lease, CZONE_ZONE_RETURNED, NULL);
    part(lease);
    retire(lease);
    lease->phase = LEASE_OVER;
    lease_end(lease, true);
}

/* An earlier czoned has taken it offline. */
static void resume_offline(struct lease *lease)
{
    manager_sync(lease->manager);
    lease->receipt.offline_ns = clock_monotonic();
    if (memory_map_count(lease->manager->ctx, lease->info.range) == 0)
        note_gone(lease);
    else
        ask_host(lease);
}

void lease_return_on_turn(struct turn *turn)
{
    struct lease *lease = (struct lease *)((char *)turn - offsetof(struct lease, drain));
    struct czone_release_options options = CZONE_RELEASE_OPTIONS_INIT;
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_job *job;
    int r;

    options.timeout_ms = lease->manager->options->offline_timeout_ms;
    if (lease->info.state == CZONE_ZONE_QUARANTINED && options.timeout_ms > AGAIN_MS)
        options.timeout_ms = AGAIN_MS;
    r = czone_zone_release_start(lease->zone, &options, &job, &failure);
    if (r == 0)
        r = loop_job_start(&lease->job, lease->manager->base, &lease->manager->grace, job, on_released,
                           lease);
    if (r < 0)
        quarantine(lease, failure.message[0] != '\0' ? failure.message : strerror(-r));
}

void lease_return_start(struct lease *lease)
{
    begin_receipt(lease);
    if (lease->info.state == CZONE_ZONE_OFFLINE) {
        resume_offline(lease);
        return;
    }
    lease->phase = LEASE_DRAINING;
    lease_move(lease, CZONE_ZONE_DRAINING, NULL);
    turns_add(&lease->manager->turns, &lease->drain);
}

void lease_return_answered(struct lease *lease, const struct host_answer *answer)
{
    struct receipt *receipt = &lease->receipt;

    if (answer->verdict == HOST_SILENT) {
        receipt->outcome = OUTCOME_UNCONFIRMED;
        reason_set(&receipt->message, "%s; the zone stays claimed until a host confirms", answer->message);
        lease_end(lease, true);
        return;
    }
    lease->signal = 0;
    lease->phase = LEASE_OVER;
    if (answer->verdict == HOST_DONE) {
        receipt->host_bytes = answer->bytes;
        receipt->confirmed_ns = answer->at;
        (void)snprintf(receipt->host_device, sizeof(receipt->host_device), "%s", answer->device);
    }
    if (answer->verdict == HOST_DONE && answer->bytes >= receipt->range.size) {
        receipt->outcome = OUTCOME_RETURNED;
        lease_move(lease, CZONE_ZONE_RETURNED, NULL);
    } else {
        receipt->outcome = OUTCOME_PARTIAL;
        if (answer->verdict == HOST_DONE)
            reason_set(&receipt->message, "the host took %" PRIu64 " of %" PRIu64 " bytes", answer->bytes,
                       receipt->range.size);
        else
            reason_set(&receipt->message, "%s", answer->message);
    }
    retire(lease);
    lease_end(lease, true);
}
