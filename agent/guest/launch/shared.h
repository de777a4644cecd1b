/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_SHARED_H
#define GUEST_LAUNCH_SHARED_H

/*
 * Memory that a launching process and the child have in common, at the same address in both. In it the child
 * notes how far it has come, which costs no message and wakes nobody; and a standby (launch/standby.h) finds
 * in it what to do, which was not known yet when it was born.
 */

#include <linux/filter.h>
#include <stdatomic.h>

#include "agent/guest/launch/plan.h"

struct launch_shared {
    atomic_bool ready;        /* by a standby: it waits */
    atomic_bool reached_exec; /* by the child: execve() is next */
    /* launch_shared_write(): with everything it points to. */
    struct launch_plan plan;
    struct launch_request request;
    struct czone_policy policy;
    struct sock_fprog filter;
    size_t used; /* bytes of room */
    char room[];
};

/* Returns 0 or -ENOMEM. The caller calls launch_shared_free(). */
int launch_shared_new(struct launch_shared **ret_shared);

/* Has the kernel map here what a common request takes of it, which a start does not wait for then. */
void launch_shared_touch(struct launch_shared *shared);

/* Unmaps it here; the child still has it. Accepts NULL, returns NULL. */
struct launch_shared *launch_shared_free(struct launch_shared *shared);

/*
 * Copies a plan, its request and the filter. Not what a standby is never used for: users, network, a runtime,
 * the guest's own root. fds in it are the caller's. Returns 0 or -ENOBUFS: it is too long.
 */
int launch_shared_write(struct launch_shared *shared, const struct launch_plan *plan,
                        const struct sock_fprog *filter);

#endif
