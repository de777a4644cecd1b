/* SPDX-License-Identifier: Apache-2.0 */
#include "leftovers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* Containers nest cgroups; deeper ones count towards the last level looked at. */
#define DEPTH_MAX 16

struct walk {
    struct czone_ctx *ctx;
    czone_node_id node;
    struct czone_release *release;
    uint64_t unexplained; /* used bytes of the node that nobody was found for yet */
};

/* One level of the walk: a cgroup and what its children have of its charge. */
struct level {
    struct walk *walk;
    int fd;
    char path[256];
    unsigned depth;
    struct czone_sys_charge below;
};

/* The kernel brings a cgroup's figures up to date late (mem_cgroup_flush_stats()), so that what a child has
 * given back may still be in its parent's. The node's own figure is exact and sets the limit; the children
 * come first. */
static int add(struct walk *walk, enum czone_leftover_kind kind, uint64_t bytes, const char *owner)
{
    struct czone_release *release = walk->release;
    struct czone_leftover *larger;

    if (bytes > walk->unexplained)
        bytes = walk->unexplained;
    if (bytes == 0)
        return 0;
    walk->unexplained -= bytes;
    larger = realloc(release->leftovers, (release->n_leftovers + 1) * sizeof(*larger));
    if (!larger)
        return -ENOMEM;
    release->leftovers = larger;
    larger = &larger[release->n_leftovers++];
    *larger = (struct czone_leftover){ .kind = kind, .bytes = bytes };
    (void)snprintf(larger->owner, sizeof(larger->owner), "%s", owner);
    return 0;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static uint64_t sum(const struct czone_sys_charge *charge)
{
    return charge->anon + charge->file + charge->kernel; /* shmem is part of file */
}

static int visit(struct walk *walk, const struct level *parent, const char *name,
                 struct czone_sys_charge *ret_charge);

static int visit_child(void *data, const char *name)
{
    struct level *level = data;
    struct czone_sys_charge charge = { 0 };
    int r;

    r = visit(level->walk, level, name, &charge);
    if (r < 0)
        return r;
    level->below.anon += charge.anon;
    level->below.file += charge.file;
    level->below.shmem += charge.shmem;
    level->below.kernel += charge.kernel;
    return 0;
}

/* What a cgroup has that none of its children has. */
static int add_own(struct walk *walk, const struct level *level, const struct czone_sys_charge *charge)
{
    struct czone_sys_charge own = {
        .anon = less(charge->anon, level->below.anon),
        .file = less(charge->file, level->below.file),
        .shmem = less(charge->shmem, level->below.shmem),
        .kernel = less(charge->kernel, level->below.kernel),
    };
    int r;

    r = add(walk, CZONE_LEFTOVER_ANON, own.anon, level->path);
    if (r == 0)
        r = add(walk, CZONE_LEFTOVER_FILE, less(own.file, own.shmem), level->path);
    if (r == 0)
        r = add(walk, CZONE_LEFTOVER_SHMEM, own.shmem, level->path);
    if (r == 0)
        r = add(walk, CZONE_LEFTOVER_KERNEL, own.kernel, level->path);
    return r;
}

/* The figures of a cgroup contain those of everything below it, so what has nothing need not be entered. */
static int visit(struct walk *walk, const struct level *parent, const char *name,
                 struct czone_sys_charge *ret_charge)
{
    const struct czone_backend *backend = walk->ctx->backend;
    struct level level = { .walk = walk, .depth = parent ? parent->depth + 1 : 0 };
    cleanup_close int fd = -EBADF;
    struct czone_sys_charge charge;
    int n, r;

    n = snprintf(level.path, sizeof(level.path), "%s%s%s", parent ? parent->path : "",
                 parent && *parent->path ? "/" : "", name);
    if ((size_t)n >= sizeof(level.path))
        return 0; /* counts towards the parent */
    fd = backend->cgroup_open(walk->ctx->sys, level.path);
    if (fd < 0)
        return fd == -ENOENT ? 0 : fd;
    r = backend->cgroup_charges(walk->ctx->sys, fd, walk->node, 1, &charge);
    if (r == -ENOENT || r == -ENODEV)
        return 0;
    if (r < 0)
        return r;
    *ret_charge = charge;
    if (sum(&charge) == 0)
        return 0;
    if (level.depth < DEPTH_MAX) {
        r = backend->cgroup_children(walk->ctx->sys, fd, visit_child, &level);
        if (r < 0 && r != -ENOENT && r != -ENODEV)
            return r;
    }
    return add_own(walk, &level, &charge);
}

int leftovers_find(struct czone_ctx *ctx, czone_node_id node, struct czone_release *release)
{
    struct walk walk = { .ctx = ctx, .node = node, .release = release };
    struct czone_sys_charge all = { 0 };
    struct czone_sys_usage usage;
    int r;

    r = ctx->backend->usage(ctx->sys, node, &usage);
    if (r == -ENOENT) /* no memory online there any more */
        return 0;
    if (r < 0)
        return r;
    walk.unexplained = less(less(usage.total, usage.free), usage.parked);
    if (walk.unexplained <= usage.slack)
        return 0;
    r = visit(&walk, NULL, "", &all);
    if (r < 0)
        return r;
    return walk.unexplained > usage.slack ? add(&walk, CZONE_LEFTOVER_UNKNOWN, walk.unexplained, "") : 0;
}
