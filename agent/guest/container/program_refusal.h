/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_PROGRAM_REFUSAL_H
#define GUEST_CONTAINER_PROGRAM_REFUSAL_H

#include "agent/guest/launch/launch.h"
#include "agent/guest/refusal.h"

/* For a refusal by the launcher: the wire's error for a trouble of the request. Returns failure->error. */
int program_refuse(const struct launch_failure *failure, const struct launch_request *request,
                   struct refusal *refusal);

#endif
