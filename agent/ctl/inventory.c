/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/inventory.h"

#include <stdlib.h>
#include <string.h>

#include "agent/ctl/printable.h"
#include "proto/cleanup.h"
#include "proto/fields.h"

#define LIST     "io.czone.Zone.List"
#define TEXT_MAX 4096
/* 2^52 bytes of physical address are the most x86-64 and arm64 have; with it, sums below do not overflow. */
#define ADDRESS_MAX (INT64_C(1) << 52)

struct wire_list {
    json_t *zones, *nodes, *blocks, *dangers;
    int64_t block_size;
    bool host_attached;
};

#define OF_LIST(name) offsetof(struct wire_list, name)
static const struct varlink_field list_fields[] = {
    { "zones", VARLINK_OBJECTS, OF_LIST(zones), VARLINK_REQUIRED, .count_max = INT32_MAX },
    { "nodes", VARLINK_OBJECTS, OF_LIST(nodes), VARLINK_REQUIRED, .count_max = INT32_MAX },
    { "blocks", VARLINK_OBJECTS, OF_LIST(blocks), 0, .count_max = INT32_MAX },
    { "block_size", VARLINK_INT, OF_LIST(block_size), VARLINK_REQUIRED, .min = 1, .max = ADDRESS_MAX },
    { "host_attached", VARLINK_BOOL, OF_LIST(host_attached), .flags = VARLINK_REQUIRED },
    { "dangers", VARLINK_OBJECTS, OF_LIST(dangers), VARLINK_REQUIRED, .count_max = INT32_MAX },
};

#define OF_ZONE(name) offsetof(struct zone, name)
static const struct varlink_field zone_fields[] = {
    { "name", VARLINK_STRING, OF_ZONE(name), VARLINK_REQUIRED, .min = 1, .max = TEXT_MAX },
    { "state", VARLINK_STRING, OF_ZONE(state), VARLINK_REQUIRED, .max = TEXT_MAX },
    { "container", VARLINK_STRING, OF_ZONE(container), 0, .max = TEXT_MAX },
    { "node", VARLINK_INT, OF_ZONE(node), VARLINK_REQUIRED, .min = -1, .max = INT32_MAX },
    { "tier", VARLINK_INT, OF_ZONE(tier), VARLINK_REQUIRED, .min = -1, .max = INT32_MAX },
    { "provider", VARLINK_STRING, OF_ZONE(provider), VARLINK_REQUIRED, .max = TEXT_MAX },
    { "start", VARLINK_INT, OF_ZONE(start), VARLINK_REQUIRED, .max = ADDRESS_MAX },
    { "size", VARLINK_INT, OF_ZONE(size), VARLINK_REQUIRED, .max = ADDRESS_MAX },
    { "used", VARLINK_INT, OF_ZONE(used), VARLINK_REQUIRED, .max = ADDRESS_MAX },
};

#define OF_NODE(name) offsetof(struct node, name)
static const struct varlink_field node_fields[] = {
    { "node", VARLINK_INT, OF_NODE(node), VARLINK_REQUIRED, .max = INT32_MAX },
    { "role", VARLINK_STRING, OF_NODE(role), VARLINK_REQUIRED, .max = TEXT_MAX },
    { "tier", VARLINK_INT, OF_NODE(tier), VARLINK_REQUIRED, .min = -1, .max = INT32_MAX },
    { "provider", VARLINK_STRING, OF_NODE(provider), VARLINK_REQUIRED, .max = TEXT_MAX },
    { "blocks", VARLINK_INT, OF_NODE(blocks), VARLINK_REQUIRED, .max = INT32_MAX },
};

#define OF_BLOCK(name) offsetof(struct block, name)
static const struct varlink_field block_fields[] = {
    { "block", VARLINK_INT, OF_BLOCK(block), VARLINK_REQUIRED, .max = ADDRESS_MAX },
    { "node", VARLINK_INT, OF_BLOCK(node), VARLINK_REQUIRED, .min = -1, .max = INT32_MAX },
    { "state", VARLINK_STRING, OF_BLOCK(state), VARLINK_REQUIRED, .max = TEXT_MAX },
    { "zone", VARLINK_STRING, OF_BLOCK(zone), 0, .max = TEXT_MAX },
};

void inventory_done(struct inventory *inventory)
{
    free(inventory->zones);
    free(inventory->nodes);
    free(inventory->blocks);
    json_decref(inventory->answer);
    *inventory = (struct inventory){ 0 };
}

/* Decodes an array of objects into an array of structs that start out as zeroes. */
static int read_array(json_t *array, const char *name, const struct varlink_field *fields, size_t n_fields,
                      size_t size, void **ret, size_t *ret_count, struct varlink_fault *fault)
{
    size_t count = json_array_size(array);
    char *items = calloc(count + 1, size);
    int r = 0;

    if (!items)
        return -ENOMEM;
    for (size_t i = 0; r == 0 && i < count; i++)
        r = varlink_objects_decode(array, i, name, fields, n_fields, VARLINK_IGNORE_UNKNOWN, items + i * size,
                                   fault);
    if (r < 0) {
        free(items);
        return r;
    }
    *ret = items;
    *ret_count = count;
    return 0;
}

