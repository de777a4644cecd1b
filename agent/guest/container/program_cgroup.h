/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_PROGRAM_CGROUP_H
#define GUEST_CONTAINER_PROGRAM_CGROUP_H

#include "agent/guest/container/program.h"

/*
 * Gives a program its cgroup, bound to the zone and with its limits: one of the pool, one made as `name`, or
 * that which an earlier czoned has bound to the zone, emptied.
 *
 * @pids        limit of processes
 * @ret_policy  memory policy of what runs there
 * @ret_keeper  keeper whose standby is in the cgroup, the caller's, also on failure; left alone if there is
 * none
 *
 * Returns 0, or a negative errno with the refusal filled in; program->cgroup may be set then.
 */
int program_cgroup_prepare(struct program *program, struct czone_zone *zone, const char *name, int64_t pids,
                           struct czone_policy *ret_policy, int *ret_keeper, struct refusal *refusal);

#endif
