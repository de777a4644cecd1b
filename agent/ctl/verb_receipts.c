/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/follow.h"
#include "agent/ctl/receipt.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"

#define RECEIPTS "io.czone.Zone.Receipts"

struct receipts_options {
    bool follow;
    int64_t after;
    const char *container;
};

#define OF(member) offsetof(struct receipts_options, member)
static const struct option_row rows[] = {
    { "follow", 'f', OPTION_FLAG, OF(follow), NULL, "go on with each new one", 0, 0 },
    { "after", 'a', OPTION_NUMBER, OF(after), "N", "only those with a number above N", 0, INT64_MAX },
    { "container", 'c', OPTION_TEXT, OF(container), "ID", "only this container's", 0, 0 },
    { 0 },
};

static const struct receipts_options defaults = { .after = -1 };

struct reading {
    struct ctl *ctl;
    const struct receipts_options *options;
    struct table *table; /* NULL: a line each */
    int64_t after;
};

static json_t *parameters(void *userdata)
{
    const struct reading *reading = userdata;
    json_t *object = json_object();
    int r = 0;

    if (reading->after >= 0)
        r |= json_object_set_new(object, "after", json_integer(reading->after));
    if (reading->options->container)
        r |= json_object_set_new(object, "container", json_string(reading->options->container));
    if (r) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static enum exit_code take_one(struct reading *reading, json_t *object)
{
    struct ctl *ctl = reading->ctl;
    struct receipt receipt;
    enum exit_code code;

    if (!json_is_object(object))
        return ctl_bad_reply(ctl, RECEIPTS, "receipts", "has something else than objects");
    code = receipt_read(ctl, object, &receipt);
    if (!code && ctl->options.json)
        code = ctl_print_json(ctl, object);
    if (code)
        return code;
    if (!ctl->options.json && reading->table)
        receipt_row(reading->table, &receipt);
    else if (!ctl->options.json)
        receipt_line(ctl, &receipt);
    reading->after = receipt.sequence;
    return EXIT_OK;
}

static enum exit_code take(struct reading *reading, json_t *answer)
{
    json_t *list = json_object_get(answer, "receipts"), *object;
    enum exit_code code = EXIT_OK;
    size_t i;

    if (!json_is_array(list))
        return ctl_bad_reply(reading->ctl, RECEIPTS, "receipts", "is no array");
    json_array_foreach(list, i, object) {
        code = take_one(reading, object);
        if (code)
            break;
    }
    return code;
}

static enum exit_code on_reply(struct follow *follow, const struct varlink_reply *reply, void *userdata)
{
    struct reading *reading = userdata;

    (void)follow;
    if (reply->error)
        return ctl_error_reply(reading->ctl, reply->error, reply->parameters);
    return take(reading, reply->parameters);
}

static enum exit_code follow_receipts(struct reading *reading)
{
    struct follow follow = {
        .method = RECEIPTS,
        .flags = VARLINK_MORE,
        .parameters = parameters,
        .on_reply = on_reply,
        .userdata = reading,
    };

    return follow_run(reading->ctl, &follow, NULL);
}

static int receipts_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct receipts_options *options = data;
    struct reading reading = { .ctl = ctl, .options = options, .after = options->after };
    CLEANUP_JSON json_t *answer = NULL;
    enum exit_code code;

    (void)arguments;
    (void)n_arguments;
    if (options->follow)
        return follow_receipts(&reading);
    code = ctl_call(ctl, RECEIPTS, parameters(&reading), CTL_ANSWER_MS, &answer);
    if (code)
        return code;
    reading.table = receipt_table();
    if (!reading.table)
        return ctl_no_memory(ctl);
    code = take(&reading, answer);
    if (!code && !ctl->options.json && table_print(reading.table, &ctl->out) < 0)
        code = ctl_no_memory(ctl);
    table_free(reading.table);
    return code;
}

const struct verb verb_receipts = {
    .name = "receipts",
    .synopsis = "",
    .summary = "List the accounts of memory that was given back",
    .details = "EMPTIED, OFFLINE and CONFIRMED count from the exit of the container's last process.",
    .options = rows,
    .options_size = sizeof(struct receipts_options),
    .defaults = &defaults,
    .function = receipts_verb,
};
