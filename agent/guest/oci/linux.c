/* SPDX-License-Identifier: Apache-2.0 */
/* `linux` of a config.json. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/oci/part.h"
#include "proto/cleanup.h"

enum namespace {
    NAMESPACE_PID,
    NAMESPACE_NETWORK,
    NAMESPACE_MOUNT,
    NAMESPACE_IPC,
    NAMESPACE_UTS,
    NAMESPACE_CGROUP,
    NAMESPACE_USER,
    NAMESPACE_TIME,
};

static const char *const namespace_names[] = { "pid",    "network", "mount", "ipc", "uts",
                                               "cgroup", "user",    "time",  NULL };

struct namespace_row {
    int type;
    const char *path;
};

static int check_namespace(struct oci_reading *reading, const struct namespace_row *row, size_t i,
                           unsigned int seen)
{
    char place[48];

    (void)snprintf(place, sizeof(place), "linux.namespaces[%zu].%s", i,
                   row->path != NULL && row->path[0] != '\0' ? "path" : "type");
    if (row->path != NULL && row->path[0] != '\0')
        return varlink_fault_set(reading->fault, place,
                                 "joins a namespace, and the native launcher makes all of a container anew");
    if (row->type == NAMESPACE_TIME)
        return varlink_fault_set(reading->fault, place,
                                 "is %s, and the native launcher has no such namespace for containers",
                                 namespace_names[row->type]);
    if (seen >> row->type & 1)
        return varlink_fault_set(reading->fault, place, "lists %s a second time", namespace_names[row->type]);
    return 0;
}

/*
 * Whether listed or not, a container has a cgroup namespace: without one it sees what the path of its cgroup
 * is called outside, nothing more, and what older tools generate does not list it.
 */
static int read_namespaces(struct oci_reading *reading, json_t *list, bool *ret_user)
{
    static const struct varlink_field fields[] = {
        { "type", VARLINK_ENUM, offsetof(struct namespace_row, type), VARLINK_REQUIRED,
          .choices = namespace_names },
        { "path", VARLINK_STRING, offsetof(struct namespace_row, path), .max = 4095 },
    };
    static const enum namespace needed[] = { NAMESPACE_PID, NAMESPACE_MOUNT, NAMESPACE_IPC, NAMESPACE_UTS };
    unsigned int seen = 0;

    for (size_t i = 0; i < json_array_size(list); i++) {
        struct namespace_row row = { 0 };
        int r = varlink_objects_decode(list, i, "linux.namespaces", fields, ELEMENTS(fields), 0, &row,
                                       reading->fault);

        if (r == 0)
            r = check_namespace(reading, &row, i, seen);
        if (r < 0)
            return r;
        seen |= 1u << row.type;
    }
    for (size_t i = 0; i < ELEMENTS(needed); i++)
        if (!(seen >> needed[i] & 1))
            return varlink_fault_set(
                reading->fault, "linux.namespaces",
                "does not list %s, and the native launcher never shares the guest's: add "
                "it",
                namespace_names[needed[i]]);
    *ret_user = seen >> NAMESPACE_USER & 1;
    /* Without one it is the guest's, as in a request that does not mention the network. */
    return seen >> NAMESPACE_NETWORK & 1 ? oci_put(reading, "network", json_pack("{s:s}", "mode", "none"))
                                         : 0;
}

struct mapping_row {
    int64_t inside, outside, count;
};

/* Returns a new list of ranges, or NULL, and *ret_error says why. */
static json_t *read_mappings(struct oci_reading *reading, json_t *list, const char *place, int *ret_error)
{
    static const struct varlink_field fields[] = {
        { "containerID", VARLINK_INT, offsetof(struct mapping_row, inside), VARLINK_REQUIRED,
          .max = UINT32_MAX - 1 },
        { "hostID", VARLINK_INT, offsetof(struct mapping_row, outside), VARLINK_REQUIRED,
          .max = UINT32_MAX - 1 },
        { "size", VARLINK_INT, offsetof(struct mapping_row, count), VARLINK_REQUIRED, .min = 1,
          .max = UINT32_MAX },
    };
    CLEANUP_JSON json_t *ranges = json_array();

    *ret_error = -ENOMEM;
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct mapping_row row = { 0 };
        int r = varlink_objects_decode(list, i, place, fields, ELEMENTS(fields), 0, &row, reading->fault);

        if (r < 0) {
            *ret_error = r;
            return NULL;
        }
        if (json_array_append_new(ranges,
                                  json_pack("{s:I, s:I, s:I}", "inside", (json_int_t)row.inside, "outside",
                                            (json_int_t)row.outside, "count", (json_int_t)row.count)) < 0)
            return NULL;
    }
    return TAKE(ranges);
}

/* Files keep their owners: who writes mappings into a config.json has chowned the root, or has mounts that
 * say idmap. */
