/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "agent/ctl/inventory.h"
#include "agent/ctl/table.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/size.h"

#define VERIFY "io.czone.Zone.Verify"

struct verify_options {
    bool all;
};

static const struct option_row rows[] = {
    { "all", 'a', OPTION_FLAG, offsetof(struct verify_options, all), NULL,
      "every zone that has a container (so it is without ID)", 0, 0 },
    { 0 },
};

struct verification {
    const char *zone;
    int64_t node;
    int64_t user_on_zone, user_on_home, user_elsewhere, kernel_on_zone;
    int64_t node_total, node_used, node_percpu;
    int64_t foreign, slack;
    bool exclusive;
};

#define OF(member) offsetof(struct verification, member)
#define BYTES(member)                                                                                        \
    {                                                                                                        \
#member, VARLINK_INT, OF(member), VARLINK_REQUIRED, .min = INT64_MIN, .max = INT64_MAX               \
    }
static const struct varlink_field fields[] = {
    { "zone", VARLINK_STRING, OF(zone), VARLINK_REQUIRED, .min = 1, .max = 255 },
    { "node", VARLINK_INT, OF(node), VARLINK_REQUIRED, .max = INT32_MAX },
    BYTES(user_on_zone),
    BYTES(user_on_home),
    BYTES(user_elsewhere),
    BYTES(kernel_on_zone),
    BYTES(node_total),
    BYTES(node_used),
    BYTES(node_percpu),
    BYTES(foreign),
    BYTES(slack),
    { "exclusive", VARLINK_BOOL, OF(exclusive), .flags = VARLINK_REQUIRED },
};

/* One run of the verb. */
struct check {
    struct ctl *ctl;
    struct table *table;
    size_t checked, shared;
};

static void cell_size(struct table *table, int64_t bytes, unsigned int paint)
{
    char size[SIZE_TEXT_MAX];

    table_cell(table, paint, "%s", size_format(bytes, size));
}

static void add_row(struct table *table, const struct verification *verification, const char *container)
{
    table_cell(table, PAINT_NONE, "%s", verification->zone);
    table_cell(table, PAINT_NONE, "%s", container ? container : "");
    table_cell(table, PAINT_NONE, "%lld", (long long)verification->node);
    cell_size(table, verification->user_on_zone, PAINT_NONE);
    cell_size(table, verification->user_on_home, PAINT_NONE);
    cell_size(table, verification->user_elsewhere, verification->user_elsewhere ? PAINT_BAD : PAINT_NONE);
    cell_size(table, verification->node_used, PAINT_NONE);
    cell_size(table, verification->foreign,
              verification->foreign > verification->slack ? PAINT_BAD : PAINT_NONE);
    cell_size(table, verification->slack, PAINT_NONE);
    table_cell(table, verification->exclusive ? PAINT_GOOD : PAINT_BAD, "%s",
               verification->exclusive ? "yes" : "NO");
}

static enum exit_code take(struct check *check, json_t *answer, const char *container)
{
    json_t *object = json_object_get(answer, "verification");
    struct verification verification = { 0 };
    struct varlink_fault fault = { 0 };

    if (!json_is_object(object))
        return ctl_bad_reply(check->ctl, VERIFY, "verification", "is missing");
    if (varlink_fields_decode(object, fields, ELEMENTS(fields), VARLINK_IGNORE_UNKNOWN, &verification,
                              &fault) < 0)
        return ctl_bad_reply(check->ctl, VERIFY, fault.parameter, fault.reason.text);
    check->checked++;
    check->shared += !verification.exclusive;
    if (check->ctl->options.json)
        return ctl_print_json(check->ctl, object);
    add_row(check->table, &verification, container);
    return EXIT_OK;
}

/* @passing  it may go while we look: that is no error */
static enum exit_code verify(struct check *check, const char *zone, const char *container, bool passing)
{
    struct varlink_reply reply = VARLINK_REPLY_INIT;
    enum exit_code code;

