/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/inventory.h"
#include "agent/ctl/map.h"
#include "agent/ctl/table.h"
#include "agent/ctl/verbs.h"
#include "proto/cleanup.h"
#include "proto/fields.h"
#include "proto/size.h"

struct zones_options {
    bool map;
};

static const struct option_row rows[] = {
    { "map", 'm', OPTION_FLAG, offsetof(struct zones_options, map), NULL,
      "draw the guest's physical memory, a mark per block", 0, 0 },
    { 0 },
};

static void add_row(struct table *table, const struct zone *zone)
{
    char size[SIZE_TEXT_MAX], used[SIZE_TEXT_MAX];

    table_cell(table, PAINT_NONE, "%s", zone->name);
    table_cell(table, PAINT_NONE, "%s", zone->container ? zone->container : "");
    table_cell(table, PAINT_NONE, "%lld", (long long)zone->node);
    if (zone->tier >= 0)
        table_cell(table, PAINT_NONE, "memory_tier%lld", (long long)zone->tier);
    else
        table_cell(table, PAINT_NONE, "%s", "");
    table_cell(table, PAINT_NONE, "%s", zone->provider);
    if (zone->size)
        table_cell(table, PAINT_NONE, "0x%llx-0x%llx", (unsigned long long)zone->start,
                   (unsigned long long)(zone->start + zone->size - 1));
    else
        table_cell(table, PAINT_NONE, "%s", "");
    table_cell(table, PAINT_NONE, "%s", size_format(zone->size, size));
    table_cell(table, PAINT_NONE, "%s", size_format(zone->used, used));
    table_cell(table, PAINT_NONE, "%s", zone->state);
}

static enum exit_code print_table(const struct ctl *ctl, const struct inventory *inventory)
{
    static const struct table_column columns[] = {
        { "ZONE", TABLE_CUT },   { "CONTAINER", TABLE_CUT }, { "NODE", TABLE_RIGHT },
        { "TIER", TABLE_CUT },   { "PROVIDER", TABLE_CUT },  { "RANGE", 0 },
        { "SIZE", TABLE_RIGHT }, { "USED", TABLE_RIGHT },    { "STATE", 0 },
    };
    struct table *table = table_new(columns, ELEMENTS(columns));
    int r;

    for (size_t i = 0; i < inventory->n_zones; i++)
        add_row(table, &inventory->zones[i]);
    r = table_print(table, &ctl->out);
    table_free(table);
    return r < 0 ? ctl_no_memory(ctl) : EXIT_OK;
}

static enum exit_code print_json(const struct ctl *ctl, const struct inventory *inventory, bool map)
{
    enum exit_code code = EXIT_OK;
    json_t *zone;
    size_t i;

    if (map)
        return ctl_print_json(ctl, inventory->answer);
    json_array_foreach(json_object_get(inventory->answer, "zones"), i, zone) {
        code = ctl_print_json(ctl, zone);
        if (code)
            break;
    }
    return code;
}

static int zones_verb(struct ctl *ctl, const void *data, char **arguments, size_t n_arguments)
{
    const struct zones_options *options = data;
    struct inventory inventory;
    enum exit_code code;

    (void)arguments;
    (void)n_arguments;
    code = inventory_get(ctl, options->map, &inventory);
    if (code)
        return code;
    if (ctl->options.json)
        code = print_json(ctl, &inventory, options->map);
    else if (!options->map)
        code = print_table(ctl, &inventory);
    else if (map_print(&inventory, &ctl->out) < 0)
        code = ctl_no_memory(ctl);
    if (!code && !ctl->options.json)
        inventory_tell_dangers(ctl, &inventory);
    inventory_done(&inventory);
    return code;
}

const struct verb verb_zones = {
    .name = "zones",
    .synopsis = "",
    .summary = "List memory zones, or draw where they lie",
    .details = "With --json a line per zone; with --json --map one object with zones, nodes and blocks.",
    .options = rows,
    .options_size = sizeof(struct zones_options),
    .function = zones_verb,
};
