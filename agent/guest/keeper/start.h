/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEEPER_START_H
#define KEEPER_START_H

/* From a START to a program on its way. */

#include <stdbool.h>

#include "agent/guest/keeper/wire.h"
#include "agent/guest/launch/standby.h"

/* The fds of PREPARE, in their order. */
enum prepare_fd {
    PREPARE_CGROUP,
    PREPARE_SOCKET,
    PREPARE_MEMORY,
    PREPARE_SETTING_UP,
    PREPARE_RUNNING,
    PREPARE_HALL,
};

/* The fds of START, in their order. */
enum start_fd {
    START_RUN_DIR,
    START_CGROUP,
    START_RECORD = START_CGROUP, /* with KEEPER_START_BRIEFED */
    START_REQUEST,
    START_FILTER,
    START_TARGET,                  /* with KEEPER_START_JOIN */
    START_BRIEFING = START_TARGET, /* with KEEPER_START_TELL */
};

/* Has a process stand by. fds: all those of PREPARE; its socket is taken. Returns 0 or errors of
 * launch_standby_start(). */
int start_prepare(struct keeper_fds *fds, struct launch_standby *ret_standby);

/* Whether the fds are those that the flags call for. */
bool start_complete(const struct keeper_start *start, const struct keeper_fds *fds);

/*
 * Has the standby run what it was briefed for; or reads the request and has the standby run that, or launches
 * it anew. *ret_tty: whether it asks for one. Returns 0 or failure->error, as launch_start() does.
 */
int start_launch(const struct keeper_start *start, const struct keeper_fds *fds,
                 struct launch_standby *standby, struct launch *ret_launch, bool *ret_tty,
                 struct launch_failure *failure);

#endif
