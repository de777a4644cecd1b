/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_IDENTITY_H
#define GUEST_LAUNCH_IDENTITY_H

#include "agent/guest/launch_user.h"

/*
 * Turns the calling process, root, into the container's user: groups, ids, capabilities (Docker's default set
 * less MKNOD and NET_RAW, and only what the caller has itself), nothing inheritable or ambient
 * (CVE-2022-29162), no_new_privs. There is no way back. Returns 0 or a negative errno.
 */
int launch_identity_assume(const struct launch_user *user);

#endif
