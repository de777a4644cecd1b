/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/cgroup_pool.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <czone/inventory.h>
#include <czone/zone.h>

#include "agent/guest/log.h"
#include "agent/guest/run_dir.h"
#include "agent/guest/zone/memory_map.h"
#include "proto/cleanup.h"

#define PREFIX        "pool-"
#define POSSIBLE_CPUS "/sys/devices/system/cpu/possible"

/* Processes that may be in one that waits. */
#define STANDBY_PIDS "1"

/*
 * What one that waits takes of home memory, on the safe side; most of it is the kernel's. MemFree says 0.5
 * MiB in a guest of 31 nodes and 3.1 MiB in one of 101 (6.1, pools of 100 and 25, and of 30 and 7). They may
 * have an eighth of it.
 */
#define ENTRY_BYTES      (256u << 10)
#define ENTRY_NODE_BYTES (30u << 10)
/* For each node and possible CPU: the kernel's figures of a cgroup (struct lruvec_stats_percpu). */
#define ENTRY_CPU_BYTES 704u
#define HOME_SHARE      8

/* From SIGKILL to its end: a process that waits for a message needs a millisecond or two. */
#define EMPTY_TIMEOUT_MS 1000

static void end(struct czone_cgroup *cgroup)
{
    int r = czone_cgroup_remove(cgroup);

    if (r < 0)
        log_warning("cannot remove cgroup %s: %s", czone_cgroup_path(cgroup), strerror(-r));
    czone_cgroup_unref(cgroup);
}

static int make(struct czone_ctx *ctx, const char *name, struct czone_cgroup **ret_cgroup,
                struct czone_failure *failure)
{
    struct czone_cgroup *cgroup = NULL;
    int r;

    r = czone_cgroup_create(ctx, name, &cgroup, failure);
    if (r < 0)
        return r;
    /* A container that lost one process to the OOM killer is in no state that anybody expects. */
    r = czone_cgroup_write(cgroup, "memory.oom.group", "1");
    if (r < 0) {
        failure->error = r;
        (void)snprintf(failure->message, sizeof(failure->message),
                       "cannot write memory.oom.group of cgroup %s: %s", czone_cgroup_path(cgroup),
                       strerror(-r));
        end(cgroup);
        return r;
    }
    *ret_cgroup = cgroup;
    return 0;
}

/* Under the next number that is free: a container may be called as ours are. */
static int make_next(struct cgroup_pool *pool, struct czone_cgroup **ret_cgroup,
                     struct czone_failure *failure)
{
    char name[32];
    int r;

    do {
        (void)snprintf(name, sizeof(name), PREFIX "%" PRIu64, pool->next++);
        r = make(pool->ctx, name, ret_cgroup, failure);
    } while (r == -EEXIST);
    return r;
}

int cgroup_pool_empty(struct czone_cgroup *cgroup)
{
    int r = czone_cgroup_populated(cgroup);

    if (r <= 0)
        return r;
    r = czone_cgroup_kill(cgroup);
    if (r == 0)
        r = czone_cgroup_wait_empty(cgroup, EMPTY_TIMEOUT_MS);
    return r == -ETIMEDOUT ? -EBUSY : r;
}

static void end_entry(struct cgroup_pool_entry *entry)
{
    int r;

    keeper_standby_close(&entry->standby);
    r = cgroup_pool_empty(entry->cgroup);
    if (r < 0)
        log_warning("cannot empty cgroup %s: %s", czone_cgroup_path(entry->cgroup), strerror(-r));
    end(entry->cgroup);
    *entry = (struct cgroup_pool_entry)CGROUP_POOL_ENTRY_INIT;
}

/* One that cannot be had costs the start that would have found it some time, no more. */
static void stand_by(struct cgroup_pool *pool, struct cgroup_pool_entry *entry)
{
    int r;

    if (pool->kit == NULL)
        return;
    r = keeper_standby_start(&entry->standby, pool->kit, entry->cgroup);
    if (r < 0)
        log_warning("no process stands by in cgroup %s: %s", czone_cgroup_path(entry->cgroup), strerror(-r));
}

static bool is_awaited(const struct cgroup_pool *pool, czone_node_id node)
{
    for (size_t i = 0; i < pool->size.n; i++)
        if (pool->idle[i].node.n == node.n)
            return true;
    return false;
}

