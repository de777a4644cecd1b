/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CLOCK_H
#define CZONE_CLOCK_H

#include <stdint.h>
#include <time.h>

/* Nanoseconds of a clock that nobody sets. Async-signal-safe. */
static inline uint64_t clock_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline uint64_t clock_after_ms(unsigned ms)
{
    return clock_ns() + (uint64_t)ms * 1000000;
}

/* Milliseconds until then, rounded up; 0 when it has passed. */
static inline int clock_until_ms(uint64_t deadline_ns)
{
    uint64_t now = clock_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;

    return left > (uint64_t)INT32_MAX * 1000000 ? INT32_MAX : (int)((left + 999999) / 1000000);
}

#endif
