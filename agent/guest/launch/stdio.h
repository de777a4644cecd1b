/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_STDIO_H
#define GUEST_LAUNCH_STDIO_H

/* stdin, stdout and stderr of a program: pipes whose other ends the launching process has, or a pty. */

#include "agent/guest/launch/step.h"
#include "agent/guest/launch/user.h"

/* The program's ends, above 2 and close-on-exec. All -EBADF with a tty; in -EBADF without input. */
struct launch_stdio {
    int in, out, err;
};

#define LAUNCH_STDIO_INIT                                                                                    \
    {                                                                                                        \
        .in = -EBADF, .out = -EBADF, .err = -EBADF                                                           \
    }

/* Makes pipes for output, and for input if the program has one, and puts the caller's ends into *launch.
 * Returns 0 or a negative errno; the caller closes both ends in each case. */
int launch_stdio_open(bool input, struct launch_stdio *stdio, struct launch *launch);

void launch_stdio_close(struct launch_stdio *stdio);

/*
 * In the child, a session leader whose root is the container's: connects 0, 1 and 2 with these pipes or a pty
 * of the container's, and gives them to the user, so that it may open /dev/stdout and /dev/tty. The master of
 * the pty goes to the launching process over the result socket, and the pty becomes the container's
 * /dev/console unless it has joined one.
 */
int launch_stdio_connect(const struct launch_request *request, const struct launch_stdio *stdio,
                         const struct launch_user *user, int result, struct launch_step *step);

#endif
