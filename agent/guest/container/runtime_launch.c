/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/runtime_launch.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "agent/guest/container/exec_request.h"

#define FOLDER "/runtime"

/* A runtime takes paths, not fds. */
static int describe(struct runtime_launch *self, enum oci_runtime runtime, int dir_fd, const char *id,
                    struct oci_container *ret_container)
{
    char link[64];
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", dir_fd);
    n = readlink(link, self->state, sizeof(self->state) - sizeof(FOLDER));
    if (n < 0)
        return -errno;
    (void)snprintf(self->state + n, sizeof(FOLDER), "%s", FOLDER);
    *ret_container = (struct oci_container){
        .runtime = runtime, .search = LAUNCH_DEFAULT_PATH, .state = self->state, .id = id
    };
    return 0;
}

/* What is left of the launch: the rest says what the runtime does. */
static void take(const struct oci_command *command, struct launch_request *launch)
{
    const struct launch_request asked = *launch;

    *launch = (struct launch_request)LAUNCH_REQUEST_INIT;
    launch->runtime = true;
    launch->args = command->args;
    launch->input = asked.input;
    launch->tty = asked.tty;
    launch->columns = asked.columns;
    launch->rows = asked.rows;
}

int runtime_launch_run(struct runtime_launch *self, const struct spawn_request *request, int dir_fd,
                       const char *id, struct launch_request *launch)
{
    struct oci_container container;
    int r = describe(self, (enum oci_runtime)request->runtime, dir_fd, id, &container);

    if (r == 0)
        r = oci_command_run(&self->command, &container, request->bundle);
    if (r == 0)
        take(&self->command, launch);
    return r;
}

int runtime_launch_exec(struct runtime_launch *self, enum oci_runtime runtime,
                        const struct exec_request *request, int dir_fd, const char *id,
                        struct launch_request *launch)
{
    const struct oci_exec exec = { .args = request->argv,
                                   .env = request->envp,
                                   .cwd = request->cwd,
                                   .user = request->user,
                                   .tty = request->tty };
    struct oci_container container;
    int r = describe(self, runtime, dir_fd, id, &container);

    if (r == 0)
        r = oci_command_exec(&self->command, &container, &exec);
    if (r == 0)
        take(&self->command, launch);
    return r;
}

void runtime_launch_done(struct runtime_launch *self)
{
    oci_command_clear(&self->command);
}
