/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/link.h"

#include <stdlib.h>
#include <string.h>

#include "agent/host/clock.h"
#include "agent/host/log.h"
#include "proto/cleanup.h"

struct link {
    const struct link_options *options;
    const struct link_hooks *hooks;
    void *userdata;
    struct caller *caller;
    struct event *timer; /* until the next attempt */
    bool stopped;
    char session[WIRE_SESSION_MAX + 1]; /* "" when there is none */
    uint64_t attached_us;
    uint64_t pause_us, penalty_us; /* the next ones */
    struct reason last;            /* why the last attempt failed, so that it is logged once */
};

static void pause_begin(struct link *link, uint64_t us)
{
    struct timeval pause = timeval_us(us);

    if (!link->stopped)
        (void)evtimer_add(link->timer, &pause);
}

/* Twice as long as the last time, within bounds. Returns it. */
static uint64_t pause_next(uint64_t *pause_us, uint64_t least_us, uint64_t most_us)
{
    *pause_us = *pause_us * 2 < least_us ? least_us : *pause_us * 2 > most_us ? most_us : *pause_us * 2;
    return *pause_us;
}

static void session_end(struct link *link)
{
    bool was = link->session[0] != '\0';
    uint64_t lasted_us = was ? clock_us() - link->attached_us : 0;

    caller_close(link->caller);
    link->session[0] = '\0';
    if (lasted_us > LINK_GOOD_US)
        link->pause_us = 0;
    if (lasted_us > LINK_PENALTY_MAX_US)
        link->penalty_us = 0;
    if (was)
        link->hooks->detached(link->userdata);
}

static void retry(struct link *link)
{
    session_end(link);
    pause_begin(link, pause_next(&link->pause_us, LINK_RETRY_MIN_US, LINK_RETRY_MAX_US));
}

void link_again(struct link *link, const char *why)
{
    log_guest(LOG_NOTE, "detached from the guest: %s", why);
    retry(link);
}

void link_punish(struct link *link, const char *why)
{
    uint64_t us;

    session_end(link);
    us = pause_next(&link->penalty_us, LINK_PENALTY_MIN_US, LINK_PENALTY_MAX_US);
    pause_begin(link, us);
    log_guest(LOG_WARN, "the guest misbehaves: %s; cut off for %u s", why, (unsigned int)(us / 1000000u));
}

static void on_connected(void *userdata)
{
    struct link *link = userdata;

    if (link->stopped) {
        caller_close(link->caller);
        return;
    }
    /* A failure comes back as `closed`, or is no memory, which the timeout of nothing sent would hide. */
    if (caller_send(link->caller, "io.czone.Host.Attach",
                    json_pack("{ss sI}", "driver", link->options->driver, "max_bytes",
                              (json_int_t)link->options->max_bytes),
                    VARLINK_MORE, LINK_REPLY_US) == -ENOMEM)
        link_again(link, "out of memory");
}

static void on_error_reply(struct link *link, const struct varlink_reply *reply)
{
    const char *message = json_string_value(json_object_get(reply->parameters, "message"));
    struct reason reason;

    if (strcmp(reply->error, "io.czone.Host.Replaced") == 0) {
        /* It was started on purpose, or it would not be there. Taking over again at once would end it. */
        log_guest(LOG_WARN, "another czone-hostd has attached to this guest; trying again in %u s",
                  (unsigned int)(LINK_PENALTY_MAX_US / 1000000u));
        session_end(link);
        pause_begin(link, LINK_PENALTY_MAX_US);
        return;
    }
    reason_set(&reason, "Attach: %s%s%s", reply->error, message ? ": " : "", message ? message : "");
    log_guest(LOG_WARN, "the guest refuses: %s", reason.text);
    session_end(link);
    pause_begin(link, LINK_RETRY_MAX_US);
}

static void on_reply(const struct varlink_reply *reply, void *userdata)
{
    struct link *link = userdata;
    struct varlink_fault fault;
    struct wire_attach attach;

    if (reply->error) {
        on_error_reply(link, reply);
        return;
    }
    if (!reply->continues) {
        link_again(link, "the guest ended the stream");
        return;
    }
    if (wire_attach_decode(reply->parameters, &attach, &fault) < 0) {
        struct reason reason;

        reason_set(&reason, "%s: %s", fault.parameter, fault.reason.text);
        link_punish(link, reason.text);
        return;
    }
    if (link->session[0] == '\0') {
        memcpy(link->session, attach.session, sizeof(link->session));
        link->attached_us = clock_us();
        link->last = (struct reason){ 0 };
        link->hooks->attached(&attach, link->userdata);
    } else if (strcmp(link->session, attach.session) != 0) {
        link_punish(link, "the session changed within one stream");
        return;
    }
    if (attach.has_signal && link->session[0] != '\0')
        link->hooks->signal(&attach.signal, link->userdata);
}

static void on_closed(bool misbehaved, const struct reason *reason, void *userdata)
{
    struct link *link = userdata;

    if (misbehaved) {
        link_punish(link, reason->text);
        return;
    }
    if (link->session[0] != '\0')
        log_guest(LOG_NOTE, "detached from the guest: %s", reason->text);
    else if (strcmp(link->last.text, reason->text) != 0)
        log_guest(LOG_NOTE, "the guest is not there yet: %s; trying again", reason->text);
    link->last = *reason;
    retry(link);
}

static const struct caller_hooks caller_hooks = { on_connected, on_reply, on_closed };

static void on_timer(evutil_socket_t fd, short events, void *userdata)
{
    struct link *link = userdata;

    (void)fd;
    (void)events;
    caller_open(link->caller);
}

void link_start(struct link *link)
{
    caller_open(link->caller);
}

void link_stop(struct link *link)
{
    link->stopped = true;
    (void)evtimer_del(link->timer);
    if (!caller_shaking(link->caller))
        caller_close(link->caller);
    link->session[0] = '\0';
}

const char *link_session(const struct link *link)
{
    return link->session[0] ? link->session : NULL;
}

bool link_shaking(const struct link *link)
{
    return caller_shaking(link->caller);
}

int link_new(struct event_base *base, const struct link_options *options, const struct link_hooks *hooks,
             void *userdata, struct link **ret)
{
    struct link *link = calloc(1, sizeof(*link));
    int r;

    if (!link)
        return -ENOMEM;
    link->options = options;
    link->hooks = hooks;
    link->userdata = userdata;
    r = caller_new(base, &options->address, &caller_hooks, link, &link->caller);
    if (r == 0) {
        link->timer = evtimer_new(base, on_timer, link);
        r = link->timer ? 0 : -ENOMEM;
    }
    if (r < 0) {
        link_free(link);
        return r;
    }
    *ret = link;
    return 0;
}

struct link *link_free(struct link *link)
{
    if (!link)
        return NULL;
    caller_free(link->caller);
    if (link->timer)
        event_free(link->timer);
    free(link);
    return NULL;
}
