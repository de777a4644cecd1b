/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_LOG_H
#define HOST_LOG_H

/*
 * The daemon's log: standard error, one line per event, for people or (--json-log) one JSON object per line.
 * What a guest sent may be in it and is made printable. Lines that a guest can cause are bounded by the rates
 * of bounds.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "agent/host/driver.h"

enum log_level {
    LOG_ERR = 3, /* the numbers of syslog(3), which systemd reads as <N> */
    LOG_WARN = 4,
    LOG_NOTE = 6,
};

/* Chooses the form, once, before the first line. */
void log_setup(bool json);

void log_line(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * One line for a request that came to its end.
 *
 * @verb    "plug", "unplug", "undo"
 * @zone    the guest's name for it, for people only
 * @ms      from the signal to the VMM's confirmation
 */
void log_answer(const char *verb, int64_t id, const char *zone, const struct driver_answer *answer,
                uint64_t ms);

#endif
