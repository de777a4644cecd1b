/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/ctl/follow.h"
#include "agent/ctl/screen.h"
#include "agent/ctl/usage.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"

#define STATS "io.czone.Container.Stats"

struct stats_options {
    bool once, follow;
    int64_t interval; /* seconds */
};

#define OF(member) offsetof(struct stats_options, member)
static const struct option_row rows[] = {
    { "once", '1', OPTION_FLAG, OF(once), NULL, "one sample, also on a terminal", 0, 0 },
    { "follow", 'f', OPTION_FLAG, OF(follow), NULL, "go on, also if this is no terminal or with --json", 0,
      0 },
    { "interval", 'n', OPTION_NUMBER, OF(interval), "SECONDS", "from one sample to the next (1)", 1, 3600 },
    { 0 },
};

static const struct stats_options defaults = { .interval = 1 };

/* One run of the verb. */
struct reading {
    struct ctl *ctl;
    const struct stats_options *options;
    const char *id; /* NULL: all */
    bool live;      /* on a screen */
    struct screen screen;
    struct usage_past past;
};

static json_t *parameters(void *userdata)
{
    const struct reading *reading = userdata;

    return json_pack("{s:s*, s:I}", "id", reading->id, "interval_ms",
                     (json_int_t)reading->options->interval * 1000);
}

static enum exit_code print_objects(const struct ctl *ctl, json_t *list)
{
    enum exit_code code = EXIT_OK;
    json_t *object;
    size_t i;

    json_array_foreach(list, i, object) {
        struct usage usage;

        code = usage_read(ctl, object, &usage);
        if (!code)
            code = ctl_print_json(ctl, object);
        if (code)
            break;
    }
    return code;
}

static enum exit_code fill(struct reading *reading, json_t *list, struct table *table)
{
    struct usage_past now = { 0 };
    enum exit_code code = EXIT_OK;
    json_t *object;
    size_t i;

    json_array_foreach(list, i, object) {
        struct usage usage;

        code = usage_read(reading->ctl, object, &usage);
        if (!code)
            code = usage_row(reading->ctl, table, &usage, &reading->past);
        if (!code)
            code = usage_remember(reading->ctl, &now, &usage);
        if (code)
            break;
    }
    usage_past_done(&reading->past);
    reading->past = now;
    return code;
}

static enum exit_code print_table(struct reading *reading, const struct table *table)
{
    const struct ctl *ctl = reading->ctl;
    int r;

    if (!reading->live)
        return table_print(table, &ctl->out) < 0 ? ctl_no_memory(ctl) : EXIT_OK;
    r = screen_begin(&reading->screen);
    if (r == 0) {
        int failed = table_print(table, &reading->screen.page);

        r = screen_show(&reading->screen);
        r = failed < 0 ? failed : r;
    }
    return r < 0 ? ctl_no_memory(ctl) : EXIT_OK;
}

static enum exit_code take(struct reading *reading, json_t *answer)
{
    const struct ctl *ctl = reading->ctl;
    json_t *list = json_object_get(answer, "stats");
    struct table *table;
    enum exit_code code;

    if (!json_is_array(list))
        return ctl_bad_reply(ctl, STATS, "stats", "is no array");
    if (ctl->options.json)
        return print_objects(ctl, list);
    table = usage_table();
    code = fill(reading, list, table);
    if (!code)
        code = print_table(reading, table);
    table_free(table);
    (void)fflush(ctl->out.file);
    return code;
}

static enum exit_code on_reply(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct reading *reading = userdata;
    json_t *list = json_object_get(reply->parameters, "stats");

    (void)follow;
    if (reply->error)
        return ctl_error_reply(reading->ctl, reply->error, reply->parameters);
    /* The last one of a container that has ended: what was seen last stays. */
    if (!reply->continues && json_is_array(list) && json_array_size(list) == 0) {
        ctl_note(reading->ctl, "container %s has ended", reading->id ? reading->id : "");
        return EXIT_OK;
    }
    return take(reading, reply->parameters);
}

static enum exit_code go_on(struct reading *reading)
{
    struct follow follow = {
        .method = STATS,
        .flags = VARLINK_MORE,
        .parameters = parameters,
        .on_reply = on_reply,
        .userdata = reading,
    };

    return follow_run(reading->ctl, &follow, NULL);
}

static int stats_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct stats_options *options = data;
    struct reading reading = {
        .ctl = ctl,
        .options = options,
        .id = n_arguments ? arguments[0] : NULL,
        .live = ctl->out.redraw && !options->once && !ctl->options.json,
        .screen = { .terminal = &ctl->out },
    };
    CLEANUP_JSON json_t *answer = NULL;
    enum exit_code code;

    if (options->once && options->follow) {
        ctl_error(ctl, "--once and --follow exclude each other");
        return EXIT_USAGE;
    }
    if (reading.live || options->follow) {
        code = go_on(&reading);
    } else {
        code = ctl_call(ctl, STATS, json_pack("{s:s*}", "id", reading.id), CTL_ANSWER_MS, &answer);
        if (!code)
            code = take(&reading, answer);
    }
    usage_past_done(&reading.past);
    return code;
}

const struct verb verb_stats = {
    .name = "stats",
    .synopsis = "[ID]",
    .summary = "Show what running containers use",
    .details =
        "On a terminal a table that is renewed until you interrupt it, else one sample. CPU% is of the time\n"
        "since the last sample, 100 for one CPU. WAITS is the share of the last 10 s in which some process\n"
        "waited for CPU, memory or input and output (PSI).",
    .max = 1,
    .flags = VERB_CONTAINERS,
    .options = rows,
    .options_size = sizeof(struct stats_options),
    .defaults = &defaults,
    .function = stats_verb,
};