static int compare(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_zones(const void *a, const void *b)
{
    return compare(((const struct zone *)a)->start, ((const struct zone *)b)->start);
}

static int compare_nodes(const void *a, const void *b)
{
    return compare(((const struct node *)a)->node, ((const struct node *)b)->node);
}

static int compare_blocks(const void *a, const void *b)
{
    return compare(((const struct block *)a)->block, ((const struct block *)b)->block);
}

/* A picture with a block in two places would lie. */
static int check_blocks(const struct inventory *inventory, struct varlink_fault *fault)
{
    for (size_t i = 0; i < inventory->n_blocks; i++) {
        if (inventory->blocks[i].block > ADDRESS_MAX / inventory->block_size)
            return varlink_fault_set(fault, "blocks", "block %lld is beyond any memory",
                                     (long long)inventory->blocks[i].block);
        if (i && inventory->blocks[i].block == inventory->blocks[i - 1].block)
            return varlink_fault_set(fault, "blocks", "block %lld is there twice",
                                     (long long)inventory->blocks[i].block);
    }
    return 0;
}

enum exit_code inventory_read(const struct ctl *ctl, json_t *answer, struct inventory *ret)
{
    struct inventory inventory = { .answer = json_incref(answer) };
    struct varlink_fault fault = { 0 };
    struct wire_list list = { 0 };
    int r;

    r = varlink_fields_decode(answer, list_fields, ELEMENTS(list_fields), VARLINK_IGNORE_UNKNOWN, &list,
                              &fault);
    if (r == 0)
        r = read_array(list.zones, "zones", zone_fields, ELEMENTS(zone_fields), sizeof(struct zone),
                       (void **)&inventory.zones, &inventory.n_zones, &fault);
    if (r == 0)
        r = read_array(list.nodes, "nodes", node_fields, ELEMENTS(node_fields), sizeof(struct node),
                       (void **)&inventory.nodes, &inventory.n_nodes, &fault);
    if (r == 0)
        r = read_array(list.blocks, "blocks", block_fields, ELEMENTS(block_fields), sizeof(struct block),
                       (void **)&inventory.blocks, &inventory.n_blocks, &fault);
    if (r == 0) {
        inventory.block_size = list.block_size;
        inventory.host_attached = list.host_attached;
        inventory.dangers = list.dangers;
        qsort(inventory.zones, inventory.n_zones, sizeof(struct zone), compare_zones);
        qsort(inventory.nodes, inventory.n_nodes, sizeof(struct node), compare_nodes);
        qsort(inventory.blocks, inventory.n_blocks, sizeof(struct block), compare_blocks);
        r = check_blocks(&inventory, &fault);
    }
    if (r < 0) {
        inventory_done(&inventory);
        return r == -ENOMEM ? ctl_no_memory(ctl)
                            : ctl_bad_reply(ctl, LIST, fault.parameter, fault.reason.text);
    }
    *ret = inventory;
    return EXIT_OK;
}

enum exit_code inventory_get(struct ctl *ctl, bool blocks, struct inventory *ret)
{
    CLEANUP_JSON json_t *answer = NULL;
    json_t *parameters = blocks ? json_pack("{s:b}", "blocks", 1) : json_object();
    enum exit_code code = ctl_call(ctl, LIST, parameters, CTL_ANSWER_MS, &answer);

    return code ? code : inventory_read(ctl, answer, ret);
}

const struct zone *inventory_zone(const struct inventory *inventory, const char *name)
{
    for (size_t i = 0; i < inventory->n_zones; i++)
        if (!strcmp(inventory->zones[i].name, name))
            return &inventory->zones[i];
    return NULL;
}

void inventory_tell_dangers(const struct ctl *ctl, const struct inventory *inventory)
{
    size_t i;
    json_t *danger;

    json_array_foreach(inventory->dangers, i, danger) {
        const char *message = json_string_value(json_object_get(danger, "message"));
        CLEANUP_FREE char *safe = printable_copy(message ? message : "(no message)", ctl->out.utf8);

        (void)fprintf(ctl->out.file, "%sdanger:%s %s\n", terminal_paint(&ctl->out, PAINT_BAD),
                      terminal_plain(&ctl->out), safe ? safe : "(out of memory)");
    }
    if (!inventory->host_attached)
        (void)fprintf(
            ctl->out.file,
            "%sno host attached:%s memory is not plugged on demand, and what is free stays in the guest\n",
            terminal_paint(&ctl->out, PAINT_BUSY), terminal_plain(&ctl->out));
}
