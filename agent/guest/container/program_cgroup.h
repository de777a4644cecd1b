/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_PROGRAM_CGROUP_H
#define GUEST_CONTAINER_PROGRAM_CGROUP_H

#include "agent/guest/container/program.h"

/*
 * Before the zone is there, but when its memory is: if a process stands by in a cgroup of the pool that can
 * run this, the program gets that cgroup, and the process does all but exec() meanwhile. Without it the start
 * takes longer, no more.
 *
 * @plan  of launch_check(), if the native launcher is to run it
 * @node  where the zone will be, as far as can be told; if it comes to be elsewhere the plan was in vain
 */
void program_cgroup_plan(struct program *program, const struct spawn_request *request,
                         struct launch_plan *plan, czone_node_id node);

/* The program runs: from here on it has the share of the CPUs that each container begins with. */
void program_cgroup_begin(struct program *program);

/* Ends what stands by for a program that was not started, and removes its cgroup. */
void program_cgroup_drop(struct program *program);

/*
 * Gives a program its cgroup, bound to the zone and with its limits: that of program_cgroup_plan(), one of
 * the pool, one made as `name`, or that which an earlier czoned has bound to the zone, emptied.
 *
 * @pids        limit of processes
 * @ret_policy  memory policy of what runs there
 *
 * Returns 0, or a negative errno with the refusal filled in; program->cgroup and program->standby may be set
 * then.
 */
int program_cgroup_prepare(struct program *program, struct czone_zone *zone, const char *name, int64_t pids,
                           struct czone_policy *ret_policy, struct refusal *refusal);

#endif
