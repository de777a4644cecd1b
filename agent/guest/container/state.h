/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_STATE_H
#define GUEST_CONTAINER_STATE_H

/* The life of a container as a table: io.czone.Container, type State. Pure. */

#include <stdbool.h>

enum container_state {
    CONTAINER_WANTED,   /* no memory yet */
    CONTAINER_CREATED,  /* memory is there; held until Start */
    CONTAINER_STARTING, /* memory is online, the launcher works */
    CONTAINER_RUNNING,
    CONTAINER_EXITED, /* the program ended, the zone is being returned */
    CONTAINER_FAILED, /* never ran */
    CONTAINER_DONE,   /* the receipt is written */
    CONTAINER_STATE_MAX,
};

/* The name on the wire; "unknown" for a value out of range. */
const char *container_state_name(enum container_state state);

/* Whether a container in state `from` may go to `to` next. */
bool container_state_may_follow(enum container_state from, enum container_state to);

/* The event a move into `state` is announced with, NULL for none. */
const char *container_state_event(enum container_state state);

/* The program does not run and never will again. */
bool container_state_ended(enum container_state state);

/* Nothing follows any more. */
bool container_state_final(enum container_state state);

#endif
