/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/ctl.h"
#include "agent/ctl/verbs.h"

struct rm_options {
    bool force;
};

static const struct option_row rows[] = {
    { "force", 'f', OPTION_FLAG, offsetof(struct rm_options, force), NULL,
      "kill it first and wait until its memory has been dealt with", 0, 0 },
    { 0 },
};

static int rm_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct rm_options *options = data;
    enum exit_code worst = EXIT_OK;

    for (size_t i = 0; i < n_arguments; i++) {
        json_t *parameters = options->force ? json_pack("{s:s, s:b}", "id", arguments[i], "force", 1)
                                            : json_pack("{s:s}", "id", arguments[i]);
        enum exit_code code;

        code =
            ctl_call(ctl, "io.czone.Container.Remove", parameters, options->force ? -1 : CTL_ANSWER_MS, NULL);
        if (code == EXIT_CONNECTION)
            return code;
        if (code == EXIT_REFUSED && !options->force)
            ctl_hint(ctl, "`czonectl rm --force` ends it first, and waits for its memory");
        if (code)
            worst = code;
    }
    return worst;
}

const struct verb verb_rm = {
    .name = "rm",
    .synopsis = "ID...",
    .summary = "Forget containers that are done or failed",
    .min = 1,
    .max = UNLIMITED_ARGUMENTS,
    .flags = VERB_CONTAINERS | VERB_NO_JSON,
    .options = rows,
    .options_size = sizeof(struct rm_options),
    .function = rm_verb,
};
