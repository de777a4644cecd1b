/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_BRIDGE_H
#define CTL_BRIDGE_H

/* Carries bytes between a local client and a guest, in both directions at once, and the end of each direction
 * on its own. */

#include "proto/reason.h"

/*
 * Runs until both directions have ended, or nobody is left on one side.
 *
 * @local_in   read from; blocking or not, it is left as it is, because others may share it
 * @local_out  written to; may be the same socket as local_in
 * @remote     a connected, non-blocking stream socket
 *
 * Takes ownership of nothing, but closes local_out when the guest has finished sending and it is no socket.
 * SIGPIPE must be ignored.
 *
 * Returns 0 or a negative errno of read(2), write(2) or poll(2).
 */
int bridge_run(int local_in, int local_out, int remote, struct reason *reason);

#endif
