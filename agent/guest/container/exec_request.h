/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_EXEC_REQUEST_H
#define GUEST_CONTAINER_EXEC_REQUEST_H

/* What a caller of Exec asks for, decoded and checked as far as that goes without the container. */

#include "agent/guest/container/spawn_request.h"
#include "agent/guest/launch/launch.h"
#include "agent/guest/oci/runtime.h"
#include "proto/fields.h"

struct exec_request {
    json_t *parameters; /* owned: what follows borrows from it */
    json_t *args, *env; /* arrays of strings; env may be NULL */
    json_t *groups;     /* of integers; NULL: not said */
    gid_t *group_ids;   /* one allocation; NULL without groups */
    const char *id, *cwd, *user;
    bool input, tty;
    int64_t columns, rows;
    const char **argv, **envp; /* one allocation each, NULL-terminated, borrowing; envp NULL without env */
};

/* Decodes the parameters of Exec and keeps a reference to them. Returns 0, -EINVAL (fault says which field)
 * or -ENOMEM; exec_request_done() in each case. */
int exec_request_decode(struct exec_request *request, json_t *parameters, struct varlink_fault *fault);

/*
 * Whether a container of this runtime can have it. What the native launcher checks in the keeper, others
 * would take in their own way: crun reads "12:" as group 0, and ":12" as user 0.
 *
 * Returns 0 or -EINVAL (fault says which field).
 */
int exec_request_check(const struct exec_request *request, enum oci_runtime runtime,
                       struct varlink_fault *fault);

void exec_request_done(struct exec_request *request);

/* The launcher's view of it, without target, cgroup and policy, and without what the container has to give.
 * Borrows from the request. */
void exec_request_launch(const struct exec_request *request, struct launch_request *ret_launch);

/*
 * Adds what a session has from its container: the directory, user and groups unless the caller said others
 * (another user has not the container's groups), and always its limits, umask and capabilities, so that no
 * exec has more than the container. Borrows from both.
 */
void exec_request_inherit(const struct spawn_request *container, struct launch_request *launch);

/*
 * The container's variables, as far as the request does not set them anew, and those of the request.
 *
 * @env      of the container: array of strings
 * @ret_env  one allocation, NULL-terminated, borrowing from both; the caller frees it
 *
 * Returns 0 or -ENOMEM.
 */
int exec_request_env(const struct exec_request *request, json_t *env, const char ***ret_env);

#endif
