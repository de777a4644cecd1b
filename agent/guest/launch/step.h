/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_STEP_H
#define GUEST_LAUNCH_STEP_H

#include <stdint.h>

#include "agent/guest/launch/launch.h"

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

static inline void launch_step_set(struct launch_step *step, enum launch_stage stage, const char *what,
                                   const char *on)
{
    *step = (struct launch_step){ .stage = stage, .what = what, .on = on };
}

#endif
