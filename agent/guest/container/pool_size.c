/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/pool_size.h"

#include <errno.h>

#include "agent/guest/log.h"

static const struct timeval now = { 0 };
static const struct timeval calm = { .tv_usec = 50000 };
static const struct timeval quiet = { .tv_sec = 60 };

static void arm(struct event *timer, const struct timeval *delay)
{
    if (event_add(timer, delay) < 0)
        log_warning("a pool of the next starts' needs stays as it is: out of memory");
}

static void on_refill(evutil_socket_t fd, short what, void *data)
{
    struct pool_size *size = data;

    (void)fd;
    (void)what;
    if (turns_waiting(size->turns)) { /* the burst goes on: its starts take longer than that */
        arm(size->refill, &calm);
        return;
    }
    size->n_taken = 0;
    if (size->n >= size->target || size->ops->add(size->owner) < 0)
        return;
    size->n++;
    if (size->n < size->target)
        arm(size->refill, &now);
}

static void on_quiet(evutil_socket_t fd, short what, void *data)
{
    struct pool_size *size = data;

    (void)fd;
    (void)what;
    size->target = size->target / 2 > POOL_SIZE_MIN ? size->target / 2 : POOL_SIZE_MIN;
    if (size->n > size->target)
        arm(size->excess, &now);
    if (size->target > POOL_SIZE_MIN)
        arm(size->shrink, &quiet);
}

/* One at a time: it may take a millisecond or two. */
static void on_excess(evutil_socket_t fd, short what, void *data)
{
    struct pool_size *size = data;

    (void)fd;
    (void)what;
    if (size->n <= size->target)
        return;
    size->n--;
    size->ops->drop(size->owner);
    if (size->n > size->target)
        arm(size->excess, &now);
}

int pool_size_open(struct pool_size *size, struct event_base *base, const struct turns *turns,
                   const struct pool_size_ops *ops, void *owner, size_t most)
{
    *size = (struct pool_size){
        .ops = ops, .owner = owner, .turns = turns, .target = POOL_SIZE_MIN, .most = most
    };
    if (most < POOL_SIZE_MIN)
        size->most = POOL_SIZE_MIN;
    else if (most > POOL_SIZE_MAX)
        size->most = POOL_SIZE_MAX;
    size->refill = evtimer_new(base, on_refill, size);
    size->shrink = evtimer_new(base, on_quiet, size);
    size->excess = evtimer_new(base, on_excess, size);
    if (size->refill == NULL || size->shrink == NULL || size->excess == NULL)
        return -ENOMEM;
    arm(size->refill, &now);
    return 0;
}

void pool_size_close(struct pool_size *size)
{
    while (size->n > 0) {
        size->n--;
        size->ops->drop(size->owner);
    }
    if (size->refill != NULL)
        event_free(size->refill);
    if (size->shrink != NULL)
        event_free(size->shrink);
    if (size->excess != NULL)
        event_free(size->excess);
    *size = (struct pool_size){ 0 };
}

bool pool_size_take(struct pool_size *size)
{
    bool found = size->n > 0;

    size->n_taken++;
    if (found) {
        size->n--;
    } else {
        if (size->n_taken > size->target && size->target < size->most)
            size->target++;
        arm(size->shrink, &quiet);
    }
    arm(size->refill, &calm);
    return found;
}
