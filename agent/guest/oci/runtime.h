/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_OCI_RUNTIME_H
#define GUEST_OCI_RUNTIME_H

/*
 * The OCI runtimes that a guest may have, and how each is told to run a bundle, or one more program in the
 * container it has made.
 *
 * A runtime gets the bundle as it is. It keeps its records in a folder of its own for each container, so that
 * a container is not seen by others of the same runtime, and what is left of it goes with that folder.
 */

#include <stdbool.h>

/* Who makes the container. */
enum oci_runtime {
    OCI_RUNTIME_NATIVE, /* the native launcher; the functions below are not for it */
    OCI_RUNTIME_CRUN,
    OCI_RUNTIME_RUNC,
};

/* Their names, in that order; NULL-terminated. */
extern const char *const oci_runtime_names[];

/*
 * Where the guest has it: the first of the folders (search: "/usr/bin:/bin") with an executable file of that
 * name.
 *
 * Returns 0 and the absolute path, the caller's to free; -ENOENT or -ENOMEM.
 */
int oci_runtime_find(enum oci_runtime runtime, const char *search, char **ret_path);

/* A container of a runtime. Everything is borrowed. */
struct oci_container {
    enum oci_runtime runtime;
    const char *search; /* as for oci_runtime_find() */
    const char *state;  /* folder for the runtime's records; made by it */
    const char *id;
};

/* A command line. Strings of what it was made of are borrowed. */
struct oci_command {
    char *path;
    const char **args; /* NULL-terminated */
};

/*
 * To run a bundle: make the container, wait for its end, remove what was made, and end with its status (128 +
 * N for signal N); meanwhile signals are passed on to its first process.
 *
 * @command  zeroed; oci_command_clear() frees what it holds, also after a failure
 *
 * Returns 0, -ENOENT (the guest has no such runtime) or -ENOMEM.
 */
int oci_command_run(struct oci_command *command, const struct oci_container *container, const char *bundle);

/* One more program; what may be NULL is as the bundle has it. */
struct oci_exec {
    const char *const *args; /* NULL-terminated, at least one */
    const char *const *env;  /* may be NULL */
    const char *cwd, *user;  /* may be NULL; user: "uid" or "uid:gid" */
    bool tty;
};

/* As oci_command_run(), for a program in the container that runs. */
int oci_command_exec(struct oci_command *command, const struct oci_container *container,
                     const struct oci_exec *exec);

void oci_command_clear(struct oci_command *command);

#endif
