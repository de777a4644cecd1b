/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_KEEPER_POOL_H
#define GUEST_CONTAINER_KEEPER_POOL_H

/*
 * Keepers (keeper/spawn.h) that wait for a program: started ahead of need, since exec is most of what they
 * cost. An idle one ends with czoned.
 */

#include <errno.h>
#include <event2/event.h>

#include "agent/guest/container/pool_size.h"

struct keeper_pool {
    struct event_base *base;
    int image; /* of keeper_image_open(); owned */
    struct pool_size size;
    int idle[POOL_SIZE_MAX]; /* sockets */
};

#define KEEPER_POOL_INIT                                                                                     \
    {                                                                                                        \
        .image = -EBADF                                                                                      \
    }

/*
 * Reads the keeper's executable; the first ones are started from the loop.
 *
 * @base     borrowed for the pool's life, as turns are, where starts wait
 * @program  path of the executable; NULL: as installed, beside this program's own
 *
 * Returns 0, -ENOMEM or errors of keeper_image_open(); what is wrong has been logged.
 */
int keeper_pool_open(struct keeper_pool *pool, struct event_base *base, const struct turns *turns,
                     const char *program);

/* Ends the idle ones. Accepts KEEPER_POOL_INIT. */
void keeper_pool_close(struct keeper_pool *pool);

/* Starts one that is not of the pool. ret_pid: NULL, or where its pid goes. As keeper_pool_take(). */
int keeper_pool_start(struct keeper_pool *pool, int *ret_fd, pid_t *ret_pid);

/*
 * Takes one out, or starts one if there is none.
 *
 * @ret_fd  its socket, close-on-exec and non-blocking; the caller's. The keeper may have died: sending tells
 *
 * Returns 0, -EBADF (the pool is not open) or errors of keeper_spawn().
 */
int keeper_pool_take(struct keeper_pool *pool, int *ret_fd);

#endif
