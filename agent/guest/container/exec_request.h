/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_EXEC_REQUEST_H
#define GUEST_CONTAINER_EXEC_REQUEST_H

/* What a caller of Exec asks for, decoded and checked as far as that goes without the container. */

#include "agent/guest/launch/launch.h"
#include "proto/fields.h"

struct exec_request {
    json_t *parameters; /* owned: what follows borrows from it */
    json_t *args, *env; /* arrays of strings; env may be NULL */
    const char *id, *cwd, *user;
    bool input, tty;
    int64_t columns, rows;
    const char **argv, **envp; /* one allocation each, NULL-terminated, borrowing; envp NULL without env */
};

/* Decodes the parameters of Exec and keeps a reference to them. Returns 0, -EINVAL (fault says which field)
 * or -ENOMEM; exec_request_done() in each case. */
int exec_request_decode(struct exec_request *request, json_t *parameters, struct varlink_fault *fault);

void exec_request_done(struct exec_request *request);

/* The launcher's view of it, without target, cgroup and policy. Borrows from the request. */
void exec_request_launch(const struct exec_request *request, struct launch_request *ret_launch);

#endif
