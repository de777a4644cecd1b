/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PROGRESS_H
#define CTL_PROGRESS_H

/* A line on standard error that says what is waited for and since when; only on a terminal, and never left
 * behind. */

#include <stdbool.h>
#include <stdint.h>

#include "agent/ctl/terminal.h"

struct progress {
    const struct terminal *terminal;
    char text[160];
    int64_t since; /* when_ticks() */
    unsigned int turn;
    bool shown;
};

/* How often progress_draw() should be called while something is shown. */
#define PROGRESS_TICK_MS 120

/* Says what is waited for from now on; "" for nothing. The clock starts when it was nothing before. Text is
 * escaped. */
void progress_set(struct progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Is there something to draw? Never when standard error is no terminal. */
bool progress_active(const struct progress *progress);

void progress_draw(struct progress *progress);

/* Takes the line away: before anything else is written to the terminal, and at the end. */
void progress_clear(struct progress *progress);

#endif
