/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEEPER_START_H
#define KEEPER_START_H

/* From a START to a program on its way. */

#include <stdbool.h>

#include "agent/guest/keeper/wire.h"
#include "agent/guest/launch/launch.h"

/* The fds of START, in their order. */
enum start_fd {
    START_REQUEST,
    START_FILTER,
    START_RUN_DIR,
    START_CGROUP,
    START_TARGET,
};

/* Whether the fds are those that the flags call for. */
bool start_complete(const struct keeper_start *start, const struct keeper_fds *fds);

/* Reads the request of a PLAN, and briefs the standby if that suits. What goes wrong is told by
 * start_launch(). */
void start_plan(const struct keeper_plan *plan, const struct keeper_fds *fds, struct launch_standby *standby);

/* Whether the process that stands by was told all of it by PLAN, and runs it now: what is ready shall not
 * wait. If not, start_launch() is to be called. *ret_tty: whether it asks for one. */
bool start_briefed(const struct keeper_start *start, struct launch_standby *standby,
                   struct launch *ret_launch, bool *ret_tty);

/*
 * Reads the request and launches it, by the standby if that suits. *ret_tty: whether it asks for one.
 * Returns 0 or failure->error, as launch_start() does.
 */
int start_launch(const struct keeper_start *start, const struct keeper_fds *fds,
                 struct launch_standby *standby, struct launch *ret_launch, bool *ret_tty,
                 struct launch_failure *failure);

#endif
