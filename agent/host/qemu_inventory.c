/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/qemu_inventory.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "proto/cleanup.h"

void inventory_done(struct inventory *inventory)
{
    free(inventory->devices);
    *inventory = (struct inventory){ 0 };
}

void dimm_name(int node, char ret[DRIVER_NAME_MAX])
{
    (void)snprintf(ret, DRIVER_NAME_MAX, "czone-dimm-%d", node);
}

void dimm_memory_name(int node, uint64_t nonce, char ret[DRIVER_NAME_MAX])
{
    (void)snprintf(ret, DRIVER_NAME_MAX, "czone-dimm-%d-mem-%016" PRIx64, node, nonce);
}

static const char dimm_prefix[] = "czone-dimm-";

/* A name is ours if it is the one we would give, to the byte. */
int dimm_node(const char *name)
{
    char expected[DRIVER_NAME_MAX];
    long node;

    if (strncmp(name, dimm_prefix, sizeof(dimm_prefix) - 1) != 0)
        return -1;
    node = strtol(name + sizeof(dimm_prefix) - 1, NULL, 10);
    if (node < 0 || node >= NODES_MAX)
        return -1;
    dimm_name((int)node, expected);
    return strcmp(name, expected) == 0 ? (int)node : -1;
}

bool dimm_memory_is_ours(const char *name)
{
    const char *nonce = strrchr(name, '-');
    char expected[DRIVER_NAME_MAX];
    long node;

    if (strncmp(name, dimm_prefix, sizeof(dimm_prefix) - 1) != 0)
        return false;
    node = strtol(name + sizeof(dimm_prefix) - 1, NULL, 10);
    if (node < 0 || node >= NODES_MAX)
        return false;
    dimm_memory_name((int)node, strtoull(nonce + 1, NULL, 16), expected);
    return strcmp(name, expected) == 0;
}

bool inventory_has_memory(const struct inventory *inventory, const char *memory)
{
    for (size_t i = 0; i < inventory->count; i++)
        if (strcmp(inventory->devices[i].memory, memory) == 0)
            return true;
    return false;
}

static int integer_read(json_t *data, const char *key, uint64_t *ret, struct reason *reason)
{
    json_t *value = json_object_get(data, key);

    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return reason_fail(reason, -EPROTO, "query-memory-devices: a device without a valid '%s'", key);
    *ret = (uint64_t)json_integer_value(value);
    return 0;
}

static int virtio_mem_read(json_t *data, struct qemu_device *ret, struct reason *reason)
{
    const char *id = json_string_value(json_object_get(data, "id"));
    int r;

    if ((r = integer_read(data, "memaddr", &ret->span.start, reason)) < 0 ||
        (r = integer_read(data, "max-size", &ret->span.bytes, reason)) < 0 ||
        (r = integer_read(data, "size", &ret->plugged, reason)) < 0 ||
        (r = integer_read(data, "requested-size", &ret->requested, reason)) < 0 ||
        (r = integer_read(data, "block-size", &ret->block, reason)) < 0)
        return r;
    if (ret->block == 0 || (ret->block & (ret->block - 1)) != 0 || ret->plugged > ret->span.bytes)
        return reason_fail(reason, -EPROTO, "query-memory-devices: virtio-mem with impossible sizes");
    /* Without an id it has no path that we could name. */
    if (id && *id && strlen(id) < sizeof(ret->name)) {
        ret->type = QEMU_VIRTIO_MEM;
        memcpy(ret->name, id, strlen(id) + 1);
    }
    return 0;
}

static int dimm_read(json_t *data, struct qemu_device *ret, struct reason *reason)
{
    static const char objects[] = "/objects/";
    const size_t length = sizeof(objects) - 1;
    const char *id = json_string_value(json_object_get(data, "id"));
    const char *memory = json_string_value(json_object_get(data, "memdev"));
    int r;

    r = integer_read(data, json_object_get(data, "addr") ? "addr" : "memaddr", &ret->span.start, reason);
    if (r < 0)
        return r;
    r = integer_read(data, "size", &ret->span.bytes, reason);
    if (r < 0)
        return r;
    ret->plugged = ret->requested = ret->span.bytes;
    if (id && memory && ret->node >= 0 && dimm_node(id) == ret->node &&
        strncmp(memory, objects, length) == 0 && dimm_memory_is_ours(memory + length)) {
        ret->type = QEMU_DIMM;
        dimm_name(ret->node, ret->name);
        memcpy(ret->memory, memory + length, strlen(memory + length) + 1);
    }
    return 0;
}