/* Where the next zone may well be placed: on a node that is free as a whole. */
static void await_node(const struct cgroup_pool *pool, struct cgroup_pool_entry *entry)
{
    struct czone_range run = { 0 };
    czone_node_id node;

    while (memory_map_next_whole(pool->ctx, run.start + run.size, &node, &run)) {
        if (is_awaited(pool, node))
            continue;
        entry->node = node;
        entry->place = run;
        return;
    }
}

/*
 * While a process is in a cgroup, the kernel lets who writes cpuset.mems wait until all CPUs have put their
 * lists of pages in order, which takes as long as much of a start (czone_node_mems()). So it is done before,
 * in the hope that a zone on that node will be its own. What stands by there has a policy that keeps it to
 * the home nodes (launch/standby.c).
 */
static int open_node(struct cgroup_pool *pool, struct cgroup_pool_entry *entry)
{
    char mems[256];
    int r;

    if (pool->kit != NULL)
        await_node(pool, entry);
    if (entry->node.n < 0)
        return czone_cgroup_confine(entry->cgroup);
    r = czone_node_mems(pool->ctx, entry->node, mems, sizeof(mems));
    return r < 0 ? r : czone_cgroup_write(entry->cgroup, "cpuset.mems", mems);
}

/* No more than stands by there; but as much of the CPUs as those who start its program have, who would else
 * take them from it, until that runs (program_cgroup_begin()). Without the cpu controller there is no such
 * file. */
static int close_off(struct cgroup_pool *pool, struct cgroup_pool_entry *entry)
{
    int r = czone_cgroup_write(entry->cgroup, "pids.max", pool->kit != NULL ? STANDBY_PIDS : "0");

    (void)czone_cgroup_write(entry->cgroup, "cpu.weight", "10000");
    return r == 0 ? open_node(pool, entry) : r;
}

static int add(void *owner)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct cgroup_pool *pool = owner;
    struct cgroup_pool_entry entry = CGROUP_POOL_ENTRY_INIT;
    int r;

    r = make_next(pool, &entry.cgroup, &failure);
    if (r < 0) {
        log_error("cannot make a cgroup ahead of need: %s", failure.message);
        return r;
    }
    r = close_off(pool, &entry);
    if (r < 0) {
        log_error("cannot make cgroup %s ready: %s", czone_cgroup_path(entry.cgroup), strerror(-r));
        end(entry.cgroup);
        return r;
    }
    stand_by(pool, &entry);
    pool->idle[pool->size.n] = entry;
    return 0;
}

static void drop(void *owner)
{
    struct cgroup_pool *pool = owner;

    end_entry(&pool->idle[pool->size.n]);
}

static const struct pool_size_ops size_ops = { add, drop };

struct leftovers {
    struct czone_ctx *ctx;
    const char *base;
    const struct czone_zone_info *zones;
    int n_zones;
};

static bool is_claimed(const struct leftovers *leftovers, const char *path)
{
    for (int i = 0; i < leftovers->n_zones; i++)
        if (strcmp(leftovers->zones[i].cgroup, path) == 0)
            return true;
    return false;
}

/* Whether it was never given to a container, by the limit that it has until then. */
static bool is_waiting(struct czone_cgroup *cgroup)
{
    char text[32];

    return czone_cgroup_read(cgroup, "pids.max", text, sizeof(text)) == 0 && strcmp(text, STANDBY_PIDS) == 0;
}

static void clear(void *data, const char *name)
{
    struct cgroup_pool_entry entry = CGROUP_POOL_ENTRY_INIT;
    const struct leftovers *leftovers = data;
    struct czone_cgroup *cgroup;
    char path[512];

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return;
    (void)snprintf(path, sizeof(path), "%s/%s", leftovers->base, name);
    if (is_claimed(leftovers, path) || czone_cgroup_open(leftovers->ctx, path, &cgroup) < 0)
        return;
    /* A standby of the earlier czoned may be about to end; what else is there is not ours to end. */
    if (czone_cgroup_populated(cgroup) == 0 || is_waiting(cgroup)) {
        entry.cgroup = cgroup;
        end_entry(&entry);
        return;
    }
    log_warning("cgroup %s, which no zone claims, has processes: it is left alone",
                czone_cgroup_path(cgroup));
    czone_cgroup_unref(cgroup);
}

