/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

#include "cleanup.h"
#include "clock.h"
#include "core/failure_set.h"
#include "core/name.h"

/* Longest path of a claim's cgroup field. */
#define PATH_LENGTH_MAX 255

/* Takes the fd over, also when it fails. */
static int cgroup_new(struct czone_ctx *ctx, int fd, const char *path, struct czone_cgroup **ret_cgroup)
{
    struct czone_cgroup *cgroup = calloc(1, sizeof(*cgroup));
    char *copy = strdup(path);

    if (!cgroup || !copy) {
        free(cgroup);
        free(copy);
        cleanup_close_fd(&fd);
        return -ENOMEM;
    }
    *cgroup = (struct czone_cgroup){ .n_refs = 1, .ctx = czone_ctx_ref(ctx), .fd = fd, .path = copy };
    *ret_cgroup = cgroup;
    return 0;
}

int czone_cgroup_create(struct czone_ctx *ctx, const char *name, struct czone_cgroup **ret_cgroup,
                        struct czone_failure *failure)
{
    char path[PATH_LENGTH_MAX + 1];
    int fd, r;

    if (!name_is_valid(name))
        return failure_set(failure, -EINVAL, CZONE_STAGE_CGROUP, CZONE_NODE_NONE,
                           "\"%.80s\" is no name for a cgroup", name ? name : "");
    fd = ctx->backend->cgroup_create(ctx->sys, name, path, sizeof(path));
    if (fd < 0)
        return failure_set(failure, fd, CZONE_STAGE_CGROUP, CZONE_NODE_NONE,
                           "cannot create the cgroup %s: %s", name, strerror(-fd));
    r = cgroup_new(ctx, fd, path, ret_cgroup);
    if (r < 0)
        (void)ctx->backend->cgroup_remove(ctx->sys, path);
    return r;
}

/* Whether a path stays below the root: relative, without "..". */
static bool is_below(const char *path)
{
    if (!path || *path == '/' || strlen(path) > PATH_LENGTH_MAX)
        return false;
    for (const char *p = path; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (strncmp(p, "..", 2) == 0 && (p[2] == '/' || p[2] == '\0'))
            return false;
        if (*p == '\0')
            break;
    }
    return true;
}

int czone_cgroup_open(struct czone_ctx *ctx, const char *path, struct czone_cgroup **ret_cgroup)
{
    int fd;

    if (!is_below(path))
        return -EINVAL;
    fd = ctx->backend->cgroup_open(ctx->sys, path);
    return fd < 0 ? fd : cgroup_new(ctx, fd, path, ret_cgroup);
}

int czone_cgroup_open_pid(struct czone_ctx *ctx, pid_t pid, struct czone_cgroup **ret_cgroup)
{
    char path[PATH_LENGTH_MAX + 1];
    int r;

    r = ctx->backend->cgroup_of(ctx->sys, pid, path, sizeof(path));
    return r < 0 ? r : czone_cgroup_open(ctx, path, ret_cgroup);
}

struct czone_cgroup *czone_cgroup_ref(struct czone_cgroup *cgroup)
{
    cgroup->n_refs++;
    return cgroup;
}

struct czone_cgroup *czone_cgroup_unref(struct czone_cgroup *cgroup)
{
    if (!cgroup || --cgroup->n_refs > 0)
        return NULL;
    cleanup_close_fd(&cgroup->fd);
    czone_ctx_unref(cgroup->ctx);
    free(cgroup->path);
    free(cgroup);
    return NULL;
}

int czone_cgroup_fd(const struct czone_cgroup *cgroup)
{
    return cgroup->fd;
}

const char *czone_cgroup_path(const struct czone_cgroup *cgroup)
{
    return cgroup->path;
}

/* An attribute is one file of the directory itself. */
static bool is_attribute(const char *attribute)
{
    return attribute && *attribute != '\0' && *attribute != '.' && !strchr(attribute, '/');
}

int czone_cgroup_write(struct czone_cgroup *cgroup, const char *attribute, const char *value)
{
    if (!is_attribute(attribute))
        return -EINVAL;
    return cgroup->ctx->backend->cgroup_write(cgroup->ctx->sys, cgroup->fd, attribute, value);
}

int czone_cgroup_read(struct czone_cgroup *cgroup, const char *attribute, char *buffer, size_t size)
{
    if (!is_attribute(attribute))
        return -EINVAL;
    return cgroup->ctx->backend->cgroup_read(cgroup->ctx->sys, cgroup->fd, attribute, buffer, size);
}

int czone_cgroup_kill(struct czone_cgroup *cgroup)
{
    return czone_cgroup_write(cgroup, "cgroup.kill", "1");
}

int cgroup_is_populated(struct czone_ctx *ctx, int cgroup_fd)
{
    static const char key[] = "populated ";
    char text[256];
    const char *found;
    int r;

    r = ctx->backend->cgroup_read(ctx->sys, cgroup_fd, "cgroup.events", text, sizeof(text));
    if (r < 0)
        return r;
    found = strstr(text, key);
    return found ? found[sizeof(key) - 1] == '1' : -EBADMSG;
}

int czone_cgroup_populated(struct czone_cgroup *cgroup)
{
    return cgroup_is_populated(cgroup->ctx, cgroup->fd);
}

int czone_cgroup_watch(struct czone_cgroup *cgroup, int inotify_fd)
{
    return cgroup->ctx->backend->cgroup_watch(cgroup->ctx->sys, cgroup->fd, inotify_fd);
}

int czone_cgroup_wait_empty(struct czone_cgroup *cgroup, unsigned timeout_ms)
{
    uint64_t deadline_ns = clock_after_ms(timeout_ms);
    cleanup_close int watch_fd = -EBADF;
    int watch;

    watch_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watch_fd < 0)
        return -errno;
    watch = czone_cgroup_watch(cgroup, watch_fd);
    if (watch < 0)
        return watch;
    for (;;) {
        struct pollfd fd = { .fd = watch_fd, .events = POLLIN };
        char events[512];
        int r = czone_cgroup_populated(cgroup);

        if (r <= 0)
            return r;
        r = poll(&fd, 1, clock_until_ms(deadline_ns));
        if (r < 0 && errno != EINTR)
            return -errno;
        if (r == 0)
            return -ETIMEDOUT;
        if (r > 0 && read(watch_fd, events, sizeof(events)) < 0 && errno != EAGAIN && errno != EINTR)
            return -errno;
    }
}

int czone_cgroup_remove(struct czone_cgroup *cgroup)
{
    return cgroup->ctx->backend->cgroup_remove(cgroup->ctx->sys, cgroup->path);
}
