/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/inventory.h"
#include "agent/ctl/printable.h"
#include "agent/ctl/table.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/size.h"

#define GET_INFO "org.varlink.service.GetInfo"

struct service {
    const char *vendor, *product, *version, *url;
    json_t *interfaces;
};

#define OF(member) offsetof(struct service, member)
static const struct varlink_field fields[] = {
    { "vendor", VARLINK_STRING, OF(vendor), VARLINK_REQUIRED, .max = 4096 },
    { "product", VARLINK_STRING, OF(product), VARLINK_REQUIRED, .max = 4096 },
    { "version", VARLINK_STRING, OF(version), VARLINK_REQUIRED, .max = 4096 },
    { "url", VARLINK_STRING, OF(url), VARLINK_REQUIRED, .max = 4096 },
    { "interfaces", VARLINK_STRINGS, OF(interfaces), VARLINK_REQUIRED, .max = 4096, .count_max = 1024 },
};

static void line(const struct ctl *ctl, const char *name, const char *text)
{
    CLEANUP_FREE char *safe = printable_copy(text, ctl->out.utf8);

    (void)fprintf(ctl->out.file, "%s%-11s%s %s\n", terminal_paint(&ctl->out, PAINT_HEAD), name,
                  terminal_plain(&ctl->out), safe ? safe : "(out of memory)");
}

static enum exit_code print_nodes(const struct ctl *ctl, const struct inventory *inventory)
{
    static const struct table_column columns[] = {
        { "NODE", TABLE_RIGHT },   { "ROLE", 0 }, { "TIER", 0 }, { "PROVIDER", 0 }, { "BLOCKS", TABLE_RIGHT },
        { "MEMORY", TABLE_RIGHT },
    };
    struct table *table = table_new(columns, ELEMENTS(columns));
    char size[SIZE_TEXT_MAX];
    int r;

    for (size_t i = 0; i < inventory->n_nodes; i++) {
        const struct node *node = &inventory->nodes[i];

        table_cell(table, PAINT_NONE, "%lld", (long long)node->node);
        table_cell(table, PAINT_NONE, "%s", node->role);
        if (node->tier >= 0)
            table_cell(table, PAINT_NONE, "memory_tier%lld", (long long)node->tier);
        else
            table_cell(table, PAINT_NONE, "%s", "");
        table_cell(table, PAINT_NONE, "%s", node->provider);
        table_cell(table, PAINT_NONE, "%lld", (long long)node->blocks);
        if (node->blocks > INT64_MAX / inventory->block_size)
            table_cell(table, PAINT_BAD, "%s", "too large");
        else
            table_cell(table, PAINT_NONE, "%s", size_format(node->blocks * inventory->block_size, size));
    }
    r = table_print(table, &ctl->out);
    table_free(table);
    return r < 0 ? ctl_no_memory(ctl) : EXIT_OK;
}

static enum exit_code print_people(const struct ctl *ctl, const struct service *service,
                                   const struct inventory *inventory)
{
    char text[ADDRESS_TEXT_MAX], size[SIZE_TEXT_MAX];
    enum exit_code code;
    json_t *interface;
    size_t i;

    line(ctl, "Address", address_format(&ctl->address, text));
    line(ctl, "Vendor", service->vendor);
    line(ctl, "Product", service->product);
    line(ctl, "Version", service->version);
    if (*service->url)
        line(ctl, "URL", service->url);
    json_array_foreach(service->interfaces, i, interface)
        line(ctl, i ? "" : "Interfaces", json_string_value(interface));
    line(ctl, "Block size", size_format(inventory->block_size, size));
    (void)snprintf(text, sizeof(text), "%zu", inventory->n_zones);
    line(ctl, "Zones", text);
    line(ctl, "Host", inventory->host_attached ? "attached" : "not attached");
    (void)fputc('\n', ctl->out.file);
    code = print_nodes(ctl, inventory);
    inventory_tell_dangers(ctl, inventory);
    return code;
}

static enum exit_code print_json(const struct ctl *ctl, json_t *service, const struct inventory *inventory)
{
    CLEANUP_JSON json_t *all = json_copy(service);
    char text[ADDRESS_TEXT_MAX];
    int r;

    r = json_object_update(all, inventory->answer);
    r |= json_object_set_new(all, "address", json_string(address_format(&ctl->address, text)));
    return r ? ctl_no_memory(ctl) : ctl_print_json(ctl, all);
}

static int info_verb(struct ctl *ctl, const void *options, char **arguments, size_t n_arguments)
{
    CLEANUP_JSON json_t *answer = NULL;
    struct service service = { 0 };
    struct varlink_fault fault = { 0 };
    struct inventory inventory;
    enum exit_code code;

    (void)options;
    (void)arguments;
    (void)n_arguments;
    code = ctl_call(ctl, GET_INFO, json_object(), CTL_ANSWER_MS, &answer);
    if (code)
        return code;
    if (varlink_fields_decode(answer, fields, ELEMENTS(fields), VARLINK_IGNORE_UNKNOWN, &service, &fault) < 0)
        return ctl_bad_reply(ctl, GET_INFO, fault.parameter, fault.reason.text);
    code = inventory_get(ctl, false, &inventory);
    if (code)
        return code;
    code = ctl->options.json ? print_json(ctl, answer, &inventory) : print_people(ctl, &service, &inventory);
    inventory_done(&inventory);
    return code;
}

const struct verb verb_info = {
    .name = "info",
    .synopsis = "",
    .summary = "Show who answers, the guest's nodes, and what endangers exclusivity",
    .function = info_verb,
};
