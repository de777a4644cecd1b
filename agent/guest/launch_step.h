/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_STEP_H
#define GUEST_LAUNCH_STEP_H

#include <stdint.h>

#include "agent/guest/launch.h"

/*
 * Where a child stands in its set-up: kept up to date before each operation, so that a failure deep down
 * needs no more than its errno. what and on: static strings or ones of the plan; "cannot WHAT ON: why" is the
 * message.
 */
struct launch_step {
    enum launch_stage stage;
    const char *what;
    const char *on;
};

/* What the child writes to its result pipe: at most one that has an error, and one at stage exec without.
 * Below PIPE_BUF, hence never torn apart. */
struct launch_report {
    int32_t stage;
    int32_t error; /* negative errno; 0: about to exec */
    char text[256];
    /* Complete, if it has a trouble: a request that turned out wrong only in the finished root. Its strings
     * are static ones, which child and parent have at the same place. */
    struct launch_failure refusal;
};

static inline void launch_step_set(struct launch_step *step, enum launch_stage stage, const char *what,
                                   const char *on)
{
    *step = (struct launch_step){ .stage = stage, .what = what, .on = on };
}

#endif
