/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_DIAL_H
#define PROTO_DIAL_H

/*
 * One attempt to connect, without blocking: for a daemon that dials from its event loop. address_connect() is
 * this in a poll loop.
 *
 *     dial_start() -> [wait for dial_events() on dial->fd, or 10 s; dial_process()]... -> dial_take()
 *
 * Not thread-safe per object; keeps no global state.
 */

#include "proto/address.h"

/* What Kata gives a hybrid vsock (client.go, HybridVSockDialer): some kernels never answer the CONNECT. */
#define DIAL_TIMEOUT_MS 10000

enum dial_state {
    DIAL_CONNECTING, /* connect(2) is under way */
    DIAL_SHAKING,    /* hybrid vsock: CONNECT sent, its answer is awaited */
    DIAL_DONE,
};

struct dial {
    struct address address;
    enum dial_state state;
    int fd;
    unsigned int answer_length;
    char answer[32];
};

#define DIAL_INIT ((struct dial){ .fd = -EBADF })

/* Begins. Returns 0 or a negative errno of connect(2); on failure nothing is held. */
int dial_start(struct dial *dial, const struct address *address, struct reason *reason);

/* The poll(2) events to wait for on dial->fd; 0 when done. */
short dial_events(const struct dial *dial);

/*
 * Goes on, after poll(2) reported something for dial->fd. Never blocks.
 *
 * Returns 1 when connected, 0 when it needs another poll, or a negative errno: what connect(2) reports,
 * -ECONNREFUSED (the hybrid vsock closed: nothing listens on the guest's port, or the guest is not up),
 * -EPROTO (an answer that is not `OK <number>`). After an error call dial_close().
 */
int dial_process(struct dial *dial, struct reason *reason);

/* Takes the connected socket (close-on-exec, non-blocking) out, once done. The caller owns it. */
int dial_take(struct dial *dial);

/* Gives the attempt up. Accepts a finished or never started one. */
void dial_close(struct dial *dial);

/* Is `error` what a peer that is not up yet gives (refused, reset, no such file or device, timed out)? */
bool dial_may_retry(int error);

#endif