static int device_read(json_t *element, struct qemu_device *ret, struct reason *reason)
{
    const char *type = json_string_value(json_object_get(element, "type"));
    json_t *data = json_object_get(element, "data"), *node = json_object_get(data, "node");
    struct qemu_device device = { .type = QEMU_OTHER, .node = -1, .block = 1 };
    int r;

    if (!type || !json_is_object(data))
        return reason_fail(reason, -EPROTO, "query-memory-devices: a device without type or data");
    if (json_is_integer(node) && json_integer_value(node) >= 0 && json_integer_value(node) < NODES_MAX)
        device.node = (int)json_integer_value(node);
    r = strcmp(type, "virtio-mem") == 0 ? virtio_mem_read(data, &device, reason)
                                        : dimm_read(data, &device, reason);
    if (r < 0)
        return r;
    if (device.span.bytes > UINT64_MAX - device.span.start)
        return reason_fail(reason, -EPROTO, "query-memory-devices: a device beyond the end of memory");
    *ret = device;
    return 0;
}

int inventory_decode(json_t *value, struct inventory *ret, struct reason *reason)
{
    CLEANUP(inventory_done) struct inventory inventory = { 0 };
    json_t *element;
    size_t index;
    int r;

    if (!json_is_array(value))
        return reason_fail(reason, -EPROTO, "query-memory-devices: not an array");
    inventory.devices = calloc(json_array_size(value) + 1, sizeof(*inventory.devices));
    if (!inventory.devices)
        return -ENOMEM;
    json_array_foreach(value, index, element) {
        r = device_read(element, &inventory.devices[index], reason);
        if (r < 0)
            return r;
    }
    inventory.count = json_array_size(value);
    *ret = inventory;
    inventory.devices = NULL;
    return 0;
}

struct qemu_device *inventory_find(const struct inventory *inventory, const char *name)
{
    for (size_t i = 0; i < inventory->count; i++)
        if (inventory->devices[i].type != QEMU_OTHER && strcmp(inventory->devices[i].name, name) == 0)
            return &inventory->devices[i];
    return NULL;
}

/* Is there memory on a node, or may there be soon, other than on this device? */
static bool node_taken(const struct inventory *inventory, int node, const struct qemu_device *except)
{
    for (size_t i = 0; i < inventory->count; i++) {
        const struct qemu_device *device = &inventory->devices[i];

        if (device != except && device->node == node &&
            (device->plugged || device->requested || device->busy))
            return true;
    }
    return false;
}

static bool device_free(const struct inventory *inventory, const struct qemu_device *device,
                        const struct driver_plug *plug)
{
    return device->type == QEMU_VIRTIO_MEM && !device->plugged && !device->requested && !device->busy &&
           device->span.start % plug->block == 0 && !node_taken(inventory, device->node, device) &&
           tier_rank(plug->map, &plug->tier, device->node) != TIER_RANK_UNFIT;
}

/* Of two that are free and large enough. */
static bool device_better(const struct qemu_device *a, const struct qemu_device *b,
                          const struct driver_plug *plug)
{
    enum tier_rank rank_a = tier_rank(plug->map, &plug->tier, a->node),
                   rank_b = tier_rank(plug->map, &plug->tier, b->node);

    /* With `any` the best fit goes first and the tier decides a tie, as in libczone. */
    if (plug->tier.kind == TIER_ANY && a->span.bytes != b->span.bytes)
        return a->span.bytes < b->span.bytes;
    if (rank_a != rank_b)
        return rank_a < rank_b;
    if (a->span.bytes != b->span.bytes)
        return a->span.bytes < b->span.bytes;
    return a->span.start < b->span.start;
}

