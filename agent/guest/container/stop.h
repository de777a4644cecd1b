/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_STOP_H
#define GUEST_CONTAINER_STOP_H

/*
 * Ends a container in two steps: its first process is asked, and after a grace period all of it is killed.
 * That goes on when whoever asked for it has gone, and when czoned is restarted.
 */

#include "agent/guest/container/container.h"

/* Until it is killed, when the caller does not say. */
#define STOP_GRACE_MS 10000

/*
 * Stops a container, and answers the connection's running call when its program has ended; at once if it has.
 * One that does not run yet is given up. Of several grace periods the one that ends first counts.
 *
 * @signal    for the first process; SIGKILL kills all of it at once
 * @grace_ms  0: kill at once
 *
 * Returns 0, or a negative errno with a refusal (its process cannot be signalled), or -ENOMEM without one;
 * then nothing was answered.
 */
int container_stop(struct container *container, struct varlink_connection *connection, int signal,
                   int64_t grace_ms, struct refusal *refusal);

/* Goes on with the grace period that an earlier czoned has begun, if it has. */
void container_stop_resume(struct container *container);

/* Frees what it holds. */
void container_stop_done(struct container *container);

#endif
