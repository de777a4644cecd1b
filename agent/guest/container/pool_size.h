/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_POOL_SIZE_H
#define GUEST_CONTAINER_POOL_SIZE_H

/*
 * How many of what a start needs are kept ready, and when they are made. The number follows load: as many as
 * a burst took that found none left, halved for each minute without such a burst. They are made when no start
 * has taken one for 50 ms and none waits for its turn, since making one takes the CPU from a start that is
 * under way, and one per turn of the loop: requests are served in between.
 */

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>

#include "agent/guest/turn.h"

#define POOL_SIZE_MIN 2u
#define POOL_SIZE_MAX 128u

struct pool_size_ops {
    /* Makes one and keeps it at the end, as number n. Returns 0, or a negative errno after having said so:
     * then no more are made until the next one is taken. */
    int (*add)(void *owner);
    /* Ends the last one, number n. */
    void (*drop)(void *owner);
};

struct pool_size {
    const struct pool_size_ops *ops;
    void *owner;
    const struct turns *turns;
    size_t n, target, most;
    size_t n_taken; /* in this burst */
    struct event *refill, *shrink, *excess;
};

/*
 * An empty one, which fills itself from the loop.
 *
 * @base, @ops, @owner  borrowed for its life
 * @turns               likewise: where starts wait
 * @most                how many it may become; it is POOL_SIZE_MIN at least and POOL_SIZE_MAX at most
 *
 * Returns 0 or -ENOMEM; on failure it can be closed.
 */
int pool_size_open(struct pool_size *size, struct event_base *base, const struct turns *turns,
                   const struct pool_size_ops *ops, void *owner, size_t most);

/* Drops all. Accepts one that is all zero. */
void pool_size_close(struct pool_size *size);

/* Takes the last one, which is number n after the call. Returns false when there is none: the caller makes
 * one for itself, and more will be kept. */
bool pool_size_take(struct pool_size *size);

#endif
