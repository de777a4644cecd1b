/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/host.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "agent/host/clock.h"
#include "agent/host/log.h"
#include "agent/host/reporter.h"

/* After attaching, what the guest repeats comes in one go. What it has not repeated by then is reported
 * unasked, and if nobody wants it, taken back. */
#define REPEAT_US 1000000u

enum request_state {
    REQUEST_RUNNING,   /* the driver is at work */
    REQUEST_ANSWERED,  /* the answer waits for a session */
    REQUEST_REPORTING, /* the reporter has it */
    REQUEST_UNDOING,   /* a plug that nobody wants is taken back; without a job: when the VMM is back */
};

struct request {
    TAILQ_ENTRY(request) link;
    struct host *host;
    struct wire_signal signal;
    enum request_state state;
    struct driver_job *job; /* while RUNNING or UNDOING */
    struct driver_answer answer;
    bool unwanted;    /* a plug that was cancelled, or whose id means something else now */
    bool maybe_known; /* the guest may have the answer, or has found the memory itself: a session ended
                         meanwhile */
    uint64_t start_us;
};

struct host {
    struct event_base *base;
    const struct host_options *options;
    const struct host_hooks *hooks;
    void *userdata;
    struct driver *driver;
    struct link_options link_options;
    struct link *link;
    struct reporter *reporter;
    struct bounds bounds;
    struct reason lost; /* what was said last about the VMM, so that it is said once */
    struct event *repeat_timer, *stop_timer;
    uint64_t block_size;
    bool linked, stopping;
    TAILQ_HEAD(requests, request) requests;
    size_t n_requests;
};

static void request_report(struct request *request);

static uint64_t request_ms(const struct request *request)
{
    return (clock_us() - request->start_us) / 1000u;
}

static void request_free(struct request *request)
{
    TAILQ_REMOVE(&request->host->requests, request, link);
    request->host->n_requests--;
    free(request);
}

static bool request_plugged(const struct request *request)
{
    return request->signal.kind == WIRE_PLUG && request->answer.refusal == REFUSAL_NONE;
}

static void on_undone(const struct driver_answer *answer, void *userdata)
{
    struct request *request = userdata;
    struct host *host = request->host;

    request->job = NULL;
    if (answer->refusal == REFUSAL_VMM && !host->driver->ops->is_ready(host->driver)) {
        log_guest(LOG_NOTE, "undo of plug %" PRId64 " on %s was cut off; it goes on when the VMM is back",
                  request->signal.id, request->answer.device);
        return;
    }
    log_answer("undo", request->signal.id, request->signal.zone, answer, request_ms(request));
    request_free(request);
}

/* If the VMM is away the undo waits for it: see undos_resume(). */
static void undo_start(struct request *request)
{
    struct host *host = request->host;
    int r;

    r = host->driver->ops->unplug(host->driver, &request->answer.range, on_undone, request, &request->job);
    if (r < 0)
        log_guest(LOG_WARN, "undo of plug %" PRId64 " on %s: %s; it is tried again", request->signal.id,
                  request->answer.device, strerror(-r));
}

/* The VMM is back, or a session has begun. */
static void undos_resume(struct host *host)
{
    struct request *request;

    /* None ends inside: a job is never done before the loop runs. */
    TAILQ_FOREACH(request, &host->requests, link)
        if (request->state == REQUEST_UNDOING && !request->job)
            undo_start(request);
}

/* The end of a request whose answer nobody waits for: what was plugged for it goes back. */
static void request_drop(struct request *request)
{
    if (!request_plugged(request)) {
        request_free(request);
        return;
    }
    request->state = REQUEST_UNDOING;
    request->start_us = clock_us();
    undo_start(request);
}

static void on_reported(enum report_outcome outcome, const char *text, void *userdata)
{
    struct request *request = userdata;
    struct host *host = request->host;

    switch (outcome) {
    case REPORT_ACCEPTED:
        request_free(request);
        return;
    case REPORT_NO_SIGNAL:
        if (request_plugged(request) && request->maybe_known && !request->unwanted) {
            log_guest(LOG_NOTE,
                      "plug %" PRId64 ": the guest has had the answer, or wants none; %s stays plugged",
                      request->signal.id, request->answer.device);
            request_free(request);
            return;
        }
        if (request_plugged(request))
            log_guest(LOG_NOTE, "plug %" PRId64 " is not wanted any more", request->signal.id);
        request_drop(request);
        return;
    case REPORT_NO_SESSION:
        request->state = REQUEST_ANSWERED;
        link_again(host->link, text);
        return;
    case REPORT_BAD:
        log_guest(LOG_WARN, "the guest does not take the report on %s %" PRId64 ": %s",
                  wire_kind_name(request->signal.kind), request->signal.id, text);
        request_drop(request);
        return;
    case REPORT_LOST:
    case REPORT_UNSENT:
        request->state = REQUEST_ANSWERED;
        request->maybe_known = request->maybe_known || outcome == REPORT_LOST;
        if (request->unwanted)
            request_drop(request);
        else
            request_report(request);
        return;
    }
}

