/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/restore.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/zone/memory_map.h"
#include "agent/guest/zone/orphan.h"
#include "proto/cleanup.h"

/* Left behind when czoned ends while a host is attached. */
#define ATTACHED_MARK "attached"

/* What our kernel has to remove blocks that the host has taken: a hundred times what it needs. */
#define DEPARTURE_NS (5 * NSEC_PER_SEC)

static void on_deadline(evutil_socket_t fd, short what, void *data);
static void settle_confirmed(struct host *host, struct signal *signal);
static void restore_loan(void *data, const char *name);

static void expect_again(void *data, const char *name)
{
    struct host *host = data;

    if (strcmp(name, ATTACHED_MARK) == 0)
        host->expected_until = clock_monotonic() + host->manager->options->plug_timeout_ms * NSEC_PER_MSEC;
}

int host_init(struct host *host, struct manager *manager, host_answered answered)
{
    int r;

    *host = (struct host){ .manager = manager, .answered = answered };
    signal_book_init(&host->book);
    /* An answer that is still under way to an earlier czoned must not be taken for one to us. */
    host->book.last_id = clock_monotonic() / NSEC_PER_USEC;
    TAILQ_INIT(&host->loans);
    host->timer = evtimer_new(manager->base, on_deadline, host);
    host->retry = evtimer_new(manager->base, host_on_retry, host);
    if (host->timer == NULL || host->retry == NULL || clearance_init(&host->clearance, host) < 0)
        return -ENOMEM;
    r = marks_each(&manager->host_marks, expect_again, host);
    return r < 0 ? r : marks_each(&manager->loan_marks, restore_loan, host);
}

void host_done(struct host *host)
{
    if (host->connection != NULL) {
        varlink_connection_watch(host->connection, NULL, NULL);
        host->connection = varlink_connection_unref(host->connection);
    }
    if (host->timer != NULL)
        event_free(host->timer);
    if (host->retry != NULL)
        event_free(host->retry);
    signal_book_done(&host->book);
    while (!TAILQ_EMPTY(&host->loans)) {
        struct loan *loan = TAILQ_FIRST(&host->loans);

        TAILQ_REMOVE(&host->loans, loan, link);
        free(loan);
    }
}

bool host_attached(const struct host *host)
{
    return host->connection != NULL;
}

bool host_expected(const struct host *host)
{
    return host_attached(host) || clock_monotonic() < host->expected_until;
}

/* One timer for all deadlines, and none when nothing is open. */
static void arm(struct host *host)
{
    uint64_t deadline = signal_book_deadline(&host->book), now = clock_monotonic();
    struct timeval in;

    (void)event_del(host->timer);
    if (deadline == UINT64_MAX)
        return;
    in = clock_timeval(deadline > now ? deadline - now : 0);
    if (event_add(host->timer, &in) < 0)
        log_error("cannot arm the host's deadline: out of memory");
}

static void send_signal(struct host *host, const struct signal *signal, enum signal_kind kind)
{
    json_t *reply;
    int r;

    if (host->connection == NULL)
        return;
    reply =
        json_pack("{s:s, s:I, s:{s:I, s:s, s:I, s:s, s:I, s:s}}", "session", host->session, "block_size",
                  (json_int_t)czone_inventory_block_size(host->manager->ctx), "signal", "id",
                  (json_int_t)signal->id, "kind", signal_kind_name(kind), "bytes", (json_int_t)signal->bytes,
                  "tier", signal->tier, "start", (json_int_t)signal->range.start, "zone", signal->zone);
    r = varlink_connection_reply_continue(host->connection, reply);
    if (r < 0)
        log_warning("signal %" PRIu64 " does not reach the host: %s", signal->id, strerror(-r));
    else
        log_debug("signal %" PRIu64 " to the host: %s %" PRIu64 " bytes for zone %s", signal->id,
                  signal_kind_name(kind), signal->bytes, signal->zone);
}

static uint64_t open_signal(struct host *host, const struct signal *wanted)
{
    struct signal *signal = signal_book_open(&host->book, wanted);

    if (signal == NULL)
        return 0;
    if (signal->held)
        clearance_wake(&host->clearance);
    else
        send_signal(host, signal, signal->kind);
    arm(host);
    return signal->id;
}

