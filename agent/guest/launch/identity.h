/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_IDENTITY_H
#define GUEST_LAUNCH_IDENTITY_H

#include "agent/guest/launch/user.h"

/* The bit of a capability by its name, "CAP_KILL", if a container may have it; 0 if it may not. Pure. */
uint64_t launch_capability_find(const char *name);

/* Takes from the calling process's bounding set what no container may have. Returns 0 or a negative errno. */
int launch_identity_prepare(void);

/*
 * After launch_identity_prepare(), turns the calling process, root, into the container's user: groups, ids,
 * capabilities, nothing inheritable or ambient (CVE-2022-29162), no_new_privs. There is no way back.
 *
 * @capabilities  what user 0 keeps, as bits: of these the ones in Docker's default set less MKNOD and NET_RAW
 *                that the caller has itself. Other users keep none.
 *
 * Returns 0 or a negative errno.
 */
int launch_identity_assume(const struct launch_user *user, uint64_t capabilities);

#endif
