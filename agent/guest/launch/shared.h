/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_SHARED_H
#define GUEST_LAUNCH_SHARED_H

/*
 * Memory that a launching process and the child have in common, at the same address in both. In it the child
 * notes how far it has come, which costs no message and wakes nobody; and a standby (launch/standby.h) finds
 * in it what to do, which was not known yet when it was born, written by a third process
 * (launch/briefing.h), which has it elsewhere.
 */

#include <stdatomic.h>
#include <stdint.h>

#include "agent/guest/launch/plan.h"

struct launch_shared {
    atomic_bool reached_exec; /* by the child: execve() is next */
    atomic_uintptr_t place;   /* where parent and child have it; 0: there is no child yet */
    /* launch_shared_write(): with everything it points to, for those who have it at that place. */
    struct launch_plan plan;
    struct launch_request request;
    struct czone_policy policy;
    const char *errand; /* what to write to the fd that comes with it; NULL: there is none */
    size_t used;        /* bytes of room */
    char room[];
};

/* Memory for a child that is told everything when it is born. Returns 0 or errors of mmap(). The caller calls
 * launch_shared_free(). */
int launch_shared_new(struct launch_shared **ret_shared);

/* Memory for a child of somebody else, who gets the fd. Both are the caller's. Returns 0 or errors of
 * memfd_create(), ftruncate() and mmap(). */
int launch_shared_create(int *ret_memory, struct launch_shared **ret_shared);

/* The same memory where that child will be born; what a common request takes of it is mapped here then, and
 * belongs to the caller's cgroup. Returns 0, -EINVAL (it is something else), or errors of fstat() and mmap().
 */
int launch_shared_open(int memory, struct launch_shared **ret_shared);

/* The child is born: from here on it may be told. */
void launch_shared_admit(struct launch_shared *shared);

/* Has the kernel map here what a common request takes of it, which a start does not wait for then. Somebody
 * may be writing there. */
void launch_shared_touch(struct launch_shared *shared);

/* Unmaps it here; others still have it. Accepts NULL, returns NULL. */
struct launch_shared *launch_shared_free(struct launch_shared *shared);

/*
 * Copies a plan and its request, with this policy and the text of an errand (NULL: none). Not what a standby
 * is never used for: users, network, a runtime, the guest's own root, a scratch disk. fds in it are the
 * caller's. Returns 0, -EAGAIN (launch_shared_admit() was not called yet) or -ENOBUFS: it is too long.
 */
int launch_shared_write(struct launch_shared *shared, const struct launch_plan *plan,
                        const struct czone_policy *policy, const char *errand);

#endif
