/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/caller.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "agent/host/clock.h"
#include "proto/cleanup.h"
#include "proto/dial.h"

struct caller {
    const struct address *address;
    const struct caller_hooks *hooks;
    void *userdata;
    struct dial dial; /* while `dialing` */
    bool dialing;
    struct varlink_client *client; /* while connected */
    struct event *io, *timer;
};

static void on_io(evutil_socket_t fd, short events, void *userdata);

/* Waits for what is to be waited for now. */
static void io_arm(struct caller *caller)
{
    short events = caller->dialing ? dial_events(&caller->dial) : varlink_client_events(caller->client);
    int fd = caller->dialing ? caller->dial.fd : varlink_client_fd(caller->client);
    short wanted = (short)((events & POLLIN ? EV_READ : 0) | (events & POLLOUT ? EV_WRITE : 0));

    if (event_get_fd(caller->io) == fd && event_get_events(caller->io) == wanted &&
        event_pending(caller->io, wanted, NULL))
        return;
    (void)event_del(caller->io);
    if (wanted && fd >= 0 &&
        event_assign(caller->io, event_get_base(caller->io), fd, wanted, on_io, caller) == 0)
        (void)event_add(caller->io, NULL);
}

static void timer_set(struct caller *caller, uint64_t us)
{
    struct timeval timeout = timeval_us(us);

    (void)evtimer_add(caller->timer, &timeout);
}

void caller_close(struct caller *caller)
{
    (void)event_del(caller->io);
    (void)evtimer_del(caller->timer);
    if (caller->dialing)
        dial_close(&caller->dial);
    caller->dialing = false;
    caller->client = varlink_client_free(caller->client);
}

static void caller_fail(struct caller *caller, bool misbehaved, const char *text)
{
    struct reason reason; /* the text may be the client's, which goes now */

    reason_set(&reason, "%s", text);
    caller_close(caller);
    caller->hooks->closed(misbehaved, &reason, caller->userdata);
}

static void dial_turn(struct caller *caller)
{
    struct reason reason = { 0 };
    int fd, r;

    r = dial_process(&caller->dial, &reason);
    if (r < 0) {
        caller_fail(caller, false, reason.text);
        return;
    }
    if (r == 0) {
        io_arm(caller);
        return;
    }
    caller->dialing = false;
    (void)event_del(caller->io);
    (void)evtimer_del(caller->timer);
    fd = dial_take(&caller->dial);
    r = varlink_client_new(fd, &caller->client);
    if (r < 0) {
        (void)close(fd);
        caller_fail(caller, false, strerror(-r));
        return;
    }
    io_arm(caller);
    caller->hooks->connected(caller->userdata);
}

/* Of the errors in client.h those that a peer which keeps to the protocol cannot cause. */
static bool is_nonsense(int error)
{
    return error == -EPROTO || error == -EBADMSG || error == -EILSEQ || error == -E2BIG || error == -EMSGSIZE;
}

static void client_turn(struct caller *caller, short revents)
{
    struct varlink_client *client = caller->client;
    int r = varlink_client_process(client, revents), next;

    for (;;) {
        CLEANUP(varlink_reply_done) struct varlink_reply reply = VARLINK_REPLY_INIT;

        next = varlink_client_next_reply(client, &reply);
        if (next <= 0)
            break;
        (void)evtimer_del(caller->timer);
        caller->hooks->reply(&reply, caller->userdata);
        if (caller->client != client)
            return; /* the hook closed it */
    }
    if (r < 0 || next < 0)
        caller_fail(caller, is_nonsense(next < 0 ? next : r), varlink_client_reason(client));
    else
        io_arm(caller);
}

static void on_io(evutil_socket_t fd, short events, void *userdata)
{
    struct caller *caller = userdata;

    (void)fd;
    if (caller->dialing)
        dial_turn(caller);
    else if (caller->client)
        client_turn(caller, (short)((events & EV_READ ? POLLIN : 0) | (events & EV_WRITE ? POLLOUT : 0)));
}

static void on_timer(evutil_socket_t fd, short events, void *userdata)
{
    struct caller *caller = userdata;
    char text[ADDRESS_TEXT_MAX];
    struct reason reason;

    (void)fd;
    (void)events;
    if (caller->dialing && caller->dial.fd < 0) {
        /* The first turn of a dial, from the loop: connect(2) may fail at once. */
        if (dial_start(&caller->dial, caller->address, &reason) < 0) {
            caller->dialing = false;
            caller_fail(caller, false, reason.text);
            return;
        }
        timer_set(caller, (uint64_t)DIAL_TIMEOUT_MS * 1000u);
        if (dial_events(&caller->dial) == 0)
            dial_turn(caller);
        else
            io_arm(caller);
        return;
    }
    reason_set(&reason, "%s at %s", caller->dialing ? "no answer to the connection" : "no reply in time",
               address_format(caller->address, text));
    caller_fail(caller, false, reason.text);
}

void caller_open(struct caller *caller)
{
    if (caller->dialing || caller->client)
        return;
    caller->dial = (struct dial)DIAL_INIT;
    caller->dialing = true;
    timer_set(caller, 0);
}

int caller_send(struct caller *caller, const char *method, json_t *parameters, unsigned int flags,
                uint64_t timeout_us)
{
    int r;

    if (!caller->client) {
        json_decref(parameters);
        return -ENOTCONN;
    }
    r = varlink_client_send(caller->client, method, parameters, flags);
    if (r < 0 && (r == -EBUSY || r == -EINVAL || r == -EMSGSIZE || r == -ENOMEM))
        return r;
    if (r < 0) {
        /* Broken: the loop finds it so and tells. */
        event_active(caller->io, EV_READ, 0);
        return r;
    }
    if (timeout_us)
        timer_set(caller, timeout_us);
    io_arm(caller);
    return 0;
}

bool caller_is_connected(const struct caller *caller)
{
    return caller->client != NULL;
}

bool caller_is_closed(const struct caller *caller)
{
    return !caller->client && !caller->dialing;
}

bool caller_shaking(const struct caller *caller)
{
    return caller->dialing && caller->dial.fd >= 0 && caller->address->type == ADDRESS_HVSOCK;
}

int caller_new(struct event_base *base, const struct address *address, const struct caller_hooks *hooks,
               void *userdata, struct caller **ret)
{
    struct caller *caller = calloc(1, sizeof(*caller));

    if (!caller)
        return -ENOMEM;
    caller->address = address;
    caller->hooks = hooks;
    caller->userdata = userdata;
    caller->dial = (struct dial)DIAL_INIT;
    caller->io = event_new(base, -1, 0, on_io, caller);
    caller->timer = evtimer_new(base, on_timer, caller);
    if (!caller->io || !caller->timer) {
        caller_free(caller);
        return -ENOMEM;
    }
    *ret = caller;
    return 0;
}

struct caller *caller_free(struct caller *caller)
{
    if (!caller)
        return NULL;
    if (caller->io && caller->timer)
        caller_close(caller);
    if (caller->io)
        event_free(caller->io);
    if (caller->timer)
        event_free(caller->timer);
    free(caller);
    return NULL;
}
