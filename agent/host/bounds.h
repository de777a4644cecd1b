/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_BOUNDS_H
#define HOST_BOUNDS_H

/*
 * What a guest may ask for: bytes in one request, bytes in total, requests per second. Pure; the caller
 * brings the clock (microseconds, monotonic).
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/host/driver.h"

/* A token bucket. Counts in millionths of a token, so that any rate from 1/s fills evenly. */
struct bucket {
    uint64_t rate;  /* tokens per second; 0: no limit */
    uint64_t burst; /* tokens it holds */
    uint64_t level; /* millionths */
    uint64_t last_us;
};

/* Begins full. */
void bucket_init(struct bucket *bucket, uint64_t rate, uint64_t burst, uint64_t now_us);

/* Takes a token if there is one. A clock that went back adds nothing. */
bool bucket_take(struct bucket *bucket, uint64_t now_us);

struct bounds {
    uint64_t zone_max;     /* bytes in one request; 0: no limit */
    uint64_t total_max;    /* bytes plugged at once; 0: no limit */
    struct bucket plugs;   /* refused beyond it */
    struct bucket signals; /* of any kind; beyond it the guest is cut off */
};

/* @rate  plugs per second, 0 for no limit on them. A burst of four seconds' worth passes at once. */
void bounds_init(struct bounds *bounds, uint64_t zone_max, uint64_t total_max, uint64_t rate,
                 uint64_t now_us);

/*
 * May this plug go ahead?
 *
 * @bytes      asked for, already a multiple of the guest's block
 * @committed  bytes plugged or being plugged
 * @answer     on refusal: refusal, limit and message are set; else untouched
 *
 * Takes a token only if the sizes are allowed: a guest that asks for too much learns its limit however often
 * it asks, up to where `signals` cuts it off.
 */
bool bounds_allow_plug(struct bounds *bounds, uint64_t bytes, uint64_t committed, uint64_t now_us,
                       struct driver_answer *answer);

/* Is one more signal within what a sane guest sends? */
bool bounds_allow_signal(struct bounds *bounds, uint64_t now_us);

#endif
