/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/ctl.h"
#include "agent/ctl/help.h"
#include "agent/ctl/verbs.h"

static int help_verb(struct ctl *ctl, const void *options, char **arguments, size_t n_arguments)
{
    const struct verb *verb;

    (void)options;
    if (!n_arguments) {
        help_print(ctl->out.file);
        return EXIT_OK;
    }
    verb = verb_find(arguments[0]);
    if (!verb) {
        ctl_error(ctl, "there is no verb '%s'; `czonectl help` lists them", arguments[0]);
        return EXIT_USAGE;
    }
    help_print_verb(ctl->out.file, verb);
    return EXIT_OK;
}

const struct verb verb_help = {
    .name = "help",
    .synopsis = "[VERB]",
    .summary = "Print help, in general or of a verb",
    .max = 1,
    .flags = VERB_VERBS | VERB_LOCAL | VERB_NO_JSON,
    .function = help_verb,
};
