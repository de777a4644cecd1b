/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/oci/runtime.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guest/launch/request.h"
#include "proto/cleanup.h"

const char *const oci_runtime_names[] = {
    [OCI_RUNTIME_NATIVE] = "native",
    [OCI_RUNTIME_CRUN] = "crun",
    [OCI_RUNTIME_RUNC] = "runc",
    NULL,
};

/* The words of a command line that are not the caller's: global options, the command and its options, --, id.
 */
#define WORDS_MAX 16

static bool is_program(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

int oci_runtime_find(enum oci_runtime runtime, const char *search, char **ret_path)
{
    for (const char *folder = search; *folder != '\0'; folder += strspn(folder, ":")) {
        size_t length = strcspn(folder, ":");
        CLEANUP_FREE char *path = NULL;

        if (asprintf(&path, "%.*s/%s", (int)length, folder, oci_runtime_names[runtime]) < 0) {
            path = NULL;
            return -ENOMEM;
        }
        if (is_program(path)) {
            *ret_path = TAKE(path);
            return 0;
        }
        folder += length;
    }
    return -ENOENT;
}

static size_t count(const char *const *strings)
{
    size_t n = 0;

    while (strings != NULL && strings[n] != NULL)
        n++;
    return n;
}

/* What stands before the command. n_more: words of the caller's. Returns how many words there are, or a
 * negative errno. */
static int begin(struct oci_command *command, const struct oci_container *container, size_t n_more)
{
    int r, n = 0;

    r = oci_runtime_find(container->runtime, container->search, &command->path);
    if (r < 0)
        return r;
    command->args = calloc(WORDS_MAX + n_more + 1, sizeof(*command->args));
    if (command->args == NULL)
        return -ENOMEM;
    command->args[n++] = command->path;
    command->args[n++] = "--root";
    command->args[n++] = container->state;
    /* runc uses systemd only if told to; what crun does depends on how it was built. */
    if (container->runtime == OCI_RUNTIME_CRUN)
        command->args[n++] = "--cgroup-manager=cgroupfs";
    return n;
}

int oci_command_run(struct oci_command *command, const struct oci_container *container, const char *bundle)
{
    int n = begin(command, container, 0);

    if (n < 0)
        return n;
    command->args[n++] = "run";
    command->args[n++] = "--bundle";
    command->args[n++] = bundle;
    command->args[n++] = container->id;
    return 0;
}

/* runc adds variables to the bundle's, crun takes them instead, so that a program would not be found any
 * more. Returns how many words there are then. */
static int add_env(struct oci_command *command, int n, enum oci_runtime runtime, const char *const *env)
{
    bool path = runtime != OCI_RUNTIME_CRUN || env == NULL || env[0] == NULL;

    for (; env != NULL && *env != NULL; env++) {
        command->args[n++] = "--env";
        command->args[n++] = *env;
        path |= strncmp(*env, "PATH=", strlen("PATH=")) == 0;
    }
    if (!path) {
        command->args[n++] = "--env";
        command->args[n++] = "PATH=" LAUNCH_DEFAULT_PATH;
    }
    return n;
}

int oci_command_exec(struct oci_command *command, const struct oci_container *container,
                     const struct oci_exec *exec)
{
    size_t n_args = count(exec->args), n_env = count(exec->env);
    int n = begin(command, container, n_args + 2 * n_env);

    if (n < 0)
        return n;
    command->args[n++] = "exec";
    if (exec->tty)
        command->args[n++] = "--tty";
    if (exec->cwd != NULL) {
        command->args[n++] = "--cwd";
        command->args[n++] = exec->cwd;
    }
    if (exec->user != NULL) {
        command->args[n++] = "--user";
        command->args[n++] = exec->user;
    }
    n = add_env(command, n, container->runtime, exec->env);
    command->args[n++] = container->id;
    for (size_t i = 0; i < n_args; i++)
        command->args[n++] = exec->args[i];
    return 0;
}

void oci_command_clear(struct oci_command *command)
{
    free(command->path);
    free(command->args);
    *command = (struct oci_command){ 0 };
}
