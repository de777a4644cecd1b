/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/container.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"

#define INSPECT "io.czone.Container.Inspect"

static enum exit_code inspect(struct ctl *ctl, const char *id, bool first)
{
    CLEANUP_JSON json_t *answer = NULL;
    struct container container;
    enum exit_code code;

    code = ctl_call(ctl, INSPECT, json_pack("{s:s}", "id", id), CTL_ANSWER_MS, &answer);
    if (!code)
        code = container_of_answer(ctl, INSPECT, answer, &container);
    if (code)
        return code;
    if (ctl->options.json)
        return ctl_print_json(ctl, json_object_get(answer, "container"));
    if (!first)
        (void)fputc('\n', ctl->out.file);
    return container_print(ctl, &container);
}

static int inspect_verb(struct ctl *ctl, const void *options, char **arguments, size_t n_arguments)
{
    enum exit_code worst = EXIT_OK;

    (void)options;
    for (size_t i = 0; i < n_arguments; i++) {
        enum exit_code code = inspect(ctl, arguments[i], i == 0);

        if (code == EXIT_CONNECTION)
            return code;
        if (code)
            worst = code;
    }
    return worst;
}

const struct verb verb_inspect = {
    .name = "inspect",
    .synopsis = "ID...",
    .summary = "Show all about containers",
    .min = 1,
    .max = UNLIMITED_ARGUMENTS,
    .flags = VERB_CONTAINERS,
    .function = inspect_verb,
};
