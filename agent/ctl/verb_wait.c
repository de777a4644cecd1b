/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/container.h"
#include "agent/ctl/follow.h"
#include "agent/ctl/verbs.h"
#include "agent/ctl/when.h"
#include "proto/cleanup.h"

#define WAIT "io.czone.Container.Wait"

struct wait_options {
    bool returned;
    int64_t timeout; /* seconds; -1: for ever */
};

#define OF(member) offsetof(struct wait_options, member)
static const struct option_row rows[] = {
    { "returned", 'r', OPTION_FLAG, OF(returned), NULL, "wait until its memory is back, not only for its end",
      0, 0 },
    { "timeout", 't', OPTION_NUMBER, OF(timeout), "SECONDS", "give up after this time, for all together", 0,
      1000000 },
    { 0 },
};

static const struct wait_options defaults = { .timeout = -1 };

struct waiting {
    struct ctl *ctl;
    const struct wait_options *options;
    const char *id;
    int64_t until; /* when_ticks() */
};

static json_t *parameters(void *userdata)
{
    const struct waiting *waiting = userdata;
    const char *until = waiting->options->returned ? "returned" : "exited";
    int64_t left = waiting->until - when_ticks();

    if (waiting->options->timeout < 0)
        return json_pack("{s:s, s:s}", "id", waiting->id, "until", until);
    return json_pack("{s:s, s:s, s:I}", "id", waiting->id, "until", until, "timeout_ms",
                     (json_int_t)(left > 0 ? left : 0));
}

static enum exit_code on_reply(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    const struct waiting *waiting = userdata;
    struct ctl *ctl = waiting->ctl;
    struct container container;
    enum exit_code code;

    if (reply->error)
        return ctl_error_reply(ctl, reply->error, reply->parameters);
    code = container_of_answer(ctl, follow->method, reply->parameters, &container);
    if (code)
        return code;
    if (ctl->options.json)
        code = ctl_print_json(ctl, json_object_get(reply->parameters, "container"));
    if (!code && container_failed(&container))
        return container_tell_failure(ctl, &container);
    if (!ctl->options.json)
        (void)fprintf(ctl->out.file, "%d\n", container_status(&container));
    return code;
}

static int wait_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct wait_options *options = data;
    struct waiting waiting = { .ctl = ctl,
                               .options = options,
                               .until = when_ticks() + options->timeout * 1000 };
    struct progress progress = { .terminal = &ctl->err };
    enum exit_code worst = EXIT_OK;

    for (size_t i = 0; i < n_arguments; i++) {
        struct follow follow = {
            .method = WAIT, .parameters = parameters, .on_reply = on_reply, .userdata = &waiting
        };
        enum exit_code code;

        waiting.id = arguments[i];
        progress_set(&progress, "%s: waits for %s", arguments[i],
                     options->returned ? "its memory to be back" : "its end");
        code = follow_run(ctl, &follow, &progress);
        if (code == EXIT_CONNECTION)
            return code;
        if (code)
            worst = code;
    }
    return worst;
}

const struct verb verb_wait = {
    .name = "wait",
    .synopsis = "ID...",
    .summary = "Wait for the end of containers and print their exit status",
    .details = "A status is what a shell would say: 128 + N if signal N killed the container. A container "
               "that never ran\n"
               "prints none; the reason is told and is the exit status of czonectl.",
    .min = 1,
    .max = UNLIMITED_ARGUMENTS,
    .flags = VERB_CONTAINERS,
    .options = rows,
    .options_size = sizeof(struct wait_options),
    .defaults = &defaults,
    .function = wait_verb,
};
