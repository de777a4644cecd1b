/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_REHEARSAL_H
#define GUEST_LAUNCH_REHEARSAL_H

#include "agent/guest/launch/plan.h"

/*
 * Looks up user, cwd and program in layers that are stacked for nothing else, read-only, by a process with a
 * mount namespace of its own that is gone when this returns: before memory is asked for a caller wants to
 * know what only the stack can tell. The files it reads come into the page cache from the caller's memory
 * node, not from a zone.
 *
 * plan: from launch_plan_make(), with two layers at least; not changed. Blocks on the layers' file systems.
 * Returns 0 or failure->error.
 */
int launch_rehearse(struct launch_plan *plan, struct launch_failure *failure);

#endif
