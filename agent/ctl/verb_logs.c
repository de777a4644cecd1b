/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/logs.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"

struct logs_options {
    bool follow;
    int64_t offset;
    const char *exec;
};

#define OF(member) offsetof(struct logs_options, member)
static const struct option_row rows[] = {
    { "follow", 'f', OPTION_FLAG, OF(follow), NULL, "go on until the container has ended", 0, 0 },
    { "since-offset", 'o', OPTION_NUMBER, OF(offset), "N", "begin at byte N of its output (the oldest kept)",
      0, INT64_MAX / 2 },
    { "exec", 0, OPTION_TEXT, OF(exec), "NAME", "of this exec session of it", 0, 0 },
    { 0 },
};

static const struct logs_options defaults = { .offset = -1 };

/* What is there now: answer by answer, each as long as a message can be. */
static enum exit_code print_kept(struct ctl *ctl, struct logs *logs)
{
    enum exit_code code = EXIT_OK;
    int64_t before = -2;

    while (!code && !logs->eof && logs->offset != before) {
        CLEANUP_JSON json_t *answer = NULL;

        before = logs->offset;
        code = ctl_call(ctl, "io.czone.Container.Logs", logs_parameters(logs), CTL_ANSWER_MS, &answer);
        if (!code)
            code = logs_take(logs, answer);
    }
    return code;
}

static int logs_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct logs_options *options = data;
    CLEANUP(logs_done)
    struct logs logs = { .ctl = ctl, .id = arguments[0], .exec = options->exec, .offset = options->offset };

    (void)n_arguments;
    if (!options->follow)
        return print_kept(ctl, &logs);
    logs_follow(&logs);
    return follow_run(ctl, &logs.follow, NULL);
}

const struct verb verb_logs = {
    .name = "logs",
    .synopsis = "ID",
    .summary = "Print what a container wrote, byte for byte",
    .min = 1,
    .max = 1,
    .flags = VERB_CONTAINERS | VERB_NO_JSON,
    .options = rows,
    .options_size = sizeof(struct logs_options),
    .defaults = &defaults,
    .function = logs_verb,
};
