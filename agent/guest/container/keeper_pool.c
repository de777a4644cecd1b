/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/keeper_pool.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "agent/guest/keeper/spawn.h"
#include "agent/guest/log.h"
#include "proto/cleanup.h"

#define SHRINK_SECONDS 60

/* To start one costs as much CPU as to start a program: not while a program that has just been asked for is on its
 * way. */
#define REFILL_DELAY_US 50000

/* Whatever became of it: it shall not stay a zombie. */
static void on_end(evutil_socket_t pidfd, short what, void *data)
{
    siginfo_t status = { 0 };

    (void)what;
    (void)data;
    (void)waitid(P_PIDFD, (id_t)pidfd, &status, WEXITED | WNOHANG);
    (void)close(pidfd);
}

static int start(struct keeper_pool *pool, int *ret_fd)
{
    struct keeper_process process = KEEPER_PROCESS_INIT;
    int r;

    r = keeper_spawn(pool->image, &process);
    if (r < 0)
        return r;
    if (event_base_once(pool->base, process.pidfd, EV_READ, on_end, NULL, NULL) < 0) {
        log_warning("keeper %d will stay a zombie: out of memory", (int)process.pid);
        (void)close(process.pidfd);
    }
    *ret_fd = process.socket;
    return 0;
}

static void refill_in(struct keeper_pool *pool, const struct timeval *delay)
{
    if (pool->n_idle >= pool->target || event_pending(pool->refill, EV_TIMEOUT, NULL))
        return;
    if (event_add(pool->refill, delay) < 0)
        log_warning("cannot refill the pool of keepers: out of memory");
}

static void refill_soon(struct keeper_pool *pool)
{
    static const struct timeval delay = { .tv_usec = REFILL_DELAY_US };

    refill_in(pool, &delay);
}

static void refill_now(struct keeper_pool *pool)
{
    static const struct timeval now = { 0 };

    refill_in(pool, &now);
}

/* One per turn of the loop: requests are served in between. */
static void on_refill(evutil_socket_t fd, short what, void *data)
{
    struct keeper_pool *pool = data;
    int r;

    (void)fd;
    (void)what;
    if (pool->n_idle >= pool->target)
        return;
    r = start(pool, &pool->idle[pool->n_idle]);
    if (r < 0) {
        log_error("cannot start a keeper: %s", strerror(-r));
        return; /* the next one taken says so to its caller */
    }
    pool->n_idle++;
    refill_now(pool);
}

static void on_shrink(evutil_socket_t fd, short what, void *data)
{
    static const struct timeval later = { .tv_sec = SHRINK_SECONDS };
    struct keeper_pool *pool = data;

    (void)fd;
    (void)what;
    pool->target = pool->target / 2 > KEEPER_POOL_MIN ? pool->target / 2 : KEEPER_POOL_MIN;
    while (pool->n_idle > pool->target)
        (void)close(pool->idle[--pool->n_idle]);
    if (pool->target > KEEPER_POOL_MIN)
        (void)event_add(pool->shrink, &later);
}

static void grow(struct keeper_pool *pool)
{
    static const struct timeval later = { .tv_sec = SHRINK_SECONDS };

    if (pool->target < KEEPER_POOL_MAX)
        pool->target *= 2;
    (void)event_add(pool->shrink, &later);
}

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

int keeper_pool_open(struct keeper_pool *pool, struct event_base *base, const char *program)
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
    pool->target = KEEPER_POOL_MIN;
    pool->refill = evtimer_new(base, on_refill, pool);
    pool->shrink = evtimer_new(base, on_shrink, pool);
    if (pool->refill == NULL || pool->shrink == NULL)
        return log_fail(-ENOMEM, "out of memory");
    refill_now(pool);
    return 0;
}

void keeper_pool_close(struct keeper_pool *pool)
{
    while (pool->n_idle > 0)
        (void)close(pool->idle[--pool->n_idle]);
    if (pool->refill != NULL)
        event_free(pool->refill);
    if (pool->shrink != NULL)
        event_free(pool->shrink);
    cleanup_fd(&pool->image);
    *pool = (struct keeper_pool)KEEPER_POOL_INIT;
}

int keeper_pool_take(struct keeper_pool *pool, int *ret_fd)
{
    if (pool->image < 0)
        return -EBADF;
    if (pool->n_idle == 0) {
        grow(pool);
        refill_soon(pool);
        return start(pool, ret_fd);
    }
    *ret_fd = pool->idle[--pool->n_idle];
    refill_soon(pool);
    return 0;
}
