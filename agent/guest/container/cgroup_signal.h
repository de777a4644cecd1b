/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_CGROUP_SIGNAL_H
#define GUEST_CONTAINER_CGROUP_SIGNAL_H

#include <czone/cgroup.h>

/*
 * Sends a signal to every process of a cgroup and of those below it, once: one that is born meanwhile is
 * missed, as by kill(2) of a process group. Not to an OCI runtime that has made the container: it would pass
 * the signal on, and its container get it twice. SIGKILL is czone_cgroup_kill()'s.
 *
 * Returns 0 or -ESRCH (none is there).
 */
int cgroup_signal(struct czone_cgroup *cgroup, int signal);

#endif