/* If there is no session the answer waits for one. */
static void request_report(struct request *request)
{
    struct host *host = request->host;
    const char *session = link_session(host->link);

    if (!session)
        return;
    if (reporter_send(host->reporter, wire_report_encode(session, &request->signal, &request->answer),
                      on_reported, request) == 0)
        request->state = REQUEST_REPORTING;
    else
        log_guest(LOG_ERR, "out of memory: %s %" PRId64 " is not reported",
                  wire_kind_name(request->signal.kind), request->signal.id);
}

static void request_answered(struct request *request)
{
    request->job = NULL;
    request->state = REQUEST_ANSWERED;
    log_answer(wire_kind_name(request->signal.kind), request->signal.id, request->signal.zone,
               &request->answer, request_ms(request));
    if (request->unwanted)
        request_drop(request);
    else
        request_report(request);
}

static void on_done(const struct driver_answer *answer, void *userdata)
{
    struct request *request = userdata;

    request->answer = *answer;
    request_answered(request);
}

static void request_refuse(struct request *request, enum refusal refusal, const char *text)
{
    request->answer.refusal = refusal;
    reason_set(&request->answer.message, "%s", text);
    request_answered(request);
}

static void plug_start(struct request *request)
{
    struct host *host = request->host;
    struct driver_plug plug = { .map = &host->options->tiers, .block = host->block_size };
    int r;

    plug.bytes = bytes_round(request->signal.range.bytes, plug.block);
    if (tier_parse(request->signal.tier, &plug.tier) < 0) {
        request_refuse(request, REFUSAL_NO_DEVICE, "the tier is none of any, fast, slow, memory_tierN");
        return;
    }
    if (plug.bytes == 0 || plug.bytes > INT64_MAX) {
        request_refuse(request, REFUSAL_LIMIT, "no machine has so much memory");
        return;
    }
    if (!bounds_allow_plug(&host->bounds, plug.bytes, host->driver->ops->committed(host->driver), clock_us(),
                           &request->answer)) {
        request_answered(request);
        return;
    }
    r = host->driver->ops->plug(host->driver, &plug, on_done, request, &request->job);
    if (r < 0)
        request_refuse(request, REFUSAL_VMM, strerror(-r));
}

static void request_start(struct request *request)
{
    struct host *host = request->host;
    int r;

    request->state = REQUEST_RUNNING;
    request->answer = (struct driver_answer){ .node = -1, .range = request->signal.range };
    if (!host->driver->ops->is_ready(host->driver)) {
        request_refuse(request, REFUSAL_VMM, "czone-hostd has lost the VMM and tries to reach it");
        return;
    }
    reporter_prepare(host->reporter);
    if (request->signal.kind == WIRE_PLUG) {
        plug_start(request);
        return;
    }
    r = host->driver->ops->unplug(host->driver, &request->signal.range, on_done, request, &request->job);
    if (r < 0)
        request_refuse(request, REFUSAL_VMM, strerror(-r));
}

static struct request *request_find(struct host *host, int64_t id)
{
    struct request *request;

    TAILQ_FOREACH(request, &host->requests, link)
        if (request->signal.id == id && !request->unwanted && request->state != REQUEST_UNDOING)
            return request;
    return NULL;
}

/* The guest does not want the outcome any more. */
static void request_cancel(struct request *request)
{
    struct host *host = request->host;

    request->unwanted = true;
    if (request->state == REQUEST_ANSWERED)
        request_drop(request);
    else if (request->state == REQUEST_RUNNING && request->signal.kind == WIRE_PLUG && request->job)
        host->driver->ops->cancel(host->driver, request->job);
}

/* A czoned that was restarted asks anew, by another id, for what it has asked for before. Memory that was
 * plugged by then it has found itself, and may have given to another zone. */
static struct request *request_find_like(struct host *host, const struct wire_signal *signal)
{
    struct request *request;

    TAILQ_FOREACH(request, &host->requests, link)
        if ((request->state == REQUEST_RUNNING ||
             (request->state == REQUEST_ANSWERED && !request_plugged(request))) &&
            !request->unwanted && wire_signal_alike(&request->signal, signal))
            return request;
    return NULL;
}

/* A signal we have already. Returns whether it was one. */
static bool signal_repeated(struct host *host, const struct wire_signal *signal)
{
    struct request *request = request_find(host, signal->id);

    /* The guest was restarted, and the id means something else now. */
    if (request && !wire_signal_alike(&request->signal, signal)) {
        request_cancel(request);
        request = NULL;
    }
    if (!request)
        request = request_find_like(host, signal);
    if (!request)
        return false;
    request->signal.id = signal->id;
    if (request->state == REQUEST_ANSWERED)
        request_report(request);
    return true;
}

static void on_signal(const struct wire_signal *signal, void *userdata)
{
    struct host *host = userdata;
    struct request *request;

    if (!bounds_allow_signal(&host->bounds, clock_us())) {
        link_punish(host->link, "it floods the host with signals");
        return;
    }
    if (signal->kind == WIRE_CANCEL) {
        request = request_find(host, signal->id);
        if (request)
            request_cancel(request);
        return;
    }
    if (signal_repeated(host, signal))
        return;
    if (host->n_requests >= HOST_REQUESTS_MAX) {
        link_punish(host->link, "it has more requests open than a VM can have devices");
        return;
    }
    request = calloc(1, sizeof(*request));
    if (!request) {
        link_again(host->link, "out of memory");
        return;
    }
    request->host = host;
    request->signal = *signal;
    request->start_us = clock_us();
    TAILQ_INSERT_TAIL(&host->requests, request, link);
    host->n_requests++;
    request_start(request);
}

