/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/ctl.h"
#include "agent/ctl/verbs.h"

struct kill_options {
    const char *signal;
};

static const struct option_row rows[] = {
    { "signal", 's', OPTION_TEXT, offsetof(struct kill_options, signal), "SIGNAL",
      "KILL, TERM, SIGUSR1, 15... (KILL)", 0, 0 },
    { 0 },
};

static int kill_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct kill_options *options = data;
    enum exit_code worst = EXIT_OK;

    for (size_t i = 0; i < n_arguments; i++) {
        json_t *parameters = options->signal
                                 ? json_pack("{s:s, s:s}", "id", arguments[i], "signal", options->signal)
                                 : json_pack("{s:s}", "id", arguments[i]);
        enum exit_code code = ctl_call(ctl, "io.czone.Container.Kill", parameters, CTL_ANSWER_MS, NULL);

        if (code == EXIT_CONNECTION)
            return code;
        if (code)
            worst = code;
    }
    return worst;
}

const struct verb verb_kill = {
    .name = "kill",
    .synopsis = "ID...",
    .summary = "Send a signal to every process of containers",
    .min = 1,
    .max = UNLIMITED_ARGUMENTS,
    .flags = VERB_CONTAINERS | VERB_NO_JSON,
    .options = rows,
    .options_size = sizeof(struct kill_options),
    .function = kill_verb,
};
