/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/stats.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/cgroup_text.h"
#include "agent/guest/container/limits.h"
#include "proto/cleanup.h"

/* Longer than any file of fixed length that is read here. */
#define TEXT_MAX 2048
/* memory.numa_stat: some 30 lines with a column for each node, of which a kernel has 1024 at most. */
#define NODES_TEXT_MAX ((size_t)1 << 20)
#define NODES_MAX      1024
#define IO_TEXT_MAX    ((size_t)64 << 10)
#define IO_MAX         64

/* Reads a file whose length is not known. The text is the caller's to free. */
static int read_long(struct czone_cgroup *cgroup, const char *attribute, size_t most, char **ret_text)
{
    for (size_t size = 4096; size <= most; size *= 4) {
        CLEANUP_FREE char *text = malloc(size);
        int r;

        if (text == NULL)
            return -ENOMEM;
        r = czone_cgroup_read(cgroup, attribute, text, size);
        if (r == -ENOBUFS)
            continue;
        if (r == 0)
            *ret_text = TAKE(text);
        return r;
    }
    return -ENOBUFS;
}

static int set(json_t *object, const char *name, json_t *value)
{
    return json_object_set_new(object, name, value) < 0 ? -ENOMEM : 0;
}

/* Sets a member to the number of a key, times a factor; without the key it is absent. */
static int set_key(json_t *object, const char *name, const char *text, const char *key, int64_t factor)
{
    int64_t number;

    if (cgroup_text_key(text, key, &number) < 0 || __builtin_mul_overflow(number, factor, &number))
        return 0;
    return set(object, name, json_integer(number));
}

/* Sets a member to what a file says; without the file, or a limit in it, it is absent. */
static int set_file(json_t *object, const char *name, struct czone_cgroup *cgroup, const char *attribute)
{
    char text[64];
    int64_t number;

    if (czone_cgroup_read(cgroup, attribute, text, sizeof(text)) < 0 ||
        cgroup_text_number(text, &number) < 0 || number == CGROUP_TEXT_MAX)
        return 0;
    return set(object, name, json_integer(number));
}

static json_t *pressure_json(const struct cgroup_pressure *pressure)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "avg10", (json_int_t)pressure->avg10, "avg60",
                     (json_int_t)pressure->avg60, "avg300", (json_int_t)pressure->avg300, "total",
                     (json_int_t)pressure->total_us * (json_int_t)NSEC_PER_USEC);
}

/* Absent on a kernel without PSI, or with it switched off (psi=0), and "full" where it has no meaning. */
static int set_pressure(json_t *object, struct czone_cgroup *cgroup, const char *attribute)
{
    static const char *const kinds[] = { "some", "full" };
    CLEANUP_JSON json_t *both = json_object();
    char text[TEXT_MAX];

    if (both == NULL)
        return -ENOMEM;
    if (czone_cgroup_read(cgroup, attribute, text, sizeof(text)) < 0)
        return 0;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct cgroup_pressure pressure;

        if (cgroup_text_pressure(text, kinds[i], &pressure) == 0 &&
            pressure.total_us <= INT64_MAX / (int64_t)NSEC_PER_USEC &&
            set(both, kinds[i], pressure_json(&pressure)) < 0)
            return -ENOMEM;
    }
    return json_object_get(both, "some") != NULL ? set(object, "pressure", TAKE(both)) : 0;
}

static int set_cpu(json_t *stats, struct czone_cgroup *cgroup, bool brief)
{
    static const struct {
        const char *name, *key;
        int64_t factor;
    } members[] = {
        { "usage", "usage_usec", NSEC_PER_USEC },
        { "user", "user_usec", NSEC_PER_USEC },
        { "system", "system_usec", NSEC_PER_USEC },
        /* These with the controller only. */
        { "periods", "nr_periods", 1 },
        { "throttled", "nr_throttled", 1 },
        { "throttled_time", "throttled_usec", NSEC_PER_USEC },
    };
    CLEANUP_JSON json_t *cpu = json_object();
    char text[TEXT_MAX];
    int r;

    if (cpu == NULL)
        return -ENOMEM;
    r = czone_cgroup_read(cgroup, "cpu.stat", text, sizeof(text));
    for (size_t i = 0; r == 0 && i < sizeof(members) / sizeof(members[0]); i++)
        r = set_key(cpu, members[i].name, text, members[i].key, members[i].factor);
    if (r == 0 && json_object_size(cpu) < 3)
        r = -EBADMSG;
    if (r == 0 && !brief)
        r = set_pressure(cpu, cgroup, "cpu.pressure");
    return r < 0 ? r : set(stats, "cpu", TAKE(cpu));
}

