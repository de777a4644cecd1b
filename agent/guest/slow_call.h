/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_SLOW_CALL_H
#define GUEST_SLOW_CALL_H

/*
 * A call whose work takes long by the loop's measure, such as Spawn: it waits for its turn (turn.h). A
 * connection has one call at a time under way, so that a burst is served round-robin between connections, and
 * what waits is no more than there are connections.
 */

#include "proto/frame.h"
#include "proto/service.h"

/* What calls that wait may hold together, counted as the text they came in: 32 of the longest. */
#define SLOW_CALLS_BYTES_MAX (32 * VARLINK_MESSAGE_MAX)

/*
 * For varlink_service_set_defer(): the handler is called later, unless the peer goes before that. userdata is
 * the manager. With too much waiting already the call is answered with io.czone.Monitor.Busy. Returns 0 or
 * -ENOMEM.
 */
int slow_call_defer(struct varlink_connection *connection, const struct varlink_call *call,
                    varlink_handler handler, void *userdata);

#endif
