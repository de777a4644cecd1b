/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_BRIEFING_H
#define GUEST_LAUNCH_BRIEFING_H

/*
 * How a standby (launch/standby.h) is told what to run, by whoever has made the plan: that need not be its
 * parent, and is not where the plan is there with the request, for the shortest way from that to the program
 * leads past the keeper.
 *
 *     teller                          its parent
 *     launch_briefing_open()     ->   launch_standby_start(): socket and memory
 *     launch_briefing_tell()                                          -> the standby prepares itself
 *     launch_briefing_run(), or       launch_standby_run()            -> it runs
 *     launch_briefing_close()
 */

#include <stdbool.h>

#include "agent/guest/launch/plan.h"

struct launch_shared;

/* A write that the standby does before all else, on behalf of a teller who would have to wait for the kernel
 * there. That it fails is nobody's concern but the teller's, who looks. */
struct launch_errand {
    int fd; /* borrowed */
    const char *text;
};

/* The teller's ends. */
struct launch_briefing {
    int socket; /* -EBADF: there is nobody to tell */
    struct launch_shared *shared;
};

#define LAUNCH_BRIEFING_INIT                                                                                 \
    {                                                                                                        \
        .socket = -EBADF                                                                                     \
    }

/*
 * Makes a briefing, and its other ends for the standby's parent, the caller's, close-on-exec. The caller
 * calls launch_briefing_close(). Returns 0 or errors of socketpair(), memfd_create() and mmap().
 */
int launch_briefing_open(struct launch_briefing *ret, int *ret_socket, int *ret_memory);

/* Whether a container of this request can be made of a standby: not with the guest's own root, whose mounts
 * it lacks, nor with a network of its own, which /sys would have to be of, nor with users of its own, who own
 * what is in /dev; nor one to join, nor one that a runtime makes; nor with a directory on a disk, which is
 * made for it. Pure. */
bool launch_briefing_suits(const struct launch_request *request);

/*
 * Tells the standby what to run: once. It does at once all that can be done before its zone is bound: what is
 * left is exec(). It has its memory policy, and the filter under which it could set none, before its zone is
 * claimed: its cgroup must be confined by then (czone_cgroup_confine()), or open to the zone's node; or the
 * errand makes it so, and if that fails the standby ends.
 *
 * plan: of launch_check() or launch_plan_make(), for a request that suits. policy: of its zone; NULL: none.
 * errand: NULL: none. Never blocks.
 *
 * Returns 0; -EAGAIN: it is not born yet; -ENOBUFS: the request is too long for it; -EPIPE: it has ended; or
 * errors of open_tree(2) and sendmsg(2). Then it was not told anything.
 */
int launch_briefing_tell(struct launch_briefing *briefing, struct launch_plan *plan,
                         const struct czone_policy *policy, const struct launch_errand *errand);

/*
 * Has it run what it was told, as launch_standby_run() does, which is to follow in any case: the first of
 * both counts. Nothing happens if it has ended.
 */
void launch_briefing_run(const struct launch_briefing *briefing);

/* A standby that was not told anything ends; nothing else waits for this. Accepts LAUNCH_BRIEFING_INIT, and
 * leaves it behind. */
void launch_briefing_close(struct launch_briefing *briefing);

/*
 * In the standby: waits for launch_briefing_tell(). result: socket to its parent. The fds of layers and
 * sources in shared->plan, and the tree, are its own then. Returns 0, -EPIPE (nobody needs it any more:
 * teller or parent has gone) or a negative errno.
 */
int launch_briefing_hear(int socket, int result, struct launch_shared *shared, int *ret_tree);

/* In the standby: waits for launch_briefing_run() or launch_standby_run(). result: socket of the latter.
 * Returns 0, -EPIPE (its parent has ended) or a negative errno. */
int launch_briefing_wait_run(int socket, int result);

#endif
