/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/orphan.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/restore.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/zone/lease.h"

static void orphan_free(struct orphan *orphan)
{
    TAILQ_REMOVE(&orphan->manager->orphans, orphan, link);
    program_done(&orphan->program);
    free(orphan);
}

static void on_emptied(void *owner, int result)
{
    struct orphan *orphan = owner;

    if (result < 0)
        log_error("zone %s: processes of an earlier czoned do not end although they were killed",
                  orphan->lease->name);
    orphan->emptied_at = clock_monotonic();
    lease_release(orphan->lease);
}

static void on_log_ended(void *owner)
{
    (void)owner;
}

/* Of a zone that was made and unmade for nobody there is nothing to tell, as when a czoned undoes it that was
 * not restarted; nor of one that stays where it was. */
static bool owes_receipt(const struct orphan *orphan, const struct receipt *receipt)
{
    if (orphan->told && strcmp(receipt->outcome, OUTCOME_QUARANTINED) == 0)
        return false;
    return !orphan->half_made || (strcmp(receipt->outcome, OUTCOME_RETURNED) != 0 &&
                                  strcmp(receipt->outcome, OUTCOME_OFFLINE) != 0);
}

static void add_receipt(struct orphan *orphan, struct receipt *receipt)
{
    (void)snprintf(receipt->container, sizeof(receipt->container), "%s", receipt->zone);
    receipt->exit_time = orphan->found;
    receipt->emptied_ns = orphan->emptied_at;
    if (receipt->message.text[0] == '\0')
        reason_set(&receipt->message, "quarantined before, or left behind by an earlier czoned");
    manager_add_receipt(orphan->manager, receipt, orphan->found_at);
}

static void on_parted(void *owner)
{
    struct orphan *orphan = owner;

    program_remove(&orphan->program);
}

static void on_returned(void *owner, struct receipt *receipt)
{
    struct orphan *orphan = owner;
    struct manager *manager = orphan->manager;
    bool again = orphan->again;

    program_remove(&orphan->program);
    if (owes_receipt(orphan, receipt))
        add_receipt(orphan, receipt);
    orphan_free(orphan);
    containers_resume(manager);
    if (again)
        quarantine_tried(&manager->quarantine);
    manager_settled(manager);
}

/* Neither starts nor acquires: those two are never called. */
static const struct program_ops program_ops = { .log_ended = on_log_ended, .emptied = on_emptied };
static const struct lease_ops lease_ops = { .parted = on_parted, .returned = on_returned };

static int open_cgroup(struct orphan *orphan)
{
    int r;

    if (orphan->lease->info.cgroup[0] == '\0')
        return 0; /* it was not bound yet */
    r = czone_cgroup_open(orphan->manager->ctx, orphan->lease->info.cgroup, &orphan->program.cgroup);
    return r == -ENOENT ? 0 : r; /* a service manager may have cleaned up */
}

static bool is_collected(const struct manager *manager, const char *name)
{
    return lease_has_zone(manager, name) || clearance_has_zone(&manager->host.clearance, name);
}

/* Returns whether it is on its way. */
static bool collect(struct manager *manager, const char *name, bool again)
{
    struct czone_zone *zone = NULL;
    struct czone_zone_info info;
    struct orphan *orphan;
    int r;

    r = czone_zone_open(manager->ctx, name, &zone);
    if (r == -ENOENT || r == -EINVAL) {
        marks_clear(&manager->half_marks, name);
        marks_clear(&manager->zone_marks, name);
        return false;
    }
    orphan = r == 0 ? calloc(1, sizeof(*orphan)) : NULL;
    if (orphan == NULL) {
        log_error("zone %s, which has no container, cannot be returned: %s", name,
                  strerror(r < 0 ? -r : ENOMEM));
        czone_zone_unref(zone);
        return false;
    }
    czone_zone_get_info(zone, &info);
    orphan->manager = manager;
    /* Its claim tells that no more once it is on its way back, which may take more than one czoned. */
    if (info.state == CZONE_ZONE_PLUGGED)
        marks_set(&manager->half_marks, name);
    orphan->half_made = marks_has(&manager->half_marks, name);
    orphan->told = info.state == CZONE_ZONE_QUARANTINED;
    orphan->again = again;
    orphan->found_at = clock_monotonic();
    orphan->found = clock_realtime();
    program_init(&orphan->program, manager, &program_ops, orphan, "");
    TAILQ_INSERT_TAIL(&manager->orphans, orphan, link);
    r = lease_adopt(manager, zone, &lease_ops, orphan, &orphan->lease);
    if (r == 0)
        r = open_cgroup(orphan);
    if (r < 0) {
        log_error("zone %s, which has no container, cannot be returned: %s", name, strerror(-r));
        if (orphan->lease != NULL)
            orphan->lease->owner = NULL;
        orphan_free(orphan);
        return false;
    }
    orphan->lease->again = again;
    orphan->lease->adopted = !orphan->told;
    log_warning("zone %s has no container (any more): returning its memory", name);
    program_stop(&orphan->program);
    return true;
}

static void collect_each(void *data, const char *name)
{
    struct manager *manager = data;

    if (!is_collected(manager, name))
        (void)collect(manager, name, false);
}

int orphans_collect(struct manager *manager)
{
    int r = marks_each(&manager->zone_marks, collect_each, manager);

    return r < 0 ? log_fail(r, "cannot read the run directory: %s", strerror(-r)) : 0;
}

struct search {
    const struct manager *manager;
    const char *last;
    char found[CZONE_ZONE_NAME_MAX + 1];
};

static void find_next(void *data, const char *name)
{
    struct search *search = data;

    if (strcmp(name, search->last) > 0 && (search->found[0] == '\0' || strcmp(name, search->found) < 0) &&
        !is_collected(search->manager, name))
        (void)snprintf(search->found, sizeof(search->found), "%s", name);
}

bool orphans_collect_next(struct manager *manager, char last[CZONE_ZONE_NAME_MAX + 1])
{
    for (;;) {
        struct search search = { .manager = manager, .last = last };

        if (marks_each(&manager->zone_marks, find_next, &search) < 0 || search.found[0] == '\0')
            return false;
        (void)snprintf(last, CZONE_ZONE_NAME_MAX + 1, "%s", search.found);
        if (collect(manager, last, true))
            return true;
    }
}

void orphans_check(struct manager *manager)
{
    struct orphan *orphan, *next;

    for (orphan = TAILQ_FIRST(&manager->orphans); orphan != NULL; orphan = next) {
        next = TAILQ_NEXT(orphan, link);
        program_check(&orphan->program);
    }
}

void orphans_done(struct manager *manager)
{
    while (!TAILQ_EMPTY(&manager->orphans))
        orphan_free(TAILQ_FIRST(&manager->orphans));
}