uint64_t host_plug(struct host *host, uint64_t bytes, const char *tier, const char *zone, void *owner)
{
    struct signal wanted = { .kind = SIGNAL_PLUG, .bytes = bytes, .owner = owner };

    wanted.deadline = clock_monotonic() + host->manager->options->plug_timeout_ms * NSEC_PER_MSEC;
    (void)snprintf(wanted.tier, sizeof(wanted.tier), "%s", tier);
    (void)snprintf(wanted.zone, sizeof(wanted.zone), "%s", zone);
    return open_signal(host, &wanted);
}

uint64_t host_unplug(struct host *host, struct czone_range range, const char *zone, void *owner)
{
    struct signal wanted = { .kind = SIGNAL_UNPLUG,
                             .bytes = range.size,
                             .range = range,
                             .owner = owner,
                             .n_blocks_left = memory_map_count(host->manager->ctx, range) };
    struct czone_range online;

    wanted.held = owner == NULL && (clearance_touches(&host->clearance, range) ||
                                    memory_map_next_online(host->manager->ctx, range, NULL, 0, &online));
    wanted.deadline = clock_monotonic() + host->manager->options->unplug_timeout_ms * NSEC_PER_MSEC;
    (void)snprintf(wanted.zone, sizeof(wanted.zone), "%s", zone);
    return open_signal(host, &wanted);
}

void host_send_held(struct host *host, struct signal *signal)
{
    signal->held = false;
    signal->n_blocks_left = memory_map_count(host->manager->ctx, signal->range);
    signal->deadline = clock_monotonic() + host->manager->options->unplug_timeout_ms * NSEC_PER_MSEC;
    send_signal(host, signal, signal->kind);
    arm(host);
}

bool host_takes_back(const struct host *host)
{
    return clock_monotonic() < host->take_back_until;
}

/* The host may have done it already, or be about to: then it takes that back, without another word to us. */
static void give_up(struct host *host, const struct signal *signal)
{
    host->take_back_until = clock_monotonic() + host->manager->options->unplug_timeout_ms * NSEC_PER_MSEC;
    send_signal(host, signal, SIGNAL_CANCEL);
    clearance_wake(&host->clearance);
}

void host_cancel(struct host *host, uint64_t id)
{
    struct signal *signal = signal_book_find(&host->book, id);

    if (signal == NULL)
        return;
    give_up(host, signal);
    signal_book_close(&host->book, signal);
    arm(host);
    host_offer_idle(host);
}

static void answer_owner(struct host *host, void *owner, const struct host_answer *answer)
{
    if (owner != NULL)
        host->answered(owner, answer);
}

static void on_deadline(evutil_socket_t fd, short what, void *data)
{
    struct host *host = data;
    struct signal *signal;

    (void)fd;
    (void)what;
    while ((signal = signal_book_expire(&host->book, clock_monotonic())) != NULL) {
        struct host_answer answer = { .verdict = HOST_SILENT,
                                      .limit = -1,
                                      .message = host_attached(host) ? "the host did not answer in time"
                                                                     : "no host attached in time" };
        void *owner = signal->owner;

        if (signal->confirmed) {
            log_warning("the host took 0x%" PRIx64 "+0x%" PRIx64 ", but its blocks are still here",
                        signal->range.start, signal->range.size);
            settle_confirmed(host, signal);
            continue;
        }
        log_warning("signal %" PRIu64 " (%s %" PRIu64 " bytes for zone %s): %s", signal->id,
                    signal_kind_name(signal->kind), signal->bytes, signal->zone, answer.message);
        if (signal->kind == SIGNAL_PLUG) {
            /* It may still plug: a cancel now, and NoSuchSignal for its Report, make it take that back. */
            give_up(host, signal);
            signal_book_close(&host->book, signal);
        }
        answer_owner(host, owner, &answer);
    }
    arm(host);
    host_offer_idle(host);
}

static void on_gone(struct varlink_connection *connection, void *data)
{
    struct host *host = data;

    (void)connection;
    host->connection = varlink_connection_unref(host->connection);
    marks_clear(&host->manager->host_marks, ATTACHED_MARK);
    manager_publish(host->manager,
                    &(struct event_fact){ EVENT_FACT("host-detached"), .message = host->driver });
}

static void end_stream(struct host *host)
{
    struct varlink_connection *old = host->connection;

    if (old == NULL)
        return;
    host->connection = NULL;
    varlink_connection_watch(old, NULL, NULL);
    (void)varlink_connection_error(old, "io.czone.Host.Replaced", json_object());
    varlink_connection_unref(old);
}

