/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/limits.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/container/cgroup_text.h"
#include "agent/guest/log.h"
#include "proto/cleanup.h"

#define VALUE_MAX 64
/* Of a quota: what the kernel takes by itself. */
#define PERIOD_US         100000
#define US_PER_THOUSANDTH (PERIOD_US / 1000)

/* One attribute to be written. */
struct change {
    const char *field, *attribute;
    char before[VALUE_MAX], after[VALUE_MAX];
};

/* In the order they are written. */
enum { CHANGES_MAX = 4 };

static void add(struct change *changes, size_t *n, const char *field, const char *attribute, int64_t value)
{
    struct change *change = &changes[*n];

    if (value == LIMITS_KEEP)
        return;
    *change = (struct change){ .field = field, .attribute = attribute };
    (void)snprintf(change->after, sizeof(change->after), "%" PRId64, value);
    ++*n;
}

static size_t list_changes(const struct limits *limits, struct change changes[CHANGES_MAX])
{
    size_t n = 0;

    add(changes, &n, "cpu_weight", "cpu.weight", limits->cpu_weight);
    add(changes, &n, "cpu_quota", "cpu.max", limits->cpu_quota);
    if (limits->cpu_quota == LIMITS_NONE)
        (void)snprintf(changes[n - 1].after, VALUE_MAX, "max %d", PERIOD_US);
    else if (limits->cpu_quota != LIMITS_KEEP)
        (void)snprintf(changes[n - 1].after, VALUE_MAX, "%" PRId64 " %d",
                       limits->cpu_quota * US_PER_THOUSANDTH, PERIOD_US);
    add(changes, &n, "pids", "pids.max", limits->pids);
    add(changes, &n, "memory", "memory.max", limits->memory);
    return n;
}

static int read_number(struct czone_cgroup *cgroup, const char *attribute, int64_t *ret_number)
{
    char text[VALUE_MAX];
    int r;

    r = czone_cgroup_read(cgroup, attribute, text, sizeof(text));
    return r < 0 ? r : cgroup_text_number(text, ret_number);
}

static int refuse_memory(struct refusal *refusal, int64_t limit, const char *format, int64_t wanted)
{
    char text[200];

    (void)snprintf(text, sizeof(text), "%" PRId64 " bytes are ", wanted);
    (void)refusal_set(refusal, -ERANGE, ERROR_LIMIT_REFUSED, "memory", "%s%s %" PRId64, text, format, limit);
    refusal->limit = limit;
    return -ERANGE;
}

static int check_memory(struct czone_cgroup *cgroup, int64_t wanted, uint64_t usable, struct refusal *refusal)
{
    int64_t used;
    int r;

    if (wanted == LIMITS_KEEP)
        return 0;
    if ((uint64_t)wanted > usable)
        return refuse_memory(refusal, (int64_t)usable, "more than the container's zone allows; the most is",
                             wanted);
    r = read_number(cgroup, "memory.current", &used);
    if (r < 0)
        return refusal_set(refusal, r, ERROR_SYSTEM, NULL, "cannot read memory.current of cgroup %s: %s",
                           czone_cgroup_path(cgroup), strerror(-r));
    if (wanted < used)
        return refuse_memory(refusal, used,
                             "less than the container uses now, file cache included, and the kernel would "
                             "kill it; in use are",
                             wanted);
    return 0;
}

/* What is there now, for the way back; that it can be read shows that the controller is there. */
static int read_before(struct czone_cgroup *cgroup, struct change *changes, size_t n, struct refusal *refusal)
{
    for (size_t i = 0; i < n; i++) {
        struct change *change = &changes[i];
        int r = czone_cgroup_read(cgroup, change->attribute, change->before, sizeof(change->before));

        if (r == -ENOENT)
            return refusal_set(refusal, -EOPNOTSUPP, ERROR_LIMIT_REFUSED, change->field,
                               "cgroup %s has no %s: the guest's kernel lacks that controller, or the "
                               "cgroups above do not pass it on",
                               czone_cgroup_path(cgroup), change->attribute);
        if (r < 0)
            return refusal_set(refusal, r, ERROR_SYSTEM, NULL, "cannot read %s of cgroup %s: %s",
                               change->attribute, czone_cgroup_path(cgroup), strerror(-r));
    }
    return 0;
}

static void undo(struct czone_cgroup *cgroup, const struct change *changes, size_t n)
{
    while (n-- > 0) {
        int r = czone_cgroup_write(cgroup, changes[n].attribute, changes[n].before);

        if (r < 0)
            log_error("cannot set %s of cgroup %s back to %s: %s", changes[n].attribute,
                      czone_cgroup_path(cgroup), changes[n].before, strerror(-r));
    }
}

int container_limits_set(struct czone_cgroup *cgroup, const struct limits *limits, uint64_t usable,
                         struct refusal *refusal)
{
    struct change changes[CHANGES_MAX];
    size_t n = list_changes(limits, changes);
    int r;

    r = check_memory(cgroup, limits->memory, usable, refusal);
    if (r == 0)
        r = read_before(cgroup, changes, n, refusal);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++) {
        r = czone_cgroup_write(cgroup, changes[i].attribute, changes[i].after);
        if (r == 0)
            continue;
        undo(cgroup, changes, i);
        return refusal_set(refusal, r, ERROR_SYSTEM, NULL, "cannot write %s to %s of cgroup %s: %s",
                           changes[i].after, changes[i].attribute, czone_cgroup_path(cgroup), strerror(-r));
    }
    return 0;
}

/* Absent where there is no limit, or no controller. */
static int set_number(json_t *object, const char *name, struct czone_cgroup *cgroup, const char *attribute)
{
    int64_t number;

    if (read_number(cgroup, attribute, &number) < 0 || number == CGROUP_TEXT_MAX)
        return 0;
    return json_object_set_new(object, name, json_integer(number));
}

static int set_quota(json_t *object, struct czone_cgroup *cgroup)
{
    int64_t quota, period;
    char text[VALUE_MAX];

    if (czone_cgroup_read(cgroup, "cpu.max", text, sizeof(text)) < 0 ||
        cgroup_text_quota(text, &quota, &period) < 0 || quota == CGROUP_TEXT_MAX || quota > INT64_MAX / 1000)
        return 0;
    return json_object_set_new(object, "cpu_quota", json_integer(quota * 1000 / period));
}

json_t *container_limits_json(struct czone_cgroup *cgroup)
{
    CLEANUP_JSON json_t *object = json_object();

    if (object == NULL || set_number(object, "memory", cgroup, "memory.max") < 0 ||
        set_number(object, "pids", cgroup, "pids.max") < 0 ||
        set_number(object, "cpu_weight", cgroup, "cpu.weight") < 0 || set_quota(object, cgroup) < 0)
        return NULL;
    return TAKE(object);
}
