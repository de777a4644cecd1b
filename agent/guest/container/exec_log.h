/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_EXEC_LOG_H
#define GUEST_CONTAINER_EXEC_LOG_H

/* What is kept of the output of exec sessions. They are many and short, and their logs are home memory as a
 * container's own log is. */

#include <stdint.h>

/* Of all sessions of one container that have ended, in bytes of disk. */
#define EXEC_LOGS_MAX INT64_C(16777216)

struct exec_session;

/* If the session's log has ended since: counts it, and lets logs that have ended go, the oldest first, until
 * the bound is kept. One that somebody follows stays. */
void exec_log_check(struct exec_session *session);

#endif