int host_attach(struct host *host, struct varlink_connection *connection, const char *driver,
                uint64_t max_bytes)
{
    uint64_t number;
    struct signal *signal;
    uint64_t last = host->book.last_id;

    if (getrandom(&number, sizeof(number), 0) != (ssize_t)sizeof(number))
        return -errno;
    end_stream(host);
    host->connection = varlink_connection_ref(connection);
    host->expected_until = 0;
    marks_set(&host->manager->host_marks, ATTACHED_MARK);
    host->max_bytes = max_bytes;
    (void)snprintf(host->session, sizeof(host->session), "%016" PRIx64, number);
    (void)snprintf(host->driver, sizeof(host->driver), "%s", driver);
    varlink_connection_watch(connection, on_gone, host);
    (void)varlink_connection_reply_continue(
        connection, json_pack("{s:s, s:I}", "session", host->session, "block_size",
                              (json_int_t)czone_inventory_block_size(host->manager->ctx)));
    manager_publish(host->manager,
                    &(struct event_fact){ EVENT_FACT("host-attached"), .message = host->driver });
    TAILQ_FOREACH(signal, &host->book.open, link)
        if (signal->id <= last && !signal->confirmed && !signal->held)
            send_signal(host, signal, signal->kind);
    orphans_collect(host->manager);
    containers_resume(host->manager);
    host_offer_later(host, true);
    return 0;
}

static const char *loan_name(struct czone_range range, char name[40])
{
    (void)snprintf(name, 40, "%" PRIx64 "-%" PRIx64, range.start, range.size);
    return name;
}

static void add_loan(struct host *host, struct czone_range range)
{
    char name[40];
    struct loan *loan = host->n_loans < LOANS_MAX ? calloc(1, sizeof(*loan)) : NULL;

    if (loan == NULL) {
        log_warning("region 0x%" PRIx64 " is not noted as the host's: too many, or out of memory",
                    range.start);
        return;
    }
    loan->range = range;
    TAILQ_INSERT_TAIL(&host->loans, loan, link);
    host->n_loans++;
    marks_set(&host->manager->loan_marks, loan_name(range, name));
}

/* A loan that an earlier czoned noted. */
static void restore_loan(void *data, const char *name)
{
    struct host *host = data;
    struct czone_range range;

    if (sscanf(name, "%" SCNx64 "-%" SCNx64, &range.start, &range.size) == 2)
        add_loan(host, range);
}

void host_end_loan(struct host *host, struct czone_range range)
{
    struct loan *loan;
    char name[40];

    TAILQ_FOREACH(loan, &host->loans, link) {
        if (loan->range.start != range.start || loan->range.size != range.size)
            continue;
        marks_clear(&host->manager->loan_marks, loan_name(range, name));
        TAILQ_REMOVE(&host->loans, loan, link);
        host->n_loans--;
        free(loan);
        return;
    }
}

struct czone_range host_loan_of(const struct host *host, struct czone_range range)
{
    const struct loan *loan;

    TAILQ_FOREACH(loan, &host->loans, link)
        if (loan->range.start <= range.start &&
            range.start + range.size <= loan->range.start + loan->range.size)
            return loan->range;
    return range;
}

/* Closes the signal first, so that the owner may open others and finds it gone. */
static void settle(struct host *host, struct signal *signal, const struct host_answer *answer)
{
    void *owner = signal->owner;

    signal_book_close(&host->book, signal);
    arm(host);
    answer_owner(host, owner, answer);
}

/* A host that plugs a region anew will not answer for taking it back before. */
static void void_unplugs(struct host *host, struct czone_range range)
{
    struct signal *signal;

    while ((signal = signal_book_unowned(&host->book, range)) != NULL)
        signal_book_close(&host->book, signal);
}

static int report_plugged(struct host *host, struct signal *signal, const struct host_report *report,
                          struct host_answer *answer, struct reason *reason)
{
    int r;

    if (report->start < 0 || report->bytes <= 0)
        r = reason_fail(reason, -EINVAL, "a plug that is ok needs start and bytes");
    else if ((uint64_t)report->bytes < signal->bytes)
        r = reason_fail(reason, -EINVAL, "%" PRId64 " bytes are less than the %" PRIu64 " that were wanted",
                        report->bytes, signal->bytes);
    else {
        answer->range = (struct czone_range){ (uint64_t)report->start, (uint64_t)report->bytes };
        manager_sync(host->manager);
        r = memory_map_check_new(host->manager->ctx, answer->range,
                                 signal_book_departing(&host->book, answer->range) ||
                                     clearance_touches(&host->clearance, answer->range),
                                 reason);
    }
    if (r < 0) {
        /* What it plugged, wherever that is, it takes back; we cannot use it. */
        answer->verdict = HOST_NONSENSE;
        answer->message = reason->text;
        give_up(host, signal);
    } else {
        void_unplugs(host, answer->range);
        host_end_loan(host, answer->range);
        add_loan(host, answer->range);
    }
    settle(host, signal, answer);
    return r;
}

