/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_PROC_H
#define GUEST_LAUNCH_PROC_H

/* A container's /proc. */

#include "agent/guest/launch/step.h"

/* A detached procfs of the caller's pid namespace. Returns its fd or a negative errno. */
int launch_proc_new(struct launch_step *step);

/*
 * Covers what tells of the guest or reaches it, and makes the rest of its settings read-only. The procfs must
 * be attached. dev: the container's /dev; empty: as for launch_mask(). Returns 0 or a negative errno.
 */
int launch_proc_mask(int proc, int dev, int *empty, struct launch_step *step);

#endif
