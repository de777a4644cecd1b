/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/ctl/container.h"
#include "agent/ctl/table.h"
#include "agent/ctl/verbs.h"
#include "agent/ctl/when.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/size.h"

#define LIST "io.czone.Container.List"

struct ps_options {
    bool quiet;
};

static const struct option_row rows[] = {
    { "quiet", 'q', OPTION_FLAG, offsetof(struct ps_options, quiet), NULL, "print ids only", 0, 0 },
    { 0 },
};

/* `running`, `exited 3`, `killed SEGV`. */
static const char *describe_state(const struct container *container, char buffer[64])
{
    const char *signal = sigabbrev_np((int)container->exit_signal);

    if (container->exit_signal && signal)
        (void)snprintf(buffer, 64, "%s, killed %s", container->state, signal);
    else if (container->exit_signal)
        (void)snprintf(buffer, 64, "%s, killed %d", container->state, (int)container->exit_signal);
    else if (container->exit_status >= 0)
        (void)snprintf(buffer, 64, "%s %d", container->state, (int)container->exit_status);
    else
        (void)snprintf(buffer, 64, "%s", container->state);
    return buffer;
}

static void add_row(struct table *table, const struct container *container)
{
    CLEANUP_FREE char *command = container_command(container);
    char size[SIZE_TEXT_MAX], age[WHEN_TEXT_MAX], state[64];

    table_cell(table, PAINT_NONE, "%s", container->id);
    table_cell(table, container_paint(container), "%s", describe_state(container, state));
    table_cell(table, PAINT_NONE, "%s", size_format(container->memory, size));
    table_cell(table, PAINT_NONE, "%s", container->zone ? container->zone : "");
    if (container->node >= 0)
        table_cell(table, PAINT_NONE, "%lld", (long long)container->node);
    else
        table_cell(table, PAINT_NONE, "%s", "");
    table_cell(table, PAINT_NONE, "%s", container->zone_state);
    table_cell(table, PAINT_NONE, "%s", when_age(when_now() - container->created, age));
    table_cell(table, PAINT_NONE, "%s", command ? command : "(out of memory)");
}

static enum exit_code take(const struct ctl *ctl, bool quiet, struct table *table, json_t *object)
{
    struct container container;
    enum exit_code code = container_read(ctl, LIST, object, &container);

    if (code)
        return code;
    if (ctl->options.json)
        return ctl_print_json(ctl, object);
    if (quiet)
        (void)fprintf(ctl->out.file, "%s\n", container.id);
    else
        add_row(table, &container);
    return EXIT_OK;
}

static int ps_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    static const struct table_column columns[] = {
        { "CONTAINER", TABLE_CUT },
        { "STATE", 0 },
        { "MEMORY", TABLE_RIGHT },
        { "ZONE", TABLE_CUT },
        { "NODE", TABLE_RIGHT },
        { "ZONE STATE", 0 },
        { "AGE", 0 },
        { "COMMAND", TABLE_CUT },
    };
    const struct ps_options *options = data;
    CLEANUP_JSON json_t *answer = NULL;
    struct table *table;
    enum exit_code code;
    json_t *list, *object;
    size_t i;

    (void)arguments;
    (void)n_arguments;
    code = ctl_call(ctl, LIST, json_object(), CTL_ANSWER_MS, &answer);
    if (code)
        return code;
    list = json_object_get(answer, "containers");
    if (!json_is_array(list))
        return ctl_bad_reply(ctl, LIST, "containers", "is no array");
    table = table_new(columns, ELEMENTS(columns));
    json_array_foreach(list, i, object) {
        code = json_is_object(object)
                   ? take(ctl, options->quiet, table, object)
                   : ctl_bad_reply(ctl, LIST, "containers", "has something else than objects");
        if (code)
            break;
    }
    if (!code && !options->quiet && !ctl->options.json && table_print(table, &ctl->out) < 0)
        code = ctl_no_memory(ctl);
    table_free(table);
    return code;
}

const struct verb verb_ps = {
    .name = "ps",
    .synopsis = "",
    .summary = "List containers, oldest first",
    .options = rows,
    .options_size = sizeof(struct ps_options),
    .function = ps_verb,
};
