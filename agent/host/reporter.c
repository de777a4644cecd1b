/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/reporter.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/host/clock.h"
#include "agent/host/log.h"
#include "proto/cleanup.h"
#include "proto/fields.h"

#define REPLY_US     UINT64_C(15000000)
#define RETRY_MIN_US UINT64_C(50000)
#define RETRY_MAX_US UINT64_C(2000000)

struct report {
    TAILQ_ENTRY(report) link;
    json_t *parameters;
    bool sent;
    report_done done;
    void *userdata;
};

struct reporter {
    struct caller *caller;
    struct event *timer;
    uint64_t pause_us;
    TAILQ_HEAD(reports, report) reports; /* the first may be sent */
};

static void report_free(struct reporter *reporter, struct report *report)
{
    TAILQ_REMOVE(&reporter->reports, report, link);
    json_decref(report->parameters);
    free(report);
}

/* Until the next attempt; the one after it comes later still. */
static void pause_begin(struct reporter *reporter)
{
    struct timeval pause = timeval_us(reporter->pause_us);

    (void)evtimer_add(reporter->timer, &pause);
    reporter->pause_us = reporter->pause_us * 2 > RETRY_MAX_US ? RETRY_MAX_US : reporter->pause_us * 2;
}

static void send_next(struct reporter *reporter)
{
    struct report *report = TAILQ_FIRST(&reporter->reports);
    int r;

    if (!report || report->sent)
        return;
    if (!caller_is_connected(reporter->caller)) {
        if (!evtimer_pending(reporter->timer, NULL))
            caller_open(reporter->caller);
        return;
    }
    r = caller_send(reporter->caller, "io.czone.Host.Report", json_incref(report->parameters), 0, REPLY_US);
    if (r == 0)
        report->sent = true;
    else {
        log_guest(LOG_WARN, "cannot report to the guest: %s; trying again", strerror(-r));
        pause_begin(reporter);
    }
}

static void report_end(struct reporter *reporter, struct report *report, enum report_outcome outcome,
                       const char *text)
{
    report_done done = report->done;
    void *userdata = report->userdata;

    report_free(reporter, report);
    done(outcome, text, userdata);
}

/* The first one, if it was sent. */
static void report_end_sent(struct reporter *reporter, enum report_outcome outcome, const char *text)
{
    struct report *report = TAILQ_FIRST(&reporter->reports);

    if (report && report->sent)
        report_end(reporter, report, outcome, text);
}

static void on_connected(void *userdata)
{
    send_next(userdata);
}

/* The connection brought no answer: another one will be tried. */
static void give_up(struct reporter *reporter, enum report_outcome outcome, const char *text)
{
    log_guest(LOG_WARN, "reporting to the guest: %s; trying again", text);
    pause_begin(reporter);
    report_end_sent(reporter, outcome, text);
}

static void on_reply(const struct varlink_reply *reply, void *userdata)
{
    static const struct {
        const char *error;
        enum report_outcome outcome;
    } outcomes[] = {
        { "io.czone.Host.NoSuchSession", REPORT_NO_SESSION },
        { "io.czone.Host.NoSuchSignal", REPORT_NO_SIGNAL },
        { "io.czone.Host.BadReport", REPORT_BAD },
        { "org.varlink.service.InvalidParameter", REPORT_BAD },
        { "io.czone.Monitor.TooManyConnections", REPORT_UNSENT },
    };
    struct reporter *reporter = userdata;
    const char *message = json_string_value(json_object_get(reply->parameters, "message"));
    enum report_outcome outcome = reply->error ? REPORT_LOST : REPORT_ACCEPTED;
    struct reason text = { 0 };

    for (size_t i = 0; reply->error && i < ELEMENTS(outcomes); i++)
        if (strcmp(reply->error, outcomes[i].error) == 0)
            outcome = outcomes[i].outcome;
    if (reply->error)
        reason_set(&text, "%s%s%s", reply->error, message ? ": " : "", message ? message : "");
    if (outcome == REPORT_LOST || outcome == REPORT_UNSENT) {
        caller_close(reporter->caller);
        give_up(reporter, outcome, text.text);
        return;
    }
    reporter->pause_us = RETRY_MIN_US;
    report_end_sent(reporter, outcome, text.text);
    send_next(reporter);
}

static void on_closed(bool misbehaved, const struct reason *reason, void *userdata)
{
    struct reporter *reporter = userdata;

    (void)misbehaved; /* a guest whose reports never get through has nothing from it */
    if (!TAILQ_EMPTY(&reporter->reports))
        give_up(reporter, REPORT_LOST, reason->text);
}

static const struct caller_hooks caller_hooks = { on_connected, on_reply, on_closed };

static void on_timer(evutil_socket_t fd, short events, void *userdata)
{
    (void)fd;
    (void)events;
    send_next(userdata);
}

void reporter_prepare(struct reporter *reporter)
{
    if (!evtimer_pending(reporter->timer, NULL))
        caller_open(reporter->caller);
}

int reporter_send(struct reporter *reporter, json_t *parameters, report_done done, void *userdata)
{
    CLEANUP_JSON json_t *owned = parameters;
    struct report *report = calloc(1, sizeof(*report));

    if (!report || !owned) {
        free(report);
        return -ENOMEM;
    }
    report->parameters = TAKE(owned);
    report->done = done;
    report->userdata = userdata;
    TAILQ_INSERT_TAIL(&reporter->reports, report, link);
    send_next(reporter);
    return 0;
}

void reporter_reset(struct reporter *reporter)
{
    struct report *report;

    (void)evtimer_del(reporter->timer);
    if (!caller_shaking(reporter->caller))
        caller_close(reporter->caller);
    reporter->pause_us = RETRY_MIN_US;
    while ((report = TAILQ_FIRST(&reporter->reports)))
        report_end(reporter, report, report->sent ? REPORT_LOST : REPORT_UNSENT, "the session is over");
}

bool reporter_shaking(const struct reporter *reporter)
{
    return caller_shaking(reporter->caller);
}

int reporter_new(struct event_base *base, const struct address *address, struct reporter **ret)
{
    struct reporter *reporter = calloc(1, sizeof(*reporter));
    int r;

    if (!reporter)
        return -ENOMEM;
    TAILQ_INIT(&reporter->reports);
    reporter->pause_us = RETRY_MIN_US;
    r = caller_new(base, address, &caller_hooks, reporter, &reporter->caller);
    if (r == 0) {
        reporter->timer = evtimer_new(base, on_timer, reporter);
        r = reporter->timer ? 0 : -ENOMEM;
    }
    if (r < 0) {
        reporter_free(reporter);
        return r;
    }
    *ret = reporter;
    return 0;
}

struct reporter *reporter_free(struct reporter *reporter)
{
    struct report *report;

    if (!reporter)
        return NULL;
    while ((report = TAILQ_FIRST(&reporter->reports)))
        report_free(reporter, report);
    caller_free(reporter->caller);
    if (reporter->timer)
        event_free(reporter->timer);
    free(reporter);
    return NULL;
}
