/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/relay.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>

#include "proto/cleanup.h"

#define KILL   "io.czone.Container.Kill"
#define REMOVE "io.czone.Container.Remove"

static const int relayed[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };

bool relay_ends(int signal)
{
    return signal != SIGUSR1 && signal != SIGUSR2;
}

int relay_block(bool window, int *ret_fd)
{
    sigset_t signals;
    int fd;

    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(relayed) / sizeof(*relayed); i++)
        (void)sigaddset(&signals, relayed[i]);
    if (window)
        (void)sigaddset(&signals, SIGWINCH);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) < 0)
        return -errno;
    fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        return -errno;
    (void)signal(SIGPIPE, SIG_IGN);
    *ret_fd = fd;
    return 0;
}

static json_t *kill_parameters(void *userdata)
{
    const struct relay *relay = userdata;
    CLEANUP_JSON json_t *parameters = json_pack("{s:s}", "id", relay->id);
    int r = 0;

    if (relay->exec)
        r |= json_object_set_new(parameters, "exec", json_string(relay->exec));
    if (relay->removing)
        r |= json_object_set_new(parameters, "force", json_true());
    else
        r |= json_object_set_new(parameters, "signal", json_string(sigabbrev_np(relay->waiting[0])));
    return r < 0 ? NULL : TAKE(parameters);
}

/* That it could not be passed on is told, and no reason to leave: a second signal gets us out. */
static enum exit_code on_killed(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct relay *relay = userdata;
    bool early = reply->error && !strcmp(reply->error, "io.czone.Container.WrongState");

    if (early && relay->gives_up && !relay->removing && relay_ends(relay->waiting[0])) {
        relay->removing = true;
        follow->method = REMOVE;
        return follow_call(relay->ctl, follow);
    }
    if (reply->error)
        (void)ctl_error_reply(relay->ctl, reply->error, reply->parameters);
    relay->n--;
    memmove(relay->waiting, relay->waiting + 1, relay->n * sizeof(*relay->waiting));
    relay->removing = false;
    follow->method = KILL;
    return relay->n ? follow_call(relay->ctl, follow) : EXIT_OK;
}

void relay_init(struct relay *relay)
{
    relay->kill = (struct follow){
        .method = KILL,
        .repeats = true,
        .idle = true,
        .parameters = kill_parameters,
        .on_reply = on_killed,
        .userdata = relay,
    };
    relay->n = 0;
    relay->removing = false;
}

enum exit_code relay_signal(struct relay *relay, int signal)
{
    if (relay->n == RELAY_MAX)
        relay->n--;
    relay->waiting[relay->n++] = signal;
    return relay->n == 1 ? follow_call(relay->ctl, &relay->kill) : EXIT_OK;
}
