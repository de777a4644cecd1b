/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/follow.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "agent/ctl/when.h"
#include "proto/cleanup.h"
#include "proto/dial.h"

#define RETRY_MS 250

static bool may_mend(int error)
{
    return dial_may_retry(error) || error == -EPIPE || error == -ENOTCONN || error == -ECONNABORTED;
}

static int64_t patience(const struct ctl *ctl)
{
    int64_t asked = ctl->options.retry * 1000;

    return asked > FOLLOW_PATIENCE_MS ? asked : FOLLOW_PATIENCE_MS;
}

void follow_done(struct follow *follow)
{
    follow->client = varlink_client_free(follow->client);
    follow->done = true;
}

static enum exit_code send_call(const struct ctl *ctl, struct follow *follow)
{
    json_t *parameters = follow->parameters(follow->userdata);
    int r;

    follow->again = false;
    if (!parameters)
        return ctl_no_memory(ctl);
    r = varlink_client_send(follow->client, follow->method, parameters, follow->flags);
    if (r == -EMSGSIZE)
        return ctl_too_long(ctl);
    /* A peer that is gone already is noticed, and told, by the loop. */
    follow->answer_by = follow->answer_ms ? when_ticks() + follow->answer_ms : 0;
    return r < 0 && !may_mend(r) ? ctl_connection_lost(ctl, follow->client, r) : EXIT_OK;
}

enum exit_code follow_start(const struct ctl *ctl, struct follow *follow)
{
    enum exit_code code = EXIT_OK;
    struct reason reason = { 0 };

    if (!follow->optional)
        code = ctl_connect(ctl, &follow->client);
    else if (varlink_client_connect(&ctl->address, CTL_CONNECT_MS, 0, &follow->client, &reason) < 0)
        follow->done = true;
    if (code || follow->done)
        return code;
    return send_call(ctl, follow);
}

void follow_resume(const struct ctl *ctl, struct follow *follow)
{
    follow->next_try = when_ticks();
    follow->give_up = follow->next_try + patience(ctl);
    follow->replied = false;
}

enum exit_code follow_call(const struct ctl *ctl, struct follow *follow)
{
    if (!follow->idle) {
        follow->again = true;
        return EXIT_OK;
    }
    follow->idle = false;
    if (follow->client)
        return send_call(ctl, follow);
    follow_resume(ctl, follow);
    return EXIT_OK;
}

/* Notes that the connection is gone; the loop opens it anew, unless that was tried for long enough. */
static enum exit_code broken(const struct ctl *ctl, struct follow *follow, int error)
{
    int64_t now = when_ticks();
    enum exit_code code = EXIT_OK;

    if (!follow->give_up || follow->replied)
        follow->give_up = now + patience(ctl);
    follow->replied = false;
    if (follow->optional)
        follow->done = true;
    else if (follow->idle)
        code = EXIT_OK; /* the next call opens another */
    else if (!may_mend(error) || now >= follow->give_up)
        code = ctl_connection_lost(ctl, follow->client, error);
    follow->client = varlink_client_free(follow->client);
    follow->next_try = now + RETRY_MS;
    return code;
}

static enum exit_code reconnect(const struct ctl *ctl, struct follow *follow)
{
    struct reason reason = { 0 };
    int r;

    r = varlink_client_connect(&ctl->address, 1000, 0, &follow->client, &reason);
    if (r < 0) {
        if (!may_mend(r) || when_ticks() >= follow->give_up)
            return ctl_connect_failed(ctl, r, &reason);
        follow->next_try = when_ticks() + RETRY_MS;
        return EXIT_OK;
    }
    return send_call(ctl, follow);
}

/* After its final reply. */
static enum exit_code end_call(const struct ctl *ctl, struct follow *follow)
{
    if (follow->held) {
        follow->last = true;
        return EXIT_OK;
    }
    if (!follow->repeats || follow->done) {
        follow_done(follow);
        return EXIT_OK;
    }
    if (follow->again)
        return send_call(ctl, follow);
    follow->idle = true;
    return EXIT_OK;
}

static enum exit_code take_replies(struct loop *loop, struct follow *follow)
{
    enum exit_code code = EXIT_OK;
    int r = 0;

    while (!code && !follow->done && !follow->held) {
        struct varlink_reply reply = VARLINK_REPLY_INIT;

        r = varlink_client_next_reply(follow->client, &reply);
        if (r <= 0)
            break;
        follow->replied = true;
        follow->answer_by = 0;
        code = follow->on_reply(follow, &reply, follow->userdata);
        if (!code && !reply.continues)
            code = end_call(loop->ctl, follow);
        varlink_reply_done(&reply);
    }
    if (!code && r < 0)
        code = broken(loop->ctl, follow, r);
    return code;
}