static void on_repeat_timer(evutil_socket_t fd, short events, void *userdata)
{
    struct host *host = userdata;
    struct request *request, *next;

    (void)fd;
    (void)events;
    undos_resume(host);
    for (request = TAILQ_FIRST(&host->requests); request; request = next) {
        next = TAILQ_NEXT(request, link);
        if (request->state == REQUEST_ANSWERED)
            request_report(request);
    }
}

static void on_attached(const struct wire_attach *attach, void *userdata)
{
    struct timeval later = timeval_us(REPEAT_US);
    struct host *host = userdata;

    host->block_size = attach->block_size;
    log_guest(LOG_NOTE, "attached to the guest, its blocks are %" PRIu64 " MiB", attach->block_size >> 20);
    (void)evtimer_add(host->repeat_timer, &later);
    host->hooks->attached(true, host->userdata);
}

static void on_detached(void *userdata)
{
    struct host *host = userdata;
    struct request *request;

    (void)evtimer_del(host->repeat_timer);
    TAILQ_FOREACH(request, &host->requests, link)
        request->maybe_known = true;
    reporter_reset(host->reporter);
    host->hooks->attached(false, host->userdata);
}

static const struct link_hooks link_hooks = { on_attached, on_signal, on_detached };

static void on_driver_ready(void *userdata)
{
    struct host *host = userdata;
    struct driver_device device;

    for (size_t i = 0; host->driver->ops->device(host->driver, i, &device); i++)
        log_line(LOG_NOTE,
                 "device %s (%s) node=%d range=0x%" PRIx64 "-0x%" PRIx64 ", %" PRIu64 " MiB plugged",
                 device.name, device.kind, device.node, device.span.start,
                 device.span.start + device.span.bytes - 1, device.plugged >> 20);
    host->lost = (struct reason){ 0 };
    undos_resume(host);
    if (!host->linked)
        link_start(host->link);
    host->linked = true;
    host->hooks->ready(host->userdata);
}

static void on_driver_lost(const struct reason *reason, void *userdata)
{
    struct host *host = userdata;

    if (strcmp(host->lost.text, reason->text) != 0)
        log_line(LOG_WARN, "%s; trying again", reason->text);
    host->lost = *reason;
}

const struct driver_hooks host_driver_hooks = { on_driver_ready, on_driver_lost };

static void on_stop_timer(evutil_socket_t fd, short events, void *userdata)
{
    struct timeval soon = timeval_us(50000);
    struct host *host = userdata;

    (void)fd;
    (void)events;
    if (link_shaking(host->link) || reporter_shaking(host->reporter))
        (void)evtimer_add(host->stop_timer, &soon);
    else
        host->hooks->stopped(host->userdata);
}

void host_stop(struct host *host)
{
    struct timeval now = { 0 };

    if (host->stopping)
        return;
    host->stopping = true;
    link_stop(host->link);
    reporter_reset(host->reporter);
    (void)evtimer_add(host->stop_timer, &now);
}

int host_start(struct host *host, struct driver *driver)
{
    host->driver = driver;
    host->link_options.driver = driver->ops->name;
    return driver->ops->start(driver);
}

int host_new(struct event_base *base, const struct host_options *options, const struct host_hooks *hooks,
             void *userdata, struct host **ret)
{
    struct host *host = calloc(1, sizeof(*host));
    int r = -ENOMEM;

    if (!host)
        return -ENOMEM;
    TAILQ_INIT(&host->requests);
    host->base = base;
    host->options = options;
    host->hooks = hooks;
    host->userdata = userdata;
    host->link_options.address = options->vm;
    host->link_options.max_bytes = options->zone_max;
    bounds_init(&host->bounds, options->zone_max, options->total_max, options->rate, clock_us());
    host->repeat_timer = evtimer_new(base, on_repeat_timer, host);
    host->stop_timer = evtimer_new(base, on_stop_timer, host);
    if (host->repeat_timer && host->stop_timer)
        r = link_new(base, &host->link_options, &link_hooks, host, &host->link);
    if (r == 0)
        r = reporter_new(base, &host->options->vm, &host->reporter);
    if (r < 0) {
        host_free(host);
        return r;
    }
    *ret = host;
    return 0;
}

struct host *host_free(struct host *host)
{
    struct request *request;

    if (!host)
        return NULL;
    if (host->driver)
        host->driver->ops->free(host->driver);
    link_free(host->link);
    reporter_free(host->reporter);
    while ((request = TAILQ_FIRST(&host->requests)))
        request_free(request);
    if (host->repeat_timer)
        event_free(host->repeat_timer);
    if (host->stop_timer)
        event_free(host->stop_timer);
    free(host);
    return NULL;
}
