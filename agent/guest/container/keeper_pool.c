/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/keeper_pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/guest/keeper/spawn.h"
#include "agent/guest/log.h"
#include "proto/cleanup.h"

/* Idle ones: only starts that find no standby take them. */
#define KEEPERS_MAX 32

/* Whatever became of it: it shall not stay a zombie. */
static void on_end(evutil_socket_t pidfd, short what, void *data)
{
    siginfo_t status = { 0 };

    (void)what;
    (void)data;
    (void)waitid(P_PIDFD, (id_t)pidfd, &status, WEXITED | WNOHANG);
    (void)close(pidfd);
}

int keeper_pool_start(struct keeper_pool *pool, int *ret_fd, pid_t *ret_pid)
{
    struct keeper_process process = KEEPER_PROCESS_INIT;
    int r;

    if (pool->image < 0)
        return -EBADF;
    r = keeper_spawn(pool->image, &process);
    if (r < 0)
        return r;
    if (event_base_once(pool->base, process.pidfd, EV_READ, on_end, NULL, NULL) < 0) {
        log_warning("keeper %d will stay a zombie: out of memory", (int)process.pid);
        (void)close(process.pidfd);
    }
    *ret_fd = process.socket;
    if (ret_pid != NULL)
        *ret_pid = process.pid;
    return 0;
}

static int add(void *owner)
{
    struct keeper_pool *pool = owner;
    int r = keeper_pool_start(pool, &pool->idle[pool->size.n], NULL);

    if (r < 0) /* the next one taken says so to its caller */
        log_error("cannot start a keeper: %s", strerror(-r));
    return r;
}

static void drop(void *owner)
{
    struct keeper_pool *pool = owner;

    (void)close(pool->idle[pool->size.n]);
}

static const struct pool_size_ops size_ops = { add, drop };

/* By the paths of the build, relative: an installation may be moved as a whole, into an image for instance.
 */
static int find_installed(char *path, size_t size)
{
    char self[4096], *slash;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n < 0)
        return -errno;
    self[n] = '\0';
    slash = strrchr(self, '/');
    if (slash == NULL)
        return -ENOENT;
    *slash = '\0';
    return snprintf(path, size, "%s/" CZONE_KEEPER_PATH, self) < (int)size ? 0 : -ENAMETOOLONG;
}

int keeper_pool_open(struct keeper_pool *pool, struct event_base *base, const struct turns *turns,
                     const char *program)
{
    char installed[4096] = "czone-keeper";
    int r = 0;

    if (program == NULL)
        r = find_installed(installed, sizeof(installed));
    if (r == 0)
        r = keeper_image_open(program != NULL ? program : installed, &pool->image);
    if (r < 0)
        return log_fail(r, "cannot read %s, which keeps containers while czoned restarts: %s",
                        program != NULL ? program : installed, strerror(-r));
    pool->base = base;
    r = pool_size_open(&pool->size, base, turns, &size_ops, pool, KEEPERS_MAX);
    return r < 0 ? log_fail(r, "out of memory") : 0;
}

void keeper_pool_close(struct keeper_pool *pool)
{
    pool_size_close(&pool->size);
    cleanup_fd(&pool->image);
    *pool = (struct keeper_pool)KEEPER_POOL_INIT;
}

int keeper_pool_take(struct keeper_pool *pool, int *ret_fd)
{
    if (pool->image < 0 || !pool_size_take(&pool->size))
        return keeper_pool_start(pool, ret_fd, NULL);
    *ret_fd = pool->idle[pool->size.n];
    return 0;
}
