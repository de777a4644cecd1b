/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_RLIMIT_H
#define GUEST_LAUNCH_RLIMIT_H

#include "agent/guest/launch/failure.h"
#include "agent/guest/launch/request.h"

/* The number of a resource by its name without RLIMIT_, in small letters: "nofile", "memlock"… Returns it, or
 * -ENOENT. Pure. */
int launch_rlimit_find(const char *name);

/* The name of a resource; NULL if the number is not one. Pure. */
const char *launch_rlimit_name(int resource);

/* Checks the limits of a request: known, not twice, soft not above hard. Returns 0 or failure->error
 * (LAUNCH_BAD_PARAMETER with the index). Pure. */
int launch_rlimits_check(const struct launch_request *request, struct launch_failure *failure);

/* Sets them for the calling process. *ret_name: the one at which it failed. Returns 0 or a negative errno
 * (-EPERM: more than fs.nr_open, or than CAP_SYS_RESOURCE allows). */
int launch_rlimits_apply(const struct launch_request *request, const char **ret_name);

#endif
