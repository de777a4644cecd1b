/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/cgroup_pool.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <czone/zone.h>

#include "agent/guest/log.h"
#include "agent/guest/run_dir.h"

#define PREFIX "pool-"

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

static int add(void *owner)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct cgroup_pool *pool = owner;
    struct czone_cgroup *cgroup;
    int r;

    r = make_next(pool, &cgroup, &failure);
    if (r < 0) {
        log_error("cannot make a cgroup ahead of need: %s", failure.message);
        return r;
    }
    r = czone_cgroup_write(cgroup, "pids.max", "0");
    if (r < 0) {
        log_error("cannot write pids.max of cgroup %s: %s", czone_cgroup_path(cgroup), strerror(-r));
        end(cgroup);
        return r;
    }
    pool->idle[pool->size.n] = cgroup;
    return 0;
}

static void drop(void *owner)
{
    struct cgroup_pool *pool = owner;

    end(pool->idle[pool->size.n]);
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

static void clear(void *data, const char *name)
{
    const struct leftovers *leftovers = data;
    struct czone_cgroup *cgroup;
    char path[512];

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return;
    (void)snprintf(path, sizeof(path), "%s/%s", leftovers->base, name);
    if (is_claimed(leftovers, path) || czone_cgroup_open(leftovers->ctx, path, &cgroup) < 0)
        return;
    if (czone_cgroup_populated(cgroup) == 0)
        end(cgroup);
    else
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

int cgroup_pool_open(struct cgroup_pool *pool, struct czone_ctx *ctx, const char *base,
                     struct event_base *loop, uint64_t first)
{
    int r;

    clear_leftovers(ctx, base);
    if (first == 0)
        return 0;
    pool->ctx = ctx;
    pool->next = first;
    r = pool_size_open(&pool->size, loop, &size_ops, pool);
    return r < 0 ? log_fail(r, "out of memory") : 0;
}

void cgroup_pool_close(struct cgroup_pool *pool)
{
    pool_size_close(&pool->size);
    *pool = (struct cgroup_pool){ 0 };
}

int cgroup_pool_take(struct cgroup_pool *pool, struct czone_ctx *ctx, const char *name,
                     struct czone_cgroup **ret_cgroup, struct czone_failure *failure)
{
    int r;

    if (pool->ctx != NULL && pool_size_take(&pool->size)) {
        *ret_cgroup = pool->idle[pool->size.n];
        return 0;
    }
    r = make(ctx, name, ret_cgroup, failure);
    return r == -EEXIST && pool->ctx != NULL ? make_next(pool, ret_cgroup, failure) : r;
}
