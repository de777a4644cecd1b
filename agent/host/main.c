/* SPDX-License-Identifier: Apache-2.0 */

/*
 * czone-hostd: one per VM. Standard output has a line "ready" when QEMU is attached to, and "attached" when
 * the guest is, for scripts to wait on; what happens is logged on standard error.
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/host/log.h"
#include "agent/host/notify.h"
#include "agent/host/options.h"
#include "proto/cleanup.h"

struct daemon {
    struct event_base *base;
    struct event *term, *interrupt;
    struct host *host;
    bool was_ready;
};

static void say(const char *line)
{
    (void)puts(line);
    (void)fflush(stdout);
}

static void on_ready(void *userdata)
{
    struct daemon *daemon = userdata;

    if (daemon->was_ready)
        return;
    daemon->was_ready = true;
    say("ready");
    notify_send("READY=1\nSTATUS=attached to QEMU, not to the guest");
}

static void on_attached(bool attached, void *userdata)
{
    (void)userdata;
    if (attached)
        say("attached");
    notify_send(attached ? "STATUS=attached to QEMU and to the guest"
                         : "STATUS=attached to QEMU, not to the guest");
}

static void on_stopped(void *userdata)
{
    struct daemon *daemon = userdata;

    (void)event_base_loopbreak(daemon->base);
}

static const struct host_hooks host_hooks = { on_ready, on_attached, on_stopped };

static void on_signal(evutil_socket_t number, short events, void *userdata)
{
    struct daemon *daemon = userdata;

    (void)events;
    log_line(LOG_NOTE, "%s: leaving; what is plugged stays plugged", strsignal(number));
    notify_send("STOPPING=1");
    host_stop(daemon->host);
}

static void daemon_done(struct daemon *daemon)
{
    host_free(daemon->host);
    if (daemon->term)
        event_free(daemon->term);
    if (daemon->interrupt)
        event_free(daemon->interrupt);
    if (daemon->base)
        event_base_free(daemon->base);
}

/* A precise timer: the first polls are a millisecond apart. */
static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base = NULL;

    if (config && event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0)
        base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    return base;
}

static int daemon_start(struct daemon *daemon, const struct options *options)
{
    struct driver *driver;
    int r;

    daemon->base = base_new();
    if (!daemon->base)
        return -ENOMEM;
    daemon->term = evsignal_new(daemon->base, SIGTERM, on_signal, daemon);
    daemon->interrupt = evsignal_new(daemon->base, SIGINT, on_signal, daemon);
    if (!daemon->term || !daemon->interrupt || event_add(daemon->term, NULL) < 0 ||
        event_add(daemon->interrupt, NULL) < 0)
        return -ENOMEM;
    r = host_new(daemon->base, &options->host, &host_hooks, daemon, &daemon->host);
    if (r < 0)
        return r;
    r = driver_qemu_new(daemon->base, &options->qemu, &host_driver_hooks, daemon->host, &driver);
    if (r < 0)
        return r;
    return host_start(daemon->host, driver);
}

int main(int argc, char *argv[])
{
    CLEANUP(daemon_done) struct daemon daemon = { 0 };
    struct options options;
    int r;

    switch (options_parse(argc, argv, &options)) {
    case OPTIONS_RUN:
        break;
    case OPTIONS_DONE:
        return EXIT_SUCCESS;
    case OPTIONS_WRONG:
        return 2;
    }
    log_setup(options.json_log);
    json_object_seed(0);
    /* libevent writes without MSG_NOSIGNAL. */
    (void)signal(SIGPIPE, SIG_IGN);
    r = daemon_start(&daemon, &options);
    if (r < 0) {
        log_line(LOG_ERR, "cannot start: %s", strerror(-r));
        return EXIT_FAILURE;
    }
    return event_base_dispatch(daemon.base) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
