/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/host/bounds.h"

#include <inttypes.h>

#define MILLION UINT64_C(1000000)

/* A sane guest sends a plug, an unplug and now and then a cancel for each zone. */
#define SIGNALS_PER_PLUG 4u
/* Without a limit on plugs there is still one on nonsense. */
#define SIGNALS_DEFAULT 1000u

void bucket_init(struct bucket *bucket, uint64_t rate, uint64_t burst, uint64_t now_us)
{
    *bucket = (struct bucket){ .rate = rate, .burst = burst, .level = burst * MILLION, .last_us = now_us };
}

bool bucket_take(struct bucket *bucket, uint64_t now_us)
{
    uint64_t full = bucket->burst * MILLION, elapsed;

    if (bucket->rate == 0)
        return true;
    elapsed = now_us > bucket->last_us ? now_us - bucket->last_us : 0;
    if (now_us > bucket->last_us)
        bucket->last_us = now_us;
    /* Division first: elapsed * rate may not fit. */
    if (elapsed >= (full - bucket->level) / bucket->rate + 1)
        bucket->level = full;
    else
        bucket->level += elapsed * bucket->rate;
    if (bucket->level < MILLION)
        return false;
    bucket->level -= MILLION;
    return true;
}

void bounds_init(struct bounds *bounds, uint64_t zone_max, uint64_t total_max, uint64_t rate, uint64_t now_us)
{
    uint64_t signals = rate ? rate * SIGNALS_PER_PLUG : SIGNALS_DEFAULT;

    bounds->zone_max = zone_max;
    bounds->total_max = total_max;
    bucket_init(&bounds->plugs, rate, rate * 4, now_us);
    bucket_init(&bounds->signals, signals, signals * 4, now_us);
}

bool bounds_allow_plug(struct bounds *bounds, uint64_t bytes, uint64_t committed, uint64_t now_us,
                       struct driver_answer *answer)
{
    uint64_t left = bounds->total_max > committed ? bounds->total_max - committed : 0;

    if (bounds->zone_max && bytes > bounds->zone_max) {
        answer->refusal = REFUSAL_LIMIT;
        answer->limit = bounds->zone_max;
        reason_set(&answer->message,
                   "the host gives one zone at most %" PRIu64 " MiB; %" PRIu64
                   " MiB were asked for (czone-hostd --max-zone)",
                   bounds->zone_max >> 20, bytes >> 20);
        return false;
    }
    if (bounds->total_max && bytes > left) {
        answer->refusal = REFUSAL_LIMIT;
        answer->limit = left;
        reason_set(&answer->message,
                   "the host gives this VM at most %" PRIu64 " MiB for zones, of which %" PRIu64
                   " MiB are free; %" PRIu64 " MiB were asked for (czone-hostd --max-total)",
                   bounds->total_max >> 20, left >> 20, bytes >> 20);
        return false;
    }
    if (!bucket_take(&bounds->plugs, now_us)) {
        answer->refusal = REFUSAL_RATE;
        answer->limit = bounds->plugs.rate;
        reason_set(&answer->message,
                   "more than %" PRIu64 " plugs per second; try again later (czone-hostd --rate)",
                   bounds->plugs.rate);
        return false;
    }
    return true;
}

bool bounds_allow_signal(struct bounds *bounds, uint64_t now_us)
{
    return bucket_take(&bounds->signals, now_us);
}
