/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/usage.h"

#include <string.h>

#include "agent/ctl/when.h"
#include "proto/fields.h"
#include "proto/size.h"

#define STATS       "io.czone.Container.Stats"
#define ID_MAX      255
#define DEVICES_MAX 4096

/* The objects of an answer, to be decoded one by one. */
struct wire_usage {
    struct usage usage;
    json_t *limits, *cpu, *memory, *pids, *io;
};

struct wire_part {
    json_t *pressure, *devices;
    int64_t number, second;
};

#define OF(member) offsetof(struct wire_usage, member)
static const struct varlink_field usage_fields[] = {
    { "id", VARLINK_STRING, OF(usage.id), VARLINK_REQUIRED, .min = 1, .max = ID_MAX },
    { "time", VARLINK_INT, OF(usage.time), VARLINK_REQUIRED, .max = INT64_MAX },
    { "limits", VARLINK_OBJECT, OF(limits), .flags = VARLINK_REQUIRED },
    { "cpu", VARLINK_OBJECT, OF(cpu), .flags = VARLINK_REQUIRED },
    { "memory", VARLINK_OBJECT, OF(memory), .flags = VARLINK_REQUIRED },
    { "pids", VARLINK_OBJECT, OF(pids), .flags = VARLINK_REQUIRED },
    { "io", VARLINK_OBJECT, OF(io), .flags = 0 },
};

#define PART(member) offsetof(struct wire_part, member)
#define PRESSURE                                                                                             \
    {                                                                                                        \
        "pressure", VARLINK_OBJECT, PART(pressure), .flags = 0                                               \
    }
static const struct varlink_field limits_fields[] = {
    { "memory", VARLINK_INT, PART(number), 0, .max = INT64_MAX },
};
static const struct varlink_field cpu_fields[] = {
    { "usage", VARLINK_INT, PART(number), VARLINK_REQUIRED, .max = INT64_MAX },
    { "throttled_time", VARLINK_INT, PART(second), 0, .max = INT64_MAX },
    PRESSURE,
};
static const struct varlink_field memory_fields[] = {
    { "current", VARLINK_INT, PART(number), VARLINK_REQUIRED, .max = INT64_MAX },
    PRESSURE,
};
static const struct varlink_field pids_fields[] = {
    { "current", VARLINK_INT, PART(number), VARLINK_REQUIRED, .max = INT64_MAX },
};
static const struct varlink_field io_fields[] = {
    { "devices", VARLINK_OBJECTS, PART(devices), 0, .count_max = DEVICES_MAX },
    PRESSURE,
};
static const struct varlink_field device_fields[] = {
    { "read_bytes", VARLINK_INT, PART(number), VARLINK_REQUIRED, .max = INT64_MAX },
    { "written_bytes", VARLINK_INT, PART(second), VARLINK_REQUIRED, .max = INT64_MAX },
};
static const struct varlink_field some_fields[] = {
    { "some", VARLINK_OBJECT, PART(pressure), .flags = VARLINK_REQUIRED },
};
static const struct varlink_field pressure_fields[] = {
    { "avg10", VARLINK_INT, PART(number), VARLINK_REQUIRED, .max = INT64_MAX },
};

#define PART_INIT                                                                                            \
    {                                                                                                        \
        .number = -1, .second = -1                                                                           \
    }

static int read_part(json_t *object, const char *name, const struct varlink_field *fields, size_t n,
                     struct wire_part *ret, struct varlink_fault *fault)
{
    *ret = (struct wire_part)PART_INIT;
    return varlink_object_decode(object, name, fields, n, VARLINK_IGNORE_UNKNOWN, ret, fault);
}

/* avg10 of "some", or -1 when it is not told. */
static int read_pressure(json_t *object, int64_t *ret, struct varlink_fault *fault)
{
    struct wire_part part = PART_INIT;
    int r = 0;

    if (object)
        r = read_part(object, "pressure", some_fields, ELEMENTS(some_fields), &part, fault);
    if (object && r == 0)
        r = read_part(part.pressure, "pressure.some", pressure_fields, ELEMENTS(pressure_fields), &part,
                      fault);
    *ret = part.number;
    return r;
}

static int read_io(struct wire_usage *wire, struct varlink_fault *fault)
{
    struct wire_part part, device;
    int r;

    r = read_part(wire->io, "io", io_fields, ELEMENTS(io_fields), &part, fault);
    if (r == 0 && part.devices)
        wire->usage.read = wire->usage.written = 0;
    for (size_t i = 0; r == 0 && i < json_array_size(part.devices); i++) {
        device = (struct wire_part)PART_INIT;
        r = varlink_objects_decode(part.devices, i, "io.devices", device_fields, ELEMENTS(device_fields),
                                   VARLINK_IGNORE_UNKNOWN, &device, fault);
        if (r == 0 && (__builtin_add_overflow(wire->usage.read, device.number, &wire->usage.read) ||
                       __builtin_add_overflow(wire->usage.written, device.second, &wire->usage.written)))
            r = varlink_fault_set(fault, "io.devices", "is more than there can be");
    }
    return r < 0 ? r : read_pressure(part.pressure, &wire->usage.io_pressure, fault);
}

