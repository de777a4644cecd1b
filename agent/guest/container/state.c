/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/state.h"

#include <stddef.h>

#define TO(state) (1u << (state))

static const struct {
    const char *name;
    const char *event;
    unsigned int successors;
    bool ended;
} states[CONTAINER_STATE_MAX] = {
    [CONTAINER_WANTED] = { "wanted", "container-created",
                           TO(CONTAINER_CREATED) | TO(CONTAINER_STARTING) | TO(CONTAINER_FAILED), false },
    [CONTAINER_CREATED] = { "created", NULL, TO(CONTAINER_STARTING) | TO(CONTAINER_FAILED), false },
    [CONTAINER_STARTING] = { "starting", NULL, TO(CONTAINER_RUNNING) | TO(CONTAINER_FAILED), false },
    [CONTAINER_RUNNING] = { "running", "container-started", TO(CONTAINER_EXITED), false },
    [CONTAINER_EXITED] = { "exited", "container-exited", TO(CONTAINER_DONE), true },
    [CONTAINER_FAILED] = { "failed", "container-failed", 0, true },
    [CONTAINER_DONE] = { "done", NULL, 0, true },
};

static bool known(enum container_state state)
{
    return (unsigned int)state < CONTAINER_STATE_MAX;
}

const char *container_state_name(enum container_state state)
{
    return known(state) ? states[state].name : "unknown";
}

bool container_state_may_follow(enum container_state from, enum container_state to)
{
    return known(from) && known(to) && (states[from].successors & TO(to)) != 0;
}

const char *container_state_event(enum container_state state)
{
    return known(state) ? states[state].event : NULL;
}

bool container_state_ended(enum container_state state)
{
    return known(state) && states[state].ended;
}

bool container_state_final(enum container_state state)
{
    return known(state) && states[state].successors == 0;
}
