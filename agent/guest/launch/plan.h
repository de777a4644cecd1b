/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_PLAN_H
#define GUEST_LAUNCH_PLAN_H

#include "agent/guest/launch/extra_mounts.h"
#include "agent/guest/launch/layers.h"
#include "agent/guest/launch/network.h"
#include "agent/guest/launch/root.h"
#include "agent/guest/launch/user.h"
#include "agent/guest/launch/userns.h"

/* A request with everything looked up: what the child needs, and nothing it would have to search for. */
struct launch_plan {
    const struct launch_request *request; /* borrowed */
    bool check;                           /* nothing is made for it: set before launch_plan_make() */
    struct launch_layers layers;
    struct launch_sources sources;
    struct launch_uplink uplink;
    struct launch_userns userns; /* entered at the end; layers and sources have its owners already */
    struct launch_root root;     /* not open where there are more layers than one */
    /* User, cwd and program have to be looked up in the finished root, because layers or mounts decide what
     * is there: launch_plan_look_up_again(). Until then they are what can be told, if anything. */
    bool late;
    struct launch_user user;
    const char *cwd;
    char *program; /* path for execve() inside the root */
    char **env;    /* NULL-terminated; the strings of the request, and those in added */
    char *added[2];
};

#define LAUNCH_PLAN_INIT                                                                                     \
    {                                                                                                        \
        .layers = LAUNCH_LAYERS_INIT, .root = LAUNCH_ROOT_INIT, .userns = LAUNCH_USERNS_INIT                 \
    }

/*
 * Checks the request and looks everything up. plan: LAUNCH_PLAN_INIT. Returns 0 or failure->error. The caller
 * calls launch_plan_clear() in both cases.
 *
 * With mounts a program or user that is missing is no failure yet: a mount may bring it.
 */
int launch_plan_make(struct launch_plan *plan, const struct launch_request *request,
                     struct launch_failure *failure);

/* Whether what look-ups have missed so far may come with a mount of the request. */
bool launch_plan_may_still_come(const struct launch_plan *plan, const struct launch_failure *failure);

/* In the finished root, for a plan that is late: takes fd, the root's (or the negative errno of opening it).
 * Returns 0 or failure->error. */
int launch_plan_look_up_again(struct launch_plan *plan, int fd, struct launch_failure *failure);

void launch_plan_clear(struct launch_plan *plan);

#endif
