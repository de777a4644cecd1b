/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/oci/outline.h"

#include <errno.h>

#include "agent/guest/oci/part.h"
#include "proto/cleanup.h"
#include "proto/text.h"

/* Where the runtime will see more than we do: a wrong member of it is the runtime's to refuse. */
static int decode(struct oci_reading *reading, json_t *object, const char *place,
                  const struct varlink_field *fields, size_t n_fields, void *target)
{
    if (place[0] == '\0')
        return varlink_fields_decode(object, fields, n_fields, VARLINK_IGNORE_UNKNOWN, target,
                                     reading->fault);
    return varlink_object_decode(object, place, fields, n_fields, VARLINK_IGNORE_UNKNOWN, target,
                                 reading->fault);
}

struct process {
    json_t *args, *console;
    bool terminal;
};

static int read_process(struct oci_reading *reading, json_t *value)
{
    static const struct varlink_field fields[] = {
        { "args", VARLINK_STRINGS, offsetof(struct process, args), VARLINK_REQUIRED, .max = 65536,
          .count_max = 4096 },
        { "terminal", VARLINK_BOOL, offsetof(struct process, terminal), .flags = 0 },
        { "consoleSize", VARLINK_OBJECT, offsetof(struct process, console), .flags = 0 },
    };
    struct process process = { 0 };
    int r = decode(reading, value, "process", fields, ELEMENTS(fields), &process);

    if (r == 0 && json_array_size(process.args) == 0)
        r = varlink_fault_set(reading->fault, "process.args", "names no program");
    if (r == 0)
        r = oci_put(reading, "args", json_incref(process.args));
    if (r == 0 && process.terminal)
        r = oci_put(reading, "tty", json_true());
    return r == 0 && process.terminal && process.console != NULL ? oci_console_read(reading, process.console)
                                                                 : r;
}

struct limit {
    int64_t limit;
};

static int read_limit(struct oci_reading *reading, json_t *value, const char *place, const char *parameter)
{
    static const struct varlink_field fields[] = {
        { "limit", VARLINK_INT, offsetof(struct limit, limit), .min = INT64_MIN, .max = INT64_MAX },
    };
    struct limit limit = { 0 };
    int r = decode(reading, value, place, fields, ELEMENTS(fields), &limit);

    return r == 0 && limit.limit > 0 ? oci_put(reading, parameter, json_integer(limit.limit)) : r;
}

/* The nodes are the zone's, and so is the policy, which is relative to them. */
static int check_zone(struct oci_reading *reading, json_t *linux_part, json_t *cpu, json_t *unified)
{
    static const char why[] = "would take the container out of its zone: leave it out";

    if (json_object_get(linux_part, "memoryPolicy") != NULL)
        return varlink_fault_set(reading->fault, "linux.memoryPolicy", why);
    if (json_string_length(json_object_get(cpu, "mems")) > 0)
        return varlink_fault_set(reading->fault, "linux.resources.cpu.mems", why);
    if (json_object_get(unified, "cpuset.mems") != NULL)
        return varlink_fault_set(reading->fault, "linux.resources.unified.cpuset.mems", why);
    return 0;
}

struct resources {
    json_t *memory, *pids, *cpu, *unified;
};

static int read_linux(struct oci_reading *reading, json_t *value)
{
    static const struct varlink_field part[] = {
        { "resources", VARLINK_OBJECT, 0, .flags = 0 },
    };
    static const struct varlink_field fields[] = {
        { "memory", VARLINK_OBJECT, offsetof(struct resources, memory), .flags = 0 },
        { "pids", VARLINK_OBJECT, offsetof(struct resources, pids), .flags = 0 },
        { "cpu", VARLINK_OBJECT, offsetof(struct resources, cpu), .flags = 0 },
        { "unified", VARLINK_OBJECT, offsetof(struct resources, unified), .flags = 0 },
    };
    struct resources resources = { 0 };
    json_t *given = NULL;
    int r = decode(reading, value, "linux", part, ELEMENTS(part), &given);

    if (r == 0)
        r = decode(reading, given, "linux.resources", fields, ELEMENTS(fields), &resources);
    if (r == 0)
        r = check_zone(reading, value, resources.cpu, resources.unified);
    if (r == 0)
        r = read_limit(reading, resources.memory, "linux.resources.memory", "memory");
    return r == 0 ? read_limit(reading, resources.pids, "linux.resources.pids", "pids") : r;
}

struct outline {
    json_t *process, *linux_part;
};

int oci_outline_read(const char *text, size_t length, json_t **ret_spawn, struct varlink_fault *fault)
{
    static const struct varlink_field fields[] = {
        { "process", VARLINK_OBJECT, offsetof(struct outline, process), VARLINK_REQUIRED, .min = 0 },
        { "linux", VARLINK_OBJECT, offsetof(struct outline, linux_part), .flags = 0 },
    };
    CLEANUP_JSON json_t *document = NULL, *spawn = json_object();
    struct oci_reading reading = { .spawn = spawn, .fault = fault };
    struct outline outline = { 0 };
    int r;

    if (spawn == NULL)
        return -ENOMEM;
    r = oci_document_read(text, length, &document, fault);
    if (r == 0)
        r = decode(&reading, document, "", fields, ELEMENTS(fields), &outline);
    if (r == 0)
        r = read_process(&reading, outline.process);
    if (r == 0)
        r = read_linux(&reading, outline.linux_part);
    if (r == 0)
        *ret_spawn = TAKE(spawn);
    return r;
}
