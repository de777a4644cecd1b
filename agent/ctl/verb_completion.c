/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/ctl.h"
#include "agent/ctl/help.h"
#include "agent/ctl/verbs.h"

static int completion_verb(struct ctl *ctl, const void *options, char **arguments, size_t n_arguments)
{
    (void)options;
    (void)arguments;
    (void)n_arguments;
    help_print_completion(ctl->out.file);
    return EXIT_OK;
}

const struct verb verb_completion = {
    .name = "completion",
    .synopsis = "",
    .summary = "Print a script for bash that completes verbs, options and containers",
    .flags = VERB_LOCAL | VERB_NO_JSON,
    .function = completion_verb,
};
