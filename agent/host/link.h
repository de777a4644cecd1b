/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_LINK_H
#define HOST_LINK_H

/*
 * The connection that io.czone.Host.Attach streams signals on. Kept up for ever: a guest that is not there
 * yet or restarts is attached to anew after pauses that grow from LINK_RETRY_MIN_US to LINK_RETRY_MAX_US and
 * start over once a session has lasted LINK_GOOD_US; one that misbehaves after pauses from
 * LINK_PENALTY_MIN_US to LINK_PENALTY_MAX_US, which start over after a session of that length. One thread;
 * nothing blocks.
 */

#include "agent/host/caller.h"
#include "agent/host/wire.h"

#define LINK_RETRY_MIN_US   UINT64_C(100000)
#define LINK_RETRY_MAX_US   UINT64_C(5000000)
#define LINK_GOOD_US        UINT64_C(1000000)
#define LINK_PENALTY_MIN_US UINT64_C(5000000)
#define LINK_PENALTY_MAX_US UINT64_C(60000000)
/* A guest under emulation that is busy booting needs a while. */
#define LINK_REPLY_US UINT64_C(15000000)

struct link;

struct link_hooks {
    /* A session began; the guest repeats what is open right after it. */
    void (*attached)(const struct wire_attach *attach, void *userdata);
    void (*signal)(const struct wire_signal *signal, void *userdata);
    /* The session is over. Not after link_stop(). */
    void (*detached)(void *userdata);
};

struct link_options {
    struct address address;
    const char *driver; /* for the guest to show: a constant */
    uint64_t max_bytes; /* the most one zone is given; 0: not said */
};

/* Options and hooks must outlive the link. Returns 0 or -ENOMEM. */
int link_new(struct event_base *base, const struct link_options *options, const struct link_hooks *hooks,
             void *userdata, struct link **ret);

/* Accepts NULL. Returns NULL. */
struct link *link_free(struct link *link);

void link_start(struct link *link);

/* Ends the session and does not attach again. */
void link_stop(struct link *link);

/* The session is over by another's word; attach anew soon. */
void link_again(struct link *link, const char *why);

/* The guest misbehaves: end the session, log why, attach anew after a long pause. */
void link_punish(struct link *link, const char *why);

/* The session, or NULL when there is none. */
const char *link_session(const struct link *link);

/* As caller_shaking(). */
bool link_shaking(const struct link *link);

#endif