/* Tells the owner that the host has it, and that it is gone here. */
static void settle_confirmed(struct host *host, struct signal *signal)
{
    char device[sizeof(signal->device)];
    struct host_answer answer = { .verdict = HOST_DONE,
                                  .bytes = signal->confirmed_bytes,
                                  .device = device,
                                  .at = signal->confirmed_at,
                                  .limit = -1,
                                  .message = "" };

    memcpy(device, signal->device, sizeof(device));
    settle(host, signal, &answer);
}

/*
 * The virtio-mem driver hands memory back first and removes its blocks after that: the host may be faster
 * than our own kernel. Until the blocks are gone the zone keeps its claim, or the next one would be placed
 * there. They are counted as they go, from when the host was asked on: one that is quick may have plugged
 * them anew by the time that we read what it reports.
 */
static void report_unplugged(struct host *host, struct signal *signal, const struct host_report *report)
{
    signal->confirmed = true;
    signal->confirmed_at = clock_monotonic();
    signal->confirmed_bytes = (uint64_t)report->bytes;
    (void)snprintf(signal->device, sizeof(signal->device), "%s", report->device);
    if (signal->confirmed_bytes >= signal->range.size) {
        host_end_loan(host, signal->range);
        manager_sync(host->manager);
        if (signal->n_blocks_left > 0) {
            signal->overdue = false;
            signal->deadline = signal->confirmed_at + DEPARTURE_NS;
            arm(host);
            return;
        }
    } else {
        /* What is left of it is not the region that was plugged; it is offered as what lies idle. */
        host_end_loan(host, signal->range);
        host_offer_later(host, false);
    }
    settle_confirmed(host, signal);
}

void host_recount(struct host *host)
{
    struct signal *signal;

    TAILQ_FOREACH(signal, &host->book.open, link)
        if (signal->kind == SIGNAL_UNPLUG)
            signal->n_blocks_left = memory_map_count(host->manager->ctx, signal->range);
}

void host_check_departed(struct host *host)
{
    struct signal *signal, *next;

    /* An owner that is told may begin other leases, which adds signals at the end, and removes none. */
    for (signal = TAILQ_FIRST(&host->book.open); signal != NULL; signal = next) {
        next = TAILQ_NEXT(signal, link);
        if (signal->confirmed && signal->n_blocks_left == 0)
            settle_confirmed(host, signal);
    }
}

int host_report(struct host *host, const struct host_report *report, struct reason *reason)
{
    struct host_answer answer = {
        .verdict = HOST_DONE, .device = report->device, .limit = report->limit, .message = report->message
    };
    struct signal *signal;

    if (host->session[0] == '\0' || strcmp(report->session, host->session) != 0)
        return -ESTALE;
    signal = signal_book_find(&host->book, (uint64_t)report->id);
    if (signal == NULL) {
        host_offer_later(host, false); /* the host leaves with us what it has plugged unasked */
        return -ENOENT;
    }
    if (!report->ok) {
        struct reason why;

        reason_set(&why, "the host said: %s%s%s", report->reason[0] != '\0' ? report->reason : "no",
                   report->message[0] != '\0' ? ": " : "", report->message);
        answer.verdict = HOST_REFUSED;
        answer.message = why.text;
        /* "unknown-range": not the host's; it will not be later either. */
        if (signal->kind == SIGNAL_UNPLUG && strcmp(report->reason, "unknown-range") != 0)
            host_offer_later(host, false);
        settle(host, signal, &answer);
        host_offer_idle(host);
        return 0;
    }
    if (signal->kind == SIGNAL_PLUG) {
        int r = report_plugged(host, signal, report, &answer, reason);

        host_offer_idle(host);
        return r;
    }
    if (report->bytes < 0)
        return reason_fail(reason, -EINVAL, "an unplug that is ok needs bytes");
    report_unplugged(host, signal, report);
    return 0;
}
