/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_CGROUP_SIGNAL_H
#define GUEST_CONTAINER_CGROUP_SIGNAL_H

#include <czone/cgroup.h>

/*
 * Sends a signal to every process of a cgroup, once: one that is born meanwhile is missed, as by kill(2) of a
 * process group. SIGKILL is czone_cgroup_kill()'s.
 *
 * Returns 0, -ESRCH (none is there), -ENOMEM, or errors of reading cgroup.procs.
 */
int cgroup_signal(struct czone_cgroup *cgroup, int signal);

#endif
