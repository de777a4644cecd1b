/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_CALLER_H
#define HOST_CALLER_H

/*
 * A Varlink client in a libevent loop: dials, calls, hands on replies, says when it is over. It never dials
 * again by itself. One thread; nothing blocks.
 *
 * In every hook all functions may be called but caller_free().
 */

#include <event2/event.h>

#include "proto/client.h"

struct caller;

struct caller_hooks {
    void (*connected)(void *userdata);
    /* One reply, an error reply included; borrowed. */
    void (*reply)(const struct varlink_reply *reply, void *userdata);
    /*
     * The connection could not be made, broke, or was late; it is closed. Not after caller_close().
     * @misbehaved  the peer sent what is not Varlink
     */
    void (*closed)(bool misbehaved, const struct reason *reason, void *userdata);
};

/* @address  borrowed, as are the hooks: they must outlive the caller. Returns 0 or -ENOMEM. */
int caller_new(struct event_base *base, const struct address *address, const struct caller_hooks *hooks,
               void *userdata, struct caller **ret);

/* Accepts NULL. Returns NULL. */
struct caller *caller_free(struct caller *caller);

/* Begins to dial; no effect if it does already or is connected. `connected` or `closed` follows, from the
 * loop. */
void caller_open(struct caller *caller);

/* Closes at once, whatever it does. Mind caller_shaking(). */
void caller_close(struct caller *caller);

/*
 * Calls. While a call runs no other can be made.
 *
 * @parameters  consumed
 * @timeout_us  for the first reply; 0: none
 *
 * Returns 0 or the errors of varlink_client_send(), -ENOTCONN (not connected). After an error that ends the
 * connection `closed` follows.
 */
int caller_send(struct caller *caller, const char *method, json_t *parameters, unsigned int flags,
                uint64_t timeout_us);

bool caller_is_connected(const struct caller *caller);

/* Is it closed, neither dialing nor connected? */
bool caller_is_closed(const struct caller *caller);

/* Is a hybrid vsock handshake under way? Hanging up now kills vhost-device-vsock, and the VM's vsock with it:
 * wait for `connected` or `closed`, ten seconds at most. */
bool caller_shaking(const struct caller *caller);

#endif
