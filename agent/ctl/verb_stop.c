/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/container.h"
#include "agent/ctl/follow.h"
#include "agent/ctl/verbs.h"
#include "agent/ctl/when.h"
#include "proto/cleanup.h"

#define STOP "io.czone.Container.Stop"

struct stop_options {
    const char *signal;
    int64_t grace; /* seconds */
};

#define OF(member) offsetof(struct stop_options, member)
static const struct option_row rows[] = {
    { "time", 't', OPTION_NUMBER, OF(grace), "SECONDS", "how long each may take to end by itself (10)", 0,
      1000000 },
    { "signal", 's', OPTION_TEXT, OF(signal), "SIGNAL", "what asks it to end: TERM, SIGINT, 15... (TERM)", 0,
      0 },
    { 0 },
};

static const struct stop_options defaults = { .signal = "TERM", .grace = 10 };

struct stopping {
    struct ctl *ctl;
    const struct stop_options *options;
    const char *id;
    int64_t until; /* when_ticks() */
};

/* If the connection broke meanwhile: with what is left of the time. */
static json_t *parameters(void *userdata)
{
    const struct stopping *stopping = userdata;
    int64_t left = stopping->until - when_ticks();

    return json_pack("{s:s, s:s, s:I}", "id", stopping->id, "signal", stopping->options->signal, "grace_ms",
                     (json_int_t)(left > 0 ? left : 0));
}

static enum exit_code on_reply(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    const struct stopping *stopping = userdata;
    struct ctl *ctl = stopping->ctl;
    struct container container;
    enum exit_code code;

    if (reply->error)
        return ctl_error_reply(ctl, reply->error, reply->parameters);
    code = container_of_answer(ctl, follow->method, reply->parameters, &container);
    if (!code && ctl->options.json)
        code = ctl_print_json(ctl, json_object_get(reply->parameters, "container"));
    return code;
}

static int stop_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct stop_options *options = data;
    struct stopping stopping = { .ctl = ctl, .options = options };
    struct progress progress = { .terminal = &ctl->err };
    enum exit_code worst = EXIT_OK;

    for (size_t i = 0; i < n_arguments; i++) {
        struct follow follow = {
            .method = STOP, .parameters = parameters, .on_reply = on_reply, .userdata = &stopping
        };
        enum exit_code code;

        stopping.id = arguments[i];
        stopping.until = when_ticks() + options->grace * 1000;
        progress_set(&progress, "%s: is asked to end, and killed after %lld s", arguments[i],
                     (long long)options->grace);
        code = follow_run(ctl, &follow, &progress);
        if (code == EXIT_CONNECTION)
            return code;
        if (code)
            worst = code;
    }
    return worst;
}

const struct verb verb_stop = {
    .name = "stop",
    .synopsis = "ID...",
    .summary = "Ask containers to end, and kill them if they do not",
    .details = "The signal goes to the first process, which gets it only if it has a handler for it, as is\n"
               "so for process 1. One after the other; returns when all have ended.",
    .min = 1,
    .max = UNLIMITED_ARGUMENTS,
    .flags = VERB_CONTAINERS,
    .options = rows,
    .options_size = sizeof(struct stop_options),
    .defaults = &defaults,
    .function = stop_verb,
};