/* What cannot be cleared costs some memory; nothing else depends on it. */
static void clear_leftovers(struct czone_ctx *ctx, const char *base)
{
    struct czone_zone_info *zones = NULL;
    struct czone_cgroup *cgroup = NULL;
    int n = czone_zone_list(ctx, &zones), r;

    r = n < 0 ? n : czone_cgroup_open(ctx, base, &cgroup);
    if (r == 0)
        r = run_dir_each(czone_cgroup_fd(cgroup), clear,
                         &(struct leftovers){ .ctx = ctx, .base = base, .zones = zones, .n_zones = n });
    if (r < 0)
        log_warning("cgroups that an earlier czoned made ahead of need stay: %s", strerror(-r));
    czone_cgroup_unref(cgroup);
    free(zones);
}

/* "0-3": the last one is what they are counted by. */
static size_t possible_cpus(void)
{
    CLEANUP_FD int fd = open(POSSIBLE_CPUS, O_RDONLY | O_CLOEXEC);
    char text[256] = "";
    size_t last;

    if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
        return 1;
    last = strlen(text);
    while (last > 0 && (text[last - 1] == '\n' || isdigit((unsigned char)text[last - 1])))
        last--;
    return strtoul(text + last, NULL, 10) + 1;
}

static size_t room_at_home(const struct czone_ctx *ctx)
{
    const struct czone_node *nodes;
    size_t n = czone_inventory_nodes(ctx, &nodes);
    uint64_t entry = ENTRY_BYTES + n * (ENTRY_NODE_BYTES + possible_cpus() * ENTRY_CPU_BYTES), blocks = 0;

    for (size_t i = 0; i < n; i++)
        if (nodes[i].role == CZONE_NODE_HOME)
            blocks += nodes[i].n_blocks;
    return blocks * czone_inventory_block_size(ctx) / HOME_SHARE / entry;
}

int cgroup_pool_open(struct cgroup_pool *pool, struct czone_ctx *ctx, const char *base,
                     const struct keeper_standby_kit *kit, struct event_base *loop, const struct turns *turns,
                     uint64_t first)
{
    int r;

    clear_leftovers(ctx, base);
    if (first == 0)
        return 0;
    pool->ctx = ctx;
    pool->kit = kit;
    pool->next = first;
    r = pool_size_open(&pool->size, loop, turns, &size_ops, pool, room_at_home(ctx));
    return r < 0 ? log_fail(r, "out of memory") : 0;
}

void cgroup_pool_close(struct cgroup_pool *pool)
{
    pool_size_close(&pool->size);
    *pool = (struct cgroup_pool){ 0 };
}

bool cgroup_pool_ready(const struct cgroup_pool *pool)
{
    return pool->ctx != NULL && pool->size.n > 0 &&
           keeper_standby_waits(&pool->idle[pool->size.n - 1].standby);
}

static void swap(struct cgroup_pool_entry *one, struct cgroup_pool_entry *other)
{
    struct cgroup_pool_entry moved = *one;

    *one = *other;
    *other = moved;
}

static bool is_free(const struct cgroup_pool *pool, struct czone_range place)
{
    struct czone_range run;

    return memory_map_next_online(pool->ctx, place, NULL, 0, &run) && run.size == place.size;
}

bool cgroup_pool_prefer(struct cgroup_pool *pool, uint64_t bytes, int tier, struct czone_range *ret_place)
{
    for (size_t i = pool->size.n; i-- > 0;) {
        struct cgroup_pool_entry *entry = &pool->idle[i];

        if (entry->node.n < 0 || entry->place.size != bytes ||
            memory_map_tier(pool->ctx, entry->node) != tier || !is_free(pool, entry->place))
            continue;
        *ret_place = entry->place;
        swap(entry, &pool->idle[pool->size.n - 1]);
        return true;
    }
    return false;
}

int cgroup_pool_take(struct cgroup_pool *pool, struct czone_ctx *ctx, const char *name,
                     struct cgroup_pool_entry *ret_entry, struct czone_failure *failure)
{
    struct cgroup_pool_entry entry = CGROUP_POOL_ENTRY_INIT;
    int r;

    if (pool->ctx != NULL && pool_size_take(&pool->size)) {
        *ret_entry = pool->idle[pool->size.n];
        return 0;
    }
    r = make(ctx, name, &entry.cgroup, failure);
    if (r == -EEXIST && pool->ctx != NULL)
        r = make_next(pool, &entry.cgroup, failure);
    if (r == 0)
        *ret_entry = entry;
    return r;
}
