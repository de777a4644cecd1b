/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/ctl/follow.h"
#include "agent/ctl/printable.h"
#include "agent/ctl/verbs.h"
#include "agent/ctl/when.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/size.h"

#define SUBSCRIBE "io.czone.Monitor.Subscribe"
#define TEXT_MAX  4096

struct events_options {
    const char *container;
    int64_t count;
};

#define OF_OPTION(member) offsetof(struct events_options, member)
static const struct option_row rows[] = {
    { "container", 'c', OPTION_TEXT, OF_OPTION(container), "ID", "only this container's", 0, 0 },
    { "count", 'n', OPTION_NUMBER, OF_OPTION(count), "N", "end after N events", 1, INT64_MAX },
    { 0 },
};

struct event {
    int64_t sequence, time;
    const char *event, *container, *zone, *message;
    int64_t node, bytes;
};

#define OF(member) offsetof(struct event, member)
static const struct varlink_field fields[] = {
    { "sequence", VARLINK_INT, OF(sequence), VARLINK_REQUIRED, .max = INT64_MAX },
    { "time", VARLINK_INT, OF(time), VARLINK_REQUIRED, .max = INT64_MAX },
    { "event", VARLINK_STRING, OF(event), VARLINK_REQUIRED, .max = TEXT_MAX },
    { "container", VARLINK_STRING, OF(container), 0, .max = TEXT_MAX },
    { "zone", VARLINK_STRING, OF(zone), 0, .max = TEXT_MAX },
    { "node", VARLINK_INT, OF(node), 0, .min = -1, .max = INT32_MAX },
    { "bytes", VARLINK_INT, OF(bytes), 0, .max = INT64_MAX },
    { "message", VARLINK_STRING, OF(message), 0, .max = TEXT_MAX },
};

struct reading {
    struct ctl *ctl;
    const struct events_options *options;
    int64_t last; /* sequence; 0: none yet */
    int64_t printed;
};

static void print_word(const struct ctl *ctl, const char *before, const char *text)
{
    CLEANUP_FREE char *safe = text && *text ? printable_copy(text, ctl->out.utf8) : NULL;

    if (safe)
        (void)fprintf(ctl->out.file, "  %s%s", before, safe);
}

static void print_line(const struct ctl *ctl, const struct event *event)
{
    CLEANUP_FREE char *name = printable_copy(event->event, ctl->out.utf8);
    char clock[WHEN_TEXT_MAX], size[SIZE_TEXT_MAX];
    unsigned int paint = PAINT_HEAD;

    if (!strcmp(event->event, "danger") || !strcmp(event->event, "container-failed") ||
        !strcmp(event->event, "container-oom") || !strcmp(event->event, "zone-quarantined"))
        paint = PAINT_BAD;
    (void)fprintf(ctl->out.file, "%s%s%s  %s%-18s%s", terminal_paint(&ctl->out, PAINT_DIM),
                  when_clock(event->time, clock), terminal_plain(&ctl->out), terminal_paint(&ctl->out, paint),
                  name ? name : "?", terminal_plain(&ctl->out));
    print_word(ctl, "", event->container);
    print_word(ctl, "zone ", event->zone);
    if (event->node >= 0)
        (void)fprintf(ctl->out.file, "  node %lld", (long long)event->node);
    if (event->bytes >= 0)
        (void)fprintf(ctl->out.file, "  %s", size_format(event->bytes, size));
    print_word(ctl, "", event->message);
    (void)fputc('\n', ctl->out.file);
    (void)fflush(ctl->out.file);
}

static enum exit_code take(struct reading *reading, json_t *object)
{
    struct ctl *ctl = reading->ctl;
    struct event event = { .node = -1, .bytes = -1 };
    struct varlink_fault fault = { 0 };

    if (varlink_fields_decode(object, fields, ELEMENTS(fields), VARLINK_IGNORE_UNKNOWN, &event, &fault) < 0)
        return ctl_bad_reply(ctl, SUBSCRIBE, fault.parameter, fault.reason.text);
    /* A number that does not go up is a czoned that was started anew. */
    if (reading->last && event.sequence > reading->last + 1)
        ctl_note(ctl, "%lld events are missing here: this reader was too slow, or not connected",
                 (long long)(event.sequence - reading->last - 1));
    reading->last = event.sequence;
    if (reading->options->container &&
        (!event.container || strcmp(event.container, reading->options->container) != 0))
        return EXIT_OK;
    reading->printed++;
    if (ctl->options.json)
        return ctl_print_json(ctl, object);
    print_line(ctl, &event);
    return EXIT_OK;
}

static json_t *parameters(void *userdata)
{
    (void)userdata;
    return json_object();
}

static enum exit_code on_reply(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct reading *reading = userdata;
    json_t *object = json_object_get(reply->parameters, "event");
    enum exit_code code;

    if (reply->error)
        return ctl_error_reply(reading->ctl, reply->error, reply->parameters);
    if (!object || json_is_null(object))
        return EXIT_OK;
    if (!json_is_object(object))
        return ctl_bad_reply(reading->ctl, SUBSCRIBE, "event", "is no object");
    code = take(reading, object);
    if (!code && reading->options->count && reading->printed >= reading->options->count)
        follow_done(follow);
    return code;
}

static int events_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    struct reading reading = { .ctl = ctl, .options = data };
    struct follow follow = {
        .method = SUBSCRIBE,
        .flags = VARLINK_MORE,
        .parameters = parameters,
        .on_reply = on_reply,
        .userdata = &reading,
    };

    (void)arguments;
    (void)n_arguments;
    return follow_run(ctl, &follow, NULL);
}

const struct verb verb_events = {
    .name = "events",
    .synopsis = "",
    .summary = "Show what happens in the guest, as it happens",
    .options = rows,
    .options_size = sizeof(struct events_options),
    .function = events_verb,
};