    code = ctl_exchange(check->ctl, VERIFY, json_pack("{s:s}", "zone", zone), CTL_ANSWER_MS, &reply);
    if (!code && !reply.error)
        code = take(check, reply.parameters, container);
    else if (!code && !(passing && ctl_code_of_error(reply.error) == EXIT_NOT_FOUND))
        code = ctl_error_reply(check->ctl, reply.error, reply.parameters);
    varlink_reply_done(&reply);
    return code;
}

/* A zone goes by its own name or its container's. */
static enum exit_code verify_named(struct check *check, const struct inventory *inventory, const char *name)
{
    const struct zone *zone = inventory_zone(inventory, name);

    for (size_t i = 0; !zone && i < inventory->n_zones; i++)
        if (inventory->zones[i].container && !strcmp(inventory->zones[i].container, name))
            zone = &inventory->zones[i];
    return verify(check, zone ? zone->name : name, zone ? zone->container : NULL, false);
}

static enum exit_code verify_all(struct check *check, const struct inventory *inventory)
{
    enum exit_code code = EXIT_OK;

    for (size_t i = 0; !code && i < inventory->n_zones; i++)
        if (inventory->zones[i].container)
            code = verify(check, inventory->zones[i].name, inventory->zones[i].container, true);
    return code;
}

static enum exit_code conclude(const struct check *check)
{
    const struct ctl *ctl = check->ctl;

    if (!ctl->options.json && check->checked && table_print(check->table, &ctl->out) < 0)
        return ctl_no_memory(ctl);
    if (!check->checked)
        ctl_note(ctl, "no zone has a container: there is nothing to compare");
    if (!check->shared)
        return EXIT_OK;
    (void)fflush(ctl->out.file);
    ctl_error(ctl, "%zu of %zu zones not exclusive", check->shared, check->checked);
    return EXIT_NOT_EXCLUSIVE;
}

static int verify_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    static const struct table_column columns[] = {
        { "ZONE", TABLE_CUT },        { "CONTAINER", TABLE_CUT }, { "NODE", TABLE_RIGHT },
        { "ON ZONE", TABLE_RIGHT },   { "ON HOME", TABLE_RIGHT }, { "ELSEWHERE", TABLE_RIGHT },
        { "NODE USED", TABLE_RIGHT }, { "FOREIGN", TABLE_RIGHT }, { "SLACK", TABLE_RIGHT },
        { "EXCLUSIVE", 0 },
    };
    const struct verify_options *options = data;
    struct check check = { .ctl = ctl };
    struct inventory inventory;
    enum exit_code code, worst = EXIT_OK;

    if (options->all && n_arguments) {
        ctl_error(ctl, "--all takes no ID");
        return EXIT_USAGE;
    }
    code = inventory_get(ctl, false, &inventory);
    if (code)
        return code;
    check.table = table_new(columns, ELEMENTS(columns));
    if (!n_arguments)
        worst = verify_all(&check, &inventory);
    for (size_t i = 0; i < n_arguments; i++) {
        code = verify_named(&check, &inventory, arguments[i]);
        if (code)
            worst = code;
    }
    code = worst && !check.checked ? worst : conclude(&check);
    table_free(check.table);
    inventory_done(&inventory);
    return worst ? worst : code;
}

const struct verb verb_verify = {
    .name = "verify",
    .synopsis = "[ID|ZONE...]",
    .summary = "Prove by the kernel's own numbers that zones are exclusive",
    .details =
        "Exits with 0 only if every zone is exclusive. FOREIGN is memory used on the zone's node that is not "
        "its\n"
        "container's; up to SLACK it is the kernel's per-CPU lists. ELSEWHERE is the container's memory on\n"
        "nodes that are neither its zone's nor the home node.",
    .max = UNLIMITED_ARGUMENTS,
    .flags = VERB_CONTAINERS,
    .options = rows,
    .options_size = sizeof(struct verify_options),
    .function = verify_verb,
};