const struct qemu_device *inventory_choose(const struct inventory *inventory, const struct driver_plug *plug,
                                           uint64_t *ret_bytes, uint64_t *ret_largest)
{
    const struct qemu_device *best = NULL;

    *ret_largest = 0;
    for (size_t i = 0; i < inventory->count; i++) {
        const struct qemu_device *device = &inventory->devices[i];
        uint64_t block, bytes;

        if (!device_free(inventory, device, plug))
            continue;
        if (device->span.bytes > *ret_largest)
            *ret_largest = device->span.bytes;
        block = device->block > plug->block ? device->block : plug->block;
        bytes = bytes_round(plug->bytes, block);
        if (bytes == 0 || bytes > device->span.bytes || (best && !device_better(device, best, plug)))
            continue;
        best = device;
        *ret_bytes = bytes;
    }
    return best;
}

static bool range_within(const struct range *inner, const struct range *outer)
{
    return inner->start >= outer->start && inner->bytes <= outer->bytes &&
           inner->start - outer->start <= outer->bytes - inner->bytes;
}

int inventory_match(const struct inventory *inventory, const struct range *range,
                    const struct qemu_device **ret, struct reason *reason)
{
    for (size_t i = 0; range->bytes > 0 && i < inventory->count; i++) {
        const struct qemu_device *device = &inventory->devices[i];

        if (device->type == QEMU_OTHER || !range_within(range, &device->span))
            continue;
        if (device->type == QEMU_DIMM && range->bytes != device->span.bytes)
            return reason_fail(reason, -ENOENT,
                               "%s is a dimm of %" PRIu64 " MiB and goes whole, not %" PRIu64 " MiB of it",
                               device->name, device->span.bytes >> 20, range->bytes >> 20);
        if ((range->start - device->span.start) % device->block || range->bytes % device->block)
            return reason_fail(reason, -ENOENT,
                               "the range is not made of whole blocks of %s (%" PRIu64 " KiB)", device->name,
                               device->block >> 10);
        if (device->plugged && range->bytes > device->plugged)
            return reason_fail(reason, -ENOENT,
                               "%s has %" PRIu64 " MiB plugged, less than the %" PRIu64 " MiB of the range",
                               device->name, device->plugged >> 20, range->bytes >> 20);
        *ret = device;
        return 0;
    }
    return reason_fail(reason, -ENOENT, "no device of ours has 0x%" PRIx64 "+0x%" PRIx64, range->start,
                       range->bytes);
}

int inventory_absent_cpu_nodes(json_t *cpus, struct nodes *ret, struct reason *reason)
{
    struct nodes absent = { 0 }, present = { 0 };
    json_t *cpu;
    size_t index;

    if (!json_is_array(cpus))
        return reason_fail(reason, -EPROTO, "query-hotpluggable-cpus: not an array");
    json_array_foreach(cpus, index, cpu) {
        json_t *node = json_object_get(json_object_get(cpu, "props"), "node-id");

        if (!json_is_integer(node) || json_integer_value(node) < 0 || json_integer_value(node) >= NODES_MAX)
            continue;
        nodes_add(json_object_get(cpu, "qom-path") ? &present : &absent, (int)json_integer_value(node));
    }
    for (size_t i = 0; i < NODES_MAX / 64; i++)
        absent.words[i] &= ~present.words[i];
    *ret = absent;
    return 0;
}

int inventory_dimm_node(const struct inventory *inventory, const struct nodes *nodes,
                        const struct driver_plug *plug)
{
    struct nodes left = *nodes;
    int second = -1;

    /* Also a free virtio-mem device keeps its node. */
    for (size_t i = 0; i < inventory->count; i++)
        nodes_remove(&left, inventory->devices[i].node);
    for (int node = 0; node < NODES_MAX; node++) {
        enum tier_rank rank =
            nodes_has(&left, node) ? tier_rank(plug->map, &plug->tier, node) : TIER_RANK_UNFIT;

        if (rank == TIER_RANK_BEST)
            return node;
        if (rank == TIER_RANK_SECOND && second < 0)
            second = node;
    }
    return second;
}