static int read_parts(struct wire_usage *wire, struct varlink_fault *fault)
{
    struct usage *usage = &wire->usage;
    struct wire_part part;
    int r;

    r = read_part(wire->limits, "limits", limits_fields, ELEMENTS(limits_fields), &part, fault);
    usage->memory_limit = part.number;
    if (r == 0)
        r = read_part(wire->cpu, "cpu", cpu_fields, ELEMENTS(cpu_fields), &part, fault);
    usage->cpu = part.number;
    usage->throttled_time = part.second;
    if (r == 0)
        r = read_pressure(part.pressure, &usage->cpu_pressure, fault);
    if (r == 0)
        r = read_part(wire->memory, "memory", memory_fields, ELEMENTS(memory_fields), &part, fault);
    usage->memory = part.number;
    if (r == 0)
        r = read_pressure(part.pressure, &usage->memory_pressure, fault);
    if (r == 0)
        r = read_part(wire->pids, "pids", pids_fields, ELEMENTS(pids_fields), &part, fault);
    usage->pids = part.number;
    return r == 0 && wire->io ? read_io(wire, fault) : r;
}

enum exit_code usage_read(const struct ctl *ctl, json_t *object, struct usage *ret)
{
    struct wire_usage wire = {
        .usage = { .read = -1, .written = -1, .cpu_pressure = -1, .memory_pressure = -1, .io_pressure = -1 }
    };
    struct varlink_fault fault = { 0 };
    int r;

    r = varlink_fields_decode(object, usage_fields, ELEMENTS(usage_fields), VARLINK_IGNORE_UNKNOWN, &wire,
                              &fault);
    if (r == 0)
        r = read_parts(&wire, &fault);
    if (r < 0)
        return ctl_bad_reply(ctl, STATS, fault.parameter, fault.reason.text);
    *ret = wire.usage;
    return EXIT_OK;
}

void usage_past_done(struct usage_past *past)
{
    json_decref(past->times);
    past->times = NULL;
}

enum exit_code usage_remember(const struct ctl *ctl, struct usage_past *now, const struct usage *usage)
{
    if (!now->times)
        now->times = json_object();
    if (!now->times ||
        json_object_set_new(now->times, usage->id,
                            json_pack("[I, I]", (json_int_t)usage->time, (json_int_t)usage->cpu)) < 0)
        return ctl_no_memory(ctl);
    return EXIT_OK;
}

struct table *usage_table(void)
{
    static const struct table_column columns[] = {
        { "CONTAINER", TABLE_CUT },
        { "CPU%", TABLE_RIGHT },
        { "MEMORY", TABLE_RIGHT },
        { "LIMIT", TABLE_RIGHT },
        { "PIDS", TABLE_RIGHT },
        { "CPU TIME", TABLE_RIGHT | TABLE_DROP },
        { "WAITS CPU/MEM/IO", TABLE_RIGHT | TABLE_DROP },
        { "THROTTLED", TABLE_RIGHT | TABLE_DROP },
        { "READ", TABLE_RIGHT | TABLE_DROP },
        { "WRITTEN", TABLE_RIGHT | TABLE_DROP },
    };

    return table_new(columns, ELEMENTS(columns));
}

static void cell_size(struct table *table, int64_t bytes, unsigned int paint)
{
    char size[SIZE_TEXT_MAX];

    table_cell(table, paint, "%s", bytes >= 0 ? size_format(bytes, size) : "");
}

static void cell_span(struct table *table, int64_t ns)
{
    char span[WHEN_TEXT_MAX];

    table_cell(table, PAINT_NONE, "%s", ns >= 0 ? when_span(ns, span) : "");
}

/* A container of the same name that was started anew has used less than the one before. */
static void cell_share(struct table *table, const struct usage *usage, const struct usage_past *past)
{
    json_t *last = past->times ? json_object_get(past->times, usage->id) : NULL;
    int64_t time = usage->time - json_integer_value(json_array_get(last, 0));
    int64_t cpu = usage->cpu - json_integer_value(json_array_get(last, 1));

    if (last && time > 0 && cpu >= 0)
        table_cell(table, PAINT_NONE, "%.1f", 100.0 * (double)cpu / (double)time);
    else
        table_cell(table, PAINT_NONE, "%s", "");
}

static void print_share(char buffer[16], int64_t hundredths)
{
    if (hundredths < 0)
        (void)snprintf(buffer, 16, "-");
    else
        (void)snprintf(buffer, 16, "%.0f", (double)hundredths / 100);
}

static void cell_pressure(struct table *table, const struct usage *usage)
{
    char cpu[16], memory[16], io[16];

    if (usage->cpu_pressure < 0 && usage->memory_pressure < 0 && usage->io_pressure < 0) {
        table_cell(table, PAINT_NONE, "%s", "");
        return;
    }
    print_share(cpu, usage->cpu_pressure);
    print_share(memory, usage->memory_pressure);
    print_share(io, usage->io_pressure);
    table_cell(table, PAINT_NONE, "%s/%s/%s%%", cpu, memory, io);
}

enum exit_code usage_row(const struct ctl *ctl, struct table *table, const struct usage *usage,
                         const struct usage_past *past)
{
    /* So near to its limit that it gives up file cache, or soon dies. */
    bool full = usage->memory_limit > 0 && usage->memory > usage->memory_limit / 20 * 19;

    if (!table)
        return ctl_no_memory(ctl);
    table_cell(table, PAINT_NONE, "%s", usage->id);
    cell_share(table, usage, past);
    cell_size(table, usage->memory, full ? PAINT_BUSY : PAINT_NONE);
    cell_size(table, usage->memory_limit, PAINT_NONE);
    table_cell(table, PAINT_NONE, "%lld", (long long)usage->pids);
    cell_span(table, usage->cpu);
    cell_pressure(table, usage);
    cell_span(table, usage->throttled_time);
    cell_size(table, usage->read, PAINT_NONE);
    cell_size(table, usage->written, PAINT_NONE);
    return EXIT_OK;
}