static int read_users(struct oci_reading *reading, bool user, json_t *uids, json_t *gids)
{
    CLEANUP_JSON json_t *uid_ranges = NULL, *gid_ranges = NULL;
    const char *place = json_array_size(uids) > 0 ? "linux.uidMappings" : "linux.gidMappings";
    int r;

    if (!user && json_array_size(uids) + json_array_size(gids) > 0)
        return varlink_fault_set(reading->fault, place,
                                 "is for a user namespace, which linux.namespaces does not list");
    if (!user)
        return 0;
    if (json_array_size(uids) == 0 || json_array_size(gids) == 0)
        return varlink_fault_set(reading->fault,
                                 json_array_size(uids) == 0 ? "linux.uidMappings" : "linux.gidMappings",
                                 "is required: linux.namespaces lists user");
    uid_ranges = read_mappings(reading, uids, "linux.uidMappings", &r);
    if (uid_ranges == NULL)
        return r;
    gid_ranges = read_mappings(reading, gids, "linux.gidMappings", &r);
    if (gid_ranges == NULL)
        return r;
    return oci_put(reading, "userns",
                   json_pack("{s:s, s:s, s:O, s:O}", "mode", "map", "owners", "kept", "uids", uid_ranges,
                             "gids", gid_ranges));
}

struct device_row {
    bool allow;
    const char *type, *access;
    int64_t major, minor;
};

/*
 * A container has the devices that launch/dev.c makes and can make or reach no other. So to deny is always
 * granted, and to allow only for those; mknod never, for want of CAP_MKNOD.
 */
static bool device_is_standard(const struct device_row *row)
{
    static const struct {
        int64_t major, minor;
    } devices[] = { { 1, 3 }, { 1, 5 }, { 1, 7 }, { 1, 8 }, { 1, 9 }, { 5, 0 }, { 5, 2 } };

    if (row->type == NULL || strcmp(row->type, "c") != 0 || row->access == NULL ||
        strspn(row->access, "rw") != strlen(row->access))
        return false;
    for (size_t i = 0; i < ELEMENTS(devices); i++)
        if (row->major == devices[i].major && row->minor == devices[i].minor)
            return true;
    return row->major == 136; /* pts */
}

static int read_device_rules(struct oci_reading *reading, json_t *list)
{
    static const struct varlink_field fields[] = {
        { "allow", VARLINK_BOOL, offsetof(struct device_row, allow), VARLINK_REQUIRED, .min = 0 },
        { "type", VARLINK_STRING, offsetof(struct device_row, type), .max = 1 },
        { "access", VARLINK_STRING, offsetof(struct device_row, access), .max = 3 },
        { "major", VARLINK_INT, offsetof(struct device_row, major), .min = -1, .max = UINT32_MAX },
        { "minor", VARLINK_INT, offsetof(struct device_row, minor), .min = -1, .max = UINT32_MAX },
    };

    for (size_t i = 0; i < json_array_size(list); i++) {
        struct device_row row = { .major = -1, .minor = -1 };
        char place[64];
        int r = varlink_objects_decode(list, i, "linux.resources.devices", fields, ELEMENTS(fields), 0, &row,
                                       reading->fault);

        if (r < 0)
            return r;
        if (!row.allow || device_is_standard(&row))
            continue;
        (void)snprintf(place, sizeof(place), "linux.resources.devices[%zu].allow", i);
        return varlink_fault_set(reading->fault, place,
                                 "allows more than to read and write null, zero, full, random, urandom, tty, "
                                 "ptmx and pts, which are the devices of the native launcher");
    }
    return 0;
}

struct limit {
    int64_t limit;
};

static int read_limit(struct oci_reading *reading, json_t *value, const char *place, int64_t max,
                      const char *parameter)
{
    const struct varlink_field fields[] = {
        { "limit", VARLINK_INT, offsetof(struct limit, limit), .min = 1, .max = max },
    };
    struct limit limit = { 0 };
    int r = oci_decode(reading, value, place, fields, ELEMENTS(fields), &limit);

    return r == 0 && limit.limit > 0 ? oci_put(reading, parameter, json_integer(limit.limit)) : r;
}

struct resources {
    json_t *devices, *memory, *pids, *cpu;
};

struct cpu {
    int64_t shares;
};

/* 1024 shares are what every cgroup has that nobody gave others. */
static int check_cpu(struct oci_reading *reading, json_t *value)
{
    static const char *const refused[] = {
        "quota", "period", "burst", "realtimeRuntime", "realtimePeriod", "cpus", "mems", "idle", NULL
    };
    static const struct varlink_field fields[] = {
        { "shares", VARLINK_INT, offsetof(struct cpu, shares), .min = 1024, .max = 1024 },
    };
    struct cpu cpu = { 0 };
    int r = oci_refuse(reading, value, "linux.resources.cpu", refused);

    return r == 0 ? oci_decode(reading, value, "linux.resources.cpu", fields, ELEMENTS(fields), &cpu) : r;
}

