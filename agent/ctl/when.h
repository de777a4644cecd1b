/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_WHEN_H
#define CTL_WHEN_H

/* Points and spans of time, for people. Nanoseconds, as on the wire. */

#include <stdint.h>

#define WHEN_TEXT_MAX 48

/* Local time with milliseconds and zone, `2026-05-01 12:00:03.250 +0200`. Returns `buffer`. */
const char *when_clock(int64_t time_ns, char buffer[WHEN_TEXT_MAX]);

/* How long something took: `850 us`, `12.3 ms`, `1.24 s`, `2 min 3 s`, `5 h 0 min`, `3 d 4 h`. Negative spans
 * (clocks that disagree) are 0. */
const char *when_span(int64_t span_ns, char buffer[WHEN_TEXT_MAX]);

/* As when_span(), in whole seconds and above: the age of something. */
const char *when_age(int64_t age_ns, char buffer[WHEN_TEXT_MAX]);

/* Now, CLOCK_REALTIME: to compare with times of the wire. */
int64_t when_now(void);

/* Milliseconds of a clock that never jumps, for deadlines. */
int64_t when_ticks(void);

#endif
