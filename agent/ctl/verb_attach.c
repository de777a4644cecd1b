/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/attend.h"
#include "agent/ctl/container.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"

struct attach_options {
    bool no_stdin, from_start;
};

#define OF(member) offsetof(struct attach_options, member)
static const struct option_row rows[] = {
    { "no-stdin", 0, OPTION_FLAG, OF(no_stdin), NULL, "show its output only", 0, 0 },
    { "from-start", 0, OPTION_FLAG, OF(from_start), NULL, "begin with the oldest output that is kept", 0, 0 },
    { 0 },
};

static enum exit_code end_of(struct ctl *ctl, json_t *answer, int *ret_status)
{
    struct container container;
    enum exit_code code = container_of_answer(ctl, "io.czone.Container.Wait", answer, &container);

    if (code)
        return code;
    if (container_failed(&container))
        return container_tell_failure(ctl, &container);
    container_tell_end(ctl, &container);
    *ret_status = container_status(&container);
    return EXIT_OK;
}

static int attach(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct attach_options *options = data;
    CLEANUP_JSON json_t *found = NULL;
    struct attend attend = { .ctl = ctl, .signal_fd = -EBADF };
    enum exit_code code;
    int status = 0;

    (void)n_arguments;
    code = ctl_call(ctl, "io.czone.Container.Inspect", json_pack("{s:s}", "id", arguments[0]), CTL_ANSWER_MS,
                    &found);
    if (code)
        return exit_of_run(code);
    attend.logs.id = arguments[0];
    attend.logs.offset = -1;
    attend.logs.from_end = !options->from_start;
    attend.stdio.tty = json_is_true(json_object_get(json_object_get(found, "container"), "tty"));
    attend.stdio.input =
        !options->no_stdin && json_is_true(json_object_get(json_object_get(found, "container"), "stdin"));
    attend.stdio.offset = -1;
    code = attend_run(&attend);
    if (!code)
        code = end_of(ctl, attend.answer, &status);
    attend_done(&attend);
    return code ? exit_of_run(code) : status;
}

const struct verb verb_attach = {
    .name = "attach",
    .synopsis = "ID",
    .summary = "Connect standard input and output with a container that runs",
    .details = "Exits with its status, as `run` does. Ctrl-P Ctrl-Q detaches from one that has a terminal.",
    .min = 1,
    .max = 1,
    .flags = VERB_CONTAINERS | VERB_NO_JSON | VERB_STATUS,
    .options = rows,
    .options_size = sizeof(struct attach_options),
    .function = attach,
};