static int read_resources(struct oci_reading *reading, json_t *value)
{
    static const char *const refused[] = { "blockIO", "hugepageLimits", "network", "rdma", "unified", NULL };
    static const char *const refused_memory[] = { "reservation",       "swap",       "kernel",
                                                  "kernelTCP",         "swappiness", "disableOOMKiller",
                                                  "checkBeforeUpdate", NULL };
    static const struct varlink_field fields[] = {
        { "devices", VARLINK_OBJECTS, offsetof(struct resources, devices), .count_max = 256 },
        { "memory", VARLINK_OBJECT, offsetof(struct resources, memory), .flags = 0 },
        { "pids", VARLINK_OBJECT, offsetof(struct resources, pids), .flags = 0 },
        { "cpu", VARLINK_OBJECT, offsetof(struct resources, cpu), .flags = 0 },
    };
    struct resources resources = { 0 };
    int r = oci_refuse(reading, value, "linux.resources", refused);

    if (r == 0)
        r = oci_decode(reading, value, "linux.resources", fields, ELEMENTS(fields), &resources);
    if (r == 0)
        r = read_device_rules(reading, resources.devices);
    /* cgroup v2 knows no other way than the hierarchical one. */
    (void)json_object_del(resources.memory, "useHierarchy");
    if (r == 0)
        r = oci_refuse(reading, resources.memory, "linux.resources.memory", refused_memory);
    if (r == 0)
        r = read_limit(reading, resources.memory, "linux.resources.memory", INT64_MAX, "memory");
    if (r == 0)
        r = read_limit(reading, resources.pids, "linux.resources.pids", 4194304, "pids");
    return r == 0 ? check_cpu(reading, resources.cpu) : r;
}

/* What launch/tree.c masks and protects in every container, so that nobody needs to ask for it. */
static const char *const masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/kpagecgroup",
    "/proc/kpagecount",
    "/proc/kpageflags",
    "/proc/scsi",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/firmware",
    "/sys/devices/virtual/powercap",
    NULL,
};
static const char *const read_only[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger", NULL,
};

static bool listed(const char *const *paths, const char *path)
{
    while (*paths != NULL && strcmp(*paths, path) != 0)
        paths++;
    return *paths != NULL;
}

/* What is masked cannot be written to either, so it may be asked to be read-only. */
static int check_paths(struct oci_reading *reading, json_t *list, const char *name, const char *const *known)
{
    json_t *value;
    size_t i;

    json_array_foreach(list, i, value) {
        char place[48];

        if (listed(known, json_string_value(value)) ||
            (known == read_only && listed(masked, json_string_value(value))))
            continue;
        (void)snprintf(place, sizeof(place), "linux.%s[%zu]", name, i);
        return varlink_fault_set(reading->fault, place,
                                 "is %s, which is not among the paths that the native "
                                 "launcher covers",
                                 json_string_value(value));
    }
    return 0;
}

struct linux_part {
    json_t *resources, *namespaces, *masked, *read_only, *uids, *gids;
    int propagation;
};

static const char *const propagations[] = { "private", "rprivate", NULL };

int oci_linux_read(struct oci_reading *reading, json_t *value)
{
    static const char *const refused[] = { "devices",    "sysctl",       "cgroupsPath", "seccomp",
                                           "mountLabel", "intelRdt",     "personality", "timeOffsets",
                                           "netDevices", "memoryPolicy", NULL };
    static const struct varlink_field fields[] = {
        { "resources", VARLINK_OBJECT, offsetof(struct linux_part, resources), .flags = 0 },
        { "namespaces", VARLINK_OBJECTS, offsetof(struct linux_part, namespaces), VARLINK_REQUIRED,
          .count_max = 16 },
        { "uidMappings", VARLINK_OBJECTS, offsetof(struct linux_part, uids), .count_max = 32 },
        { "gidMappings", VARLINK_OBJECTS, offsetof(struct linux_part, gids), .count_max = 32 },
        { "maskedPaths", VARLINK_STRINGS, offsetof(struct linux_part, masked), .min = 1, .max = 4095,
          .count_max = 256 },
        { "readonlyPaths", VARLINK_STRINGS, offsetof(struct linux_part, read_only), .min = 1, .max = 4095,
          .count_max = 256 },
        { "rootfsPropagation", VARLINK_ENUM, offsetof(struct linux_part, propagation),
          .choices = propagations },
    };
    struct linux_part part = { 0 };
    bool user = false;
    int r = oci_refuse(reading, value, "linux", refused);

    if (r == 0)
        r = oci_decode(reading, value, "linux", fields, ELEMENTS(fields), &part);
    if (r == 0)
        r = read_namespaces(reading, part.namespaces, &user);
    if (r == 0)
        r = read_users(reading, user, part.uids, part.gids);
    if (r == 0)
        r = read_resources(reading, part.resources);
    if (r == 0)
        r = check_paths(reading, part.masked, "maskedPaths", masked);
    return r == 0 ? check_paths(reading, part.read_only, "readonlyPaths", read_only) : r;
}
