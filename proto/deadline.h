/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_DEADLINE_H
#define PROTO_DEADLINE_H

/* A point in time on CLOCK_MONOTONIC, in milliseconds, as poll(2) counts; -1 is never. */

#include <limits.h>
#include <stdint.h>
#include <time.h>

static inline int64_t deadline_now(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* A negative timeout never ends. */
static inline int64_t deadline_after(int timeout_ms)
{
    return timeout_ms < 0 ? -1 : deadline_now() + timeout_ms;
}

/* For poll(2): 0 once it has passed, -1 for never. */
static inline int deadline_remaining(int64_t deadline)
{
    int64_t left = deadline - deadline_now();

    if (deadline < 0)
        return -1;
    return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

#endif
