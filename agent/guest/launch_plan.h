/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_PLAN_H
#define GUEST_LAUNCH_PLAN_H

#include "agent/guest/launch_root.h"
#include "agent/guest/launch_user.h"

/* A request with everything looked up: what the child needs, and nothing it would have to search for. */
struct launch_plan {
    const struct launch_request *request; /* borrowed */
    struct launch_root root;
    struct launch_user user;
    const char *cwd;
    char *program; /* path for execve() inside the root */
    char **env;    /* NULL-terminated; the strings of the request, and those in added */
    char *added[2];
};

#define LAUNCH_PLAN_INIT                                                                                     \
    {                                                                                                        \
        .root = LAUNCH_ROOT_INIT                                                                             \
    }

/* Checks the request and looks everything up. plan: LAUNCH_PLAN_INIT. Returns 0 or failure->error. The caller
 * calls launch_plan_clear() in both cases. */
int launch_plan_make(struct launch_plan *plan, const struct launch_request *request,
                     struct launch_failure *failure);

void launch_plan_clear(struct launch_plan *plan);

#endif