/* What held it takes more, or will not ever. */
static enum exit_code release(struct loop *loop, struct follow *follow)
{
    enum exit_code code;

    follow->held = false;
    code = follow->on_writable(follow, follow->userdata);
    if (!code && !follow->held && !follow->done && follow->last)
        code = end_call(loop->ctl, follow);
    return code;
}

static enum exit_code serve(struct loop *loop, struct follow *follow, short revents)
{
    enum exit_code code = EXIT_OK;
    int r;

    if (follow->held && revents) {
        code = release(loop, follow);
        revents = 0;
    }
    if (code || follow->done || follow->held)
        return code;
    if (!follow->client && follow->idle)
        return EXIT_OK;
    if (!follow->client)
        return when_ticks() >= follow->next_try ? reconnect(loop->ctl, follow) : EXIT_OK;
    r = revents ? varlink_client_process(follow->client, revents) : 0;
    code = take_replies(loop, follow);
    if (!code && r < 0 && follow->client)
        return broken(loop->ctl, follow, r);
    if (!code && follow->client && follow->answer_by && when_ticks() >= follow->answer_by)
        return ctl_connection_lost(loop->ctl, follow->client, -ETIMEDOUT);
    return code;
}

static enum exit_code take_signal(struct loop *loop)
{
    struct signalfd_siginfo info;

    if (read(loop->signal_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return EXIT_OK;
    return loop->on_signal((int)info.ssi_signo, loop->userdata);
}

static bool finished(const struct loop *loop)
{
    for (size_t i = 0; i < loop->n_follows; i++)
        if (!loop->follows[i]->done && !loop->follows[i]->optional && !loop->follows[i]->repeats)
            return false;
    return true;
}

/* How long poll(2) may sleep: until the spinner turns, a connection is tried again or an answer is overdue.
 */
static int sleep_ms(const struct loop *loop)
{
    int64_t now = when_ticks(), until = INT64_MAX;

    if (loop->progress && progress_active(loop->progress))
        until = now + PROGRESS_TICK_MS;
    for (size_t i = 0; i < loop->n_follows; i++) {
        const struct follow *follow = loop->follows[i];
        int64_t due = follow->client ? follow->answer_by : follow->next_try;

        bool waits = !follow->done && (follow->client || !follow->idle);

        if (waits && due && due < until)
            until = due;
        else if (waits && !follow->client && !due)
            until = now;
    }
    if (until == INT64_MAX)
        return -1;
    return until <= now ? 0 : (int)(until - now);
}

static struct pollfd awaited(const struct follow *follow)
{
    if (follow->done || !follow->client)
        return (struct pollfd){ .fd = -EBADF };
    if (follow->held)
        return (struct pollfd){ .fd = follow->held_by, .events = POLLOUT };
    return (struct pollfd){
        .fd = varlink_client_fd(follow->client),
        .events = varlink_client_events(follow->client),
    };
}

enum exit_code loop_run(struct loop *loop)
{
    enum exit_code code = EXIT_OK;

    while (!code && !finished(loop)) {
        struct pollfd polls[FOLLOW_MAX + 2];
        int input_fd = loop->input_fd ? loop->input_fd(loop->userdata) : -1;

        polls[FOLLOW_MAX + 1] = (struct pollfd){ .fd = input_fd, .events = POLLIN };
        polls[FOLLOW_MAX] = (struct pollfd){ .fd = loop->signal_fd, .events = POLLIN };
        for (size_t i = 0; i < FOLLOW_MAX; i++) {
            const struct follow *follow = i < loop->n_follows ? loop->follows[i] : NULL;

            polls[i] = follow ? awaited(follow) : (struct pollfd){ .fd = -EBADF };
        }
        if (poll(polls, FOLLOW_MAX + 2, sleep_ms(loop)) < 0 && errno != EINTR) {
            ctl_error(loop->ctl, "poll: %s", strerror(errno));
            return EXIT_FAILED;
        }
        if (loop->progress)
            progress_draw(loop->progress);
        for (size_t i = 0; !code && i < loop->n_follows; i++)
            code = serve(loop, loop->follows[i], polls[i].revents);
        if (!code && polls[FOLLOW_MAX].revents & POLLIN)
            code = take_signal(loop);
        if (!code && input_fd >= 0 && polls[FOLLOW_MAX + 1].revents)
            code = loop->on_input(loop->userdata);
    }
    if (loop->progress)
        progress_clear(loop->progress);
    return code;
}

enum exit_code follow_run(struct ctl *ctl, struct follow *follow, struct progress *progress)
{
    struct loop loop = {
        .ctl = ctl, .progress = progress, .follows = { follow }, .n_follows = 1, .signal_fd = -EBADF
    };
    enum exit_code code = follow_start(ctl, follow);

    if (!code)
        code = loop_run(&loop);
    follow_done(follow);
    return code;
}
