/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/when.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define US INT64_C(1000)
#define MS INT64_C(1000000)
#define S  INT64_C(1000000000)

const char *when_clock(int64_t time_ns, char buffer[WHEN_TEXT_MAX])
{
    time_t seconds = (time_t)(time_ns / S);
    struct tm broken;
    char date[32], zone[8];

    if (time_ns < 0 || !localtime_r(&seconds, &broken) || !strftime(date, sizeof(date), "%F %T", &broken) ||
        !strftime(zone, sizeof(zone), "%z", &broken))
        (void)snprintf(buffer, WHEN_TEXT_MAX, "%" PRId64 " ns", time_ns);
    else
        (void)snprintf(buffer, WHEN_TEXT_MAX, "%s.%03d %s", date, (int)(time_ns % S / MS), zone);
    return buffer;
}

const char *when_age(int64_t age_ns, char buffer[WHEN_TEXT_MAX])
{
    int64_t seconds = age_ns < 0 ? 0 : age_ns / S;

    if (seconds < 60)
        (void)snprintf(buffer, WHEN_TEXT_MAX, "%" PRId64 " s", seconds);
    else if (seconds < 3600)
        (void)snprintf(buffer, WHEN_TEXT_MAX, "%" PRId64 " min %" PRId64 " s", seconds / 60, seconds % 60);
    else if (seconds < 86400)
        (void)snprintf(buffer, WHEN_TEXT_MAX, "%" PRId64 " h %" PRId64 " min", seconds / 3600,
                       seconds / 60 % 60);
    else
        (void)snprintf(buffer, WHEN_TEXT_MAX, "%" PRId64 " d %" PRId64 " h", seconds / 86400,
                       seconds / 3600 % 24);
    return buffer;
}

const char *when_span(int64_t span_ns, char buffer[WHEN_TEXT_MAX])
{
    if (span_ns <= 0)
        (void)snprintf(buffer, WHEN_TEXT_MAX, "0 s");
    else if (span_ns < MS)
        (void)snprintf(buffer, WHEN_TEXT_MAX, "%" PRId64 " us", span_ns / US);
    else if (span_ns < S)
        (void)snprintf(buffer, WHEN_TEXT_MAX, "%.1f ms", (double)span_ns / (double)MS);
    else if (span_ns < 60 * S)
        (void)snprintf(buffer, WHEN_TEXT_MAX, "%.2f s", (double)span_ns / (double)S);
    else
        (void)when_age(span_ns, buffer);
    return buffer;
}

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * S + now.tv_nsec;
}

int64_t when_now(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int64_t when_ticks(void)
{
    return clock_ns(CLOCK_MONOTONIC) / MS;
}
