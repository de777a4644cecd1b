/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

/*
 * What the daemon does: each signal of the guest becomes a request; it is refused, or carried out by the
 * driver, and reported; what was plugged and is not wanted is taken back. Requests are the only memory: what
 * is plugged is the VMM's to know.
 *
 * A request outlives a session. If the guest attaches us anew it repeats what is open, and gets the answer
 * that is there, or the one that comes; nothing is done twice.
 */

#include "agent/host/bounds.h"
#include "agent/host/link.h"

/* Requests at one time; QEMU has at most 256 memory slots. More is a flood. */
#define HOST_REQUESTS_MAX 512u

struct host_options {
    struct address vm;
    uint64_t zone_max, total_max; /* bytes; 0: no limit */
    uint64_t rate;                /* plugs per second; 0: no limit */
    struct tier_map tiers;
};

struct host_hooks {
    /* The VMM is attached, for the first time or again. */
    void (*ready)(void *userdata);
    /* The guest is attached, or not any more. */
    void (*attached)(bool attached, void *userdata);
    /* host_stop() is done. */
    void (*stopped)(void *userdata);
};

struct host;

/* Hooks for the driver, with the host as userdata: the driver is made first. */
extern const struct driver_hooks host_driver_hooks;

/*
 * @options, @hooks  must outlive the host
 *
 * Returns 0 or -ENOMEM.
 */
int host_new(struct event_base *base, const struct host_options *options, const struct host_hooks *hooks,
             void *userdata, struct host **ret);

/* The driver is the host's from here on. Starts it; the guest is attached to when the VMM is. */
int host_start(struct host *host, struct driver *driver);

/* Lets go of the guest and of the VMM. Memory stays as it is; a daemon that starts later takes over. */
void host_stop(struct host *host);

/* Accepts NULL. Returns NULL. */
struct host *host_free(struct host *host);

#endif
