/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_KEEPER_LINK_H
#define GUEST_CONTAINER_KEEPER_LINK_H

/* czoned's connection to the keeper of one program, in the event loop. */

#include <event2/event.h>
#include <stdbool.h>

#include "agent/guest/container/keeper_standby.h"
#include "agent/guest/keeper/wire.h"

struct launch_request;
struct manager;

struct keeper_link_ops {
    /* What the keeper knows, or knows anew. Starting, running or ended: that it was refused is told by
     * failed(). */
    void (*status)(void *owner, const struct keeper_status *status);
    /* The program never ran. */
    void (*failed)(void *owner, const struct launch_failure *failure);
    /* The keeper is not there any more; the link is closed. Not called for one that has only hung up: that is
     * connected to again. */
    void (*lost)(void *owner);
};

struct keeper_link {
    int fd; /* -EBADF: no keeper, or none that is connected to now */
    struct event *event;
    struct event *seek; /* armed while there is one that is to be connected to */
    struct manager *manager;
    const struct keeper_link_ops *ops;
    void *owner;
    int run_dir;          /* borrowed */
    int pidfd;            /* of the program, while it is known to run; -EBADF: not known */
    unsigned int serial;  /* of the connection */
    uint64_t since;       /* monotonic: when it was made */
    unsigned int seek_ms; /* until the next try, should this one not last; 0: none has ended yet */
    bool following;       /* told when the log grows */
    bool failed;          /* failed() was called */
    bool heard;           /* it has said something */
    bool over;            /* it has said all there is to say */
};

#define KEEPER_LINK_INIT                                                                                     \
    {                                                                                                        \
        .fd = -EBADF, .run_dir = -EBADF, .pidfd = -EBADF                                                     \
    }

/*
 * Has a keeper launch a program. Callbacks come from the loop; each may close the link and free
 * what it is in.
 *
 * @run_dir  the program's, in which no keeper has begun; borrowed until the link is closed
 * @request  with its cgroup, and for an exec session its target
 * @standby  in that cgroup, briefed with that request or not at all; KEEPER_STANDBY_INIT afterwards, in any
 * case. NULL, or none: a keeper of the pool does it
 *
 * Returns 0 or a negative errno; then no keeper has it.
 */
int keeper_link_start(struct keeper_link *link, struct manager *manager, int run_dir,
                      const struct launch_request *request, struct keeper_standby *standby,
                      const struct keeper_link_ops *ops, void *owner);

/* Connects to the keeper that an earlier czoned left. Waits, 2 s at most, for one that has yet to read
 * whether it is to begin; what is left of one that never did is removed. Returns 0 (also when that cannot be
 * done just now: it is tried until it succeeds or the keeper is gone), -ENOENT (none has begun; one may that
 * was sent START), -ECONNREFUSED (it is gone) or -ENOMEM. */
int keeper_link_connect(struct keeper_link *link, struct manager *manager, int run_dir,
                        const struct keeper_link_ops *ops, void *owner);

/* Whether there is a keeper, connected to or sought. */
bool keeper_link_open(const struct keeper_link *link);

/* Whether nothing was heard yet of a keeper that may be there. */
bool keeper_link_silent(const struct keeper_link *link);

/* Whether status() is wanted each time the log grows. A link that is closed, or broken, says nothing. */
void keeper_link_follow(struct keeper_link *link, bool wanted);

/* The terminal has another size. */
void keeper_link_resize(struct keeper_link *link, uint16_t columns, uint16_t rows);

/* The program has ended and all is known: the keeper ends. */
void keeper_link_forget(struct keeper_link *link);

/* Closes; the keeper goes on. Accepts KEEPER_LINK_INIT. */
void keeper_link_close(struct keeper_link *link);

#endif
