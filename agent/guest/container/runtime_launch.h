/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_RUNTIME_LAUNCH_H
#define GUEST_RUNTIME_LAUNCH_H

/*
 * Launch requests of a container that an OCI runtime runs (Spawn with `runtime`): the program is the runtime,
 * which keeps its records in `runtime`, below the container's run directory.
 *
 * Both return 0, -ENOENT (the guest has no such runtime any more), -ENOMEM or errors of readlink().
 */

#include <limits.h>

#include "agent/guest/container/spawn_request.h"
#include "agent/guest/oci/runtime.h"

struct exec_request;

/* What such a launch request borrows. Zeroed at first; runtime_launch_done() in every case, when the request
 * is not needed any more. */
struct runtime_launch {
    struct oci_command command;
    char state[PATH_MAX];
};

/*
 * Makes of the launch of a container's program that of the runtime which runs it.
 *
 * @dir_fd  run directory of the container
 * @id      of the container
 * @launch  as spawn_request_launch() has set it
 */
int runtime_launch_run(struct runtime_launch *self, const struct spawn_request *request, int dir_fd,
                       const char *id, struct launch_request *launch);

/* The same for one more program in it. @launch: as exec_request_launch() has set it. */
int runtime_launch_exec(struct runtime_launch *self, enum oci_runtime runtime,
                        const struct exec_request *request, int dir_fd, const char *id,
                        struct launch_request *launch);

void runtime_launch_done(struct runtime_launch *self);

#endif
