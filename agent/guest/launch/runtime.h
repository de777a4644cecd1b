/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_RUNTIME_H
#define GUEST_LAUNCH_RUNTIME_H

/*
 * A program that is an OCI runtime (launch_request.runtime): it makes the container itself, and is shown a
 * machine whose cgroups are the zone's, so that whatever it makes of them stays in the zone.
 *
 *     ZONE                cgroup of the container: the root of /sys/fs/cgroup for the runtime
 *     ZONE/@runtime       the runtime, and later ones that join it (exec)
 *     ZONE/...            what the runtime makes; by default ZONE/ID
 *
 * A cgroup that hands controllers to others below it can hold no process, which is why the runtime has one of
 * its own. '@' is in no id of a container.
 */

#include "agent/guest/launch/step.h"

#define LAUNCH_RUNTIME_CGROUP "@runtime"

/* In the child, born in the cgroup ZONE: makes its mount and cgroup namespaces and moves it into
 * ZONE/@runtime. "/" is its working directory then. Returns 0 or a negative errno. */
int launch_runtime_enter(struct launch_step *step);

/* Opens ZONE/@runtime for a runtime that joins. zone: directory fd of the cgroup. Returns the fd or a
 * negative errno. */
int launch_runtime_cgroup(int zone);

#endif
