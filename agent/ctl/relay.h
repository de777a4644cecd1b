/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_RELAY_H
#define CTL_RELAY_H

/*
 * Signals to this program, on their way to one in a guest. They are passed on one after the other, and kept
 * while the connection is mended: one whose answer was lost with it is sent again, since one that comes twice
 * does less harm than one that never does.
 */

#include "agent/ctl/follow.h"

#define RELAY_MAX 16

struct relay {
    const struct ctl *ctl;
    const char *id, *exec; /* exec: NULL for the container itself */
    bool gives_up; /* a container that has no program yet is given up by a signal that ends programs */
    /* Private. */
    struct follow kill;
    int waiting[RELAY_MAX];
    size_t n;
    bool removing; /* the container is given up: it is removed instead */
};

/* Blocks the signals that are passed on, and SIGPIPE; window: and that of a terminal's size. Returns 0 or a
 * negative errno. */
int relay_block(bool window, int *ret_fd);

/* Whether a signal is one that is meant to end a program: a second such one detaches. */
bool relay_ends(int signal);

/* Sets up the call; ctl, id, exec and gives_up are set by the caller, who must not move it any more. */
void relay_init(struct relay *relay);

/* Sends one, now or later. One too many takes the place of the one before. Returns EXIT_OK or a code, having
 * told why. */
enum exit_code relay_signal(struct relay *relay, int signal);

#endif
