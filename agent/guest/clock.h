/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CLOCK_H
#define GUEST_CLOCK_H

#include <stdint.h>
#include <sys/time.h>
#include <time.h>

#define NSEC_PER_SEC  UINT64_C(1000000000)
#define NSEC_PER_MSEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)

static inline uint64_t clock_now(clockid_t clock)
{
    struct timespec now = { 0 };

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* Deadlines and durations, in nanoseconds. */
static inline uint64_t clock_monotonic(void)
{
    return clock_now(CLOCK_MONOTONIC);
}

/* Times on the wire: nanoseconds since the epoch. */
static inline int64_t clock_realtime(void)
{
    return (int64_t)clock_now(CLOCK_REALTIME);
}

/* Rounded up, so that a timer never fires before its deadline. */
static inline struct timeval clock_timeval(uint64_t ns)
{
    uint64_t us = (ns + NSEC_PER_USEC - 1) / NSEC_PER_USEC;

    return (struct timeval){ .tv_sec = (time_t)(us / 1000000), .tv_usec = (suseconds_t)(us % 1000000) };
}

#endif
