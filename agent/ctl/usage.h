/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_USAGE_H
#define CTL_USAGE_H

/* What a container uses, as io.czone.Container.Stats tells it, and a table of that. */

#include <jansson.h>
#include <stdint.h>

#include "agent/ctl/ctl.h"
#include "agent/ctl/table.h"

/* -1: not told. */
struct usage {
    const char *id; /* borrowed from the object it was read from */
    int64_t time;
    int64_t cpu, throttled_time; /* nanoseconds */
    int64_t memory, memory_limit;
    int64_t pids;
    int64_t read, written; /* bytes, of all devices */
    /* Time in which something waited for it: hundredths of a percent of the last 10 s. */
    int64_t cpu_pressure, memory_pressure, io_pressure;
};

/* Reads `object`, which came with an answer to Stats; tells if it makes no sense. */
enum exit_code usage_read(const struct ctl *ctl, json_t *object, struct usage *ret);

/* What the CPUs have done for whom, to tell from one sample to the next how busy they were. All zeroes: none
 * yet. */
struct usage_past {
    json_t *times; /* id to [time, cpu] */
};

void usage_past_done(struct usage_past *past);

/* An empty table, or NULL without memory. On a narrow terminal it leaves out what matters less. */
struct table *usage_table(void);

/*
 * Adds a row. CPU% is of the time since the last sample, 100 for one CPU; without a sample it is not shown.
 *
 * Returns EXIT_OK or that there is no memory.
 */
enum exit_code usage_row(const struct ctl *ctl, struct table *table, const struct usage *usage,
                         const struct usage_past *past);

/* Remembers a sample for the next. Same returns. */
enum exit_code usage_remember(const struct ctl *ctl, struct usage_past *now, const struct usage *usage);

#endif