/* Nodes it has nothing on are left out: there may be a hundred. */
static int set_nodes(json_t *memory, struct czone_cgroup *cgroup)
{
    CLEANUP_FREE struct cgroup_node *nodes = calloc(NODES_MAX, sizeof(*nodes));
    CLEANUP_JSON json_t *list = json_array();
    CLEANUP_FREE char *text = NULL;
    int n;

    if (nodes == NULL || list == NULL)
        return -ENOMEM;
    n = read_long(cgroup, "memory.numa_stat", NODES_TEXT_MAX, &text);
    if (n == 0)
        n = cgroup_text_nodes(text, nodes, NODES_MAX);
    if (n < 0)
        return n == -ENOMEM ? n : 0;
    for (int i = 0; i < n; i++)
        if (nodes[i].anon + nodes[i].file + nodes[i].kernel > 0 &&
            json_array_append_new(
                list, json_pack("{s:i, s:I, s:I, s:I}", "node", i, "anon", (json_int_t)nodes[i].anon, "file",
                                (json_int_t)nodes[i].file, "kernel", (json_int_t)nodes[i].kernel)) < 0)
            return -ENOMEM;
    return set(memory, "nodes", TAKE(list));
}

static int set_memory(json_t *stats, struct czone_cgroup *cgroup, bool brief)
{
    CLEANUP_JSON json_t *memory = json_object();
    char text[TEXT_MAX];
    int r;

    if (memory == NULL)
        return -ENOMEM;
    r = czone_cgroup_read(cgroup, "memory.events", text, sizeof(text));
    if (r == 0)
        r = set_key(memory, "limit_hits", text, "max", 1);
    if (r == 0)
        r = set_key(memory, "oom_kills", text, "oom_kill", 1);
    if (r == 0)
        r = set_file(memory, "current", cgroup, "memory.current");
    if (r == 0 && json_object_size(memory) < 3)
        r = -EBADMSG;
    if (r == 0)
        r = set_file(memory, "peak", cgroup, "memory.peak");
    if (r == 0 && !brief)
        r = set_nodes(memory, cgroup);
    if (r == 0 && !brief)
        r = set_pressure(memory, cgroup, "memory.pressure");
    return r < 0 ? r : set(stats, "memory", TAKE(memory));
}

static int set_pids(json_t *stats, struct czone_cgroup *cgroup)
{
    CLEANUP_JSON json_t *pids = json_object();
    char text[TEXT_MAX];
    int r;

    if (pids == NULL)
        return -ENOMEM;
    r = czone_cgroup_read(cgroup, "pids.events", text, sizeof(text));
    if (r == 0)
        r = set_key(pids, "limit_hits", text, "max", 1);
    if (r == 0)
        r = set_file(pids, "current", cgroup, "pids.current");
    if (r == 0 && json_object_size(pids) < 2)
        r = -EBADMSG;
    if (r == 0)
        r = set_file(pids, "peak", cgroup, "pids.peak");
    return r < 0 ? r : set(stats, "pids", TAKE(pids));
}

static int set_devices(json_t *io, struct czone_cgroup *cgroup)
{
    struct cgroup_io devices[IO_MAX] = { 0 };
    CLEANUP_JSON json_t *list = json_array();
    CLEANUP_FREE char *text = NULL;
    char name[32];
    int n;

    if (list == NULL)
        return -ENOMEM;
    n = read_long(cgroup, "io.stat", IO_TEXT_MAX, &text);
    if (n == 0)
        n = cgroup_text_io(text, devices, IO_MAX);
    if (n < 0)
        return n == -ENOMEM ? n : 0;
    for (int i = 0; i < n; i++) {
        (void)snprintf(name, sizeof(name), "%u:%u", devices[i].major, devices[i].minor);
        if (json_array_append_new(list, json_pack("{s:s, s:I, s:I, s:I, s:I}", "device", name, "read_bytes",
                                                  (json_int_t)devices[i].read_bytes, "written_bytes",
                                                  (json_int_t)devices[i].written_bytes, "reads",
                                                  (json_int_t)devices[i].reads, "writes",
                                                  (json_int_t)devices[i].writes)) < 0)
            return -ENOMEM;
    }
    return set(io, "devices", TAKE(list));
}

/* Absent as a whole when the kernel tells neither. */
static int set_io(json_t *stats, struct czone_cgroup *cgroup)
{
    CLEANUP_JSON json_t *io = json_object();

    if (io == NULL || set_devices(io, cgroup) < 0 || set_pressure(io, cgroup, "io.pressure") < 0)
        return -ENOMEM;
    return json_object_size(io) > 0 ? set(stats, "io", TAKE(io)) : 0;
}

int container_stats_read(struct czone_cgroup *cgroup, const char *id, int node, bool brief,
                         json_t **ret_stats)
{
    CLEANUP_JSON json_t *stats = NULL;
    int r;

    stats = json_pack("{s:s, s:I, s:i, s:o}", "id", id, "time", (json_int_t)clock_realtime(), "node", node,
                      "limits", container_limits_json(cgroup));
    if (stats == NULL)
        return -ENOMEM;
    r = set_cpu(stats, cgroup, brief);
    if (r == 0)
        r = set_memory(stats, cgroup, brief);
    if (r == 0)
        r = set_pids(stats, cgroup);
    if (r == 0 && !brief)
        r = set_io(stats, cgroup);
    if (r == 0)
        *ret_stats = TAKE(stats);
    return r;
}
