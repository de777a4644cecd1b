/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

/*
 * The daemon's log: standard error, one line per event, for people or (--json-log) one JSON object per line.
 * What a guest sent may be in it and is made printable. How many lines a guest can cause is bounded, whatever
 * it does: a place for 200 zones that come and go at once, then a hundred megabytes a day.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/host/driver.h"

/* Lines of log_guest() and log_answer() together: per second, and at once. */
#define LOG_GUEST_RATE  8u
#define LOG_GUEST_BURST 500u

enum log_level {
    LOG_ERR = 3, /* the numbers of syslog(3), which systemd reads as <N> */
    LOG_WARN = 4,
    LOG_NOTE = 6,
};

/* Chooses the form and fills the bucket, once, before the first line. */
void log_setup(bool json);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* For every line that a guest can cause by what it sends, refuses or leaves undone. Beyond the bound lines
 * are left out; the next one that is not says how many. */
void log_guest(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * One line for a request that came to its end, within the bound of log_guest().
 *
 * @verb    "plug", "unplug", "undo"
 * @zone    the guest's name for it, for people only
 * @ms      from the signal to the VMM's confirmation
 */
void log_answer(const char *verb, int64_t id, const char *zone, const struct driver_answer *answer,
                uint64_t ms);

#endif
