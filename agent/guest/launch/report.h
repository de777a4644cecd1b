/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_REPORT_H
#define GUEST_LAUNCH_REPORT_H

/*
 * What the child tells the process that launched it, packet by packet over its result socket: at
 * stage stdio the master of its pty; at most one that has an error.
 */

#include <stdbool.h>

#include "agent/guest/launch/step.h"

struct launch_report {
    int32_t stage; /* enum launch_stage */
    int32_t error; /* negative errno; 0: so far so good */
    char text[256];
    /* Complete, if it has a trouble: a request that turned out wrong only in the finished root. Its strings
     * are static ones, which child and parent have at the same place. */
    struct launch_failure refusal;
};

/* A result socket. Both ends are the caller's, close-on-exec. Returns 0 or a negative
 * errno. */
int launch_report_open(int *ret_ours, int *ret_theirs);

/* In the child: whether the process that launched it is still there. */
bool launch_report_heard(int result);

/*
 * Tells where the child stands: "cannot WHAT ON", and the error. fd: goes with it, borrowed; -EBADF for none.
 * Returns 0 or a negative errno (-EPIPE: nobody is there any more).
 */
int launch_report_send(int result, const struct launch_step *step, int error, int fd);

/* Tells of a request that does not fit the finished root. Returns as launch_report_send(). */
int launch_report_refuse(int result, const struct launch_failure *refusal);

/* Takes the next one, never blocks. *ret_fd: -EBADF or the caller's. Returns 1, 0 (the child has hung up),
 * -EAGAIN (none there yet) or a negative errno. */
int launch_report_receive(int result, struct launch_report *ret, int *ret_fd);

#endif
