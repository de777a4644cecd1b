/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_ADDRESS_H
#define PROTO_ADDRESS_H

/*
 * Where a peer is reached:
 *
 *     vsock:CID[:PORT]     AF_VSOCK. CID is decimal, or `any` or empty to listen on all (`vsock:any`,
 * `vsock::PORT`) hvsock:PATH[:PORT]   hybrid vsock: the VMM's Unix socket, then `CONNECT PORT` (Firecracker,
 * Cloud Hypervisor, vhost-device-vsock). Only to connect unix:PATH            AF_UNIX path, or `unix:@NAME`
 * for the abstract namespace
 *
 * PORT defaults to ADDRESS_DEFAULT_PORT. In `hvsock:` what follows the last ':' is a port if it is all
 * digits; a path whose own end looks like that needs its port spelled out.
 *
 * All functions are thread-safe and touch nothing global. They set the reason (may be NULL) whenever they
 * fail.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/reason.h"

#define ADDRESS_DEFAULT_PORT 2966u
#define ADDRESS_ANY_CID      UINT32_MAX /* VMADDR_CID_ANY */
#define ADDRESS_PATH_MAX     107u       /* sun_path of unix(7), without its NUL */
#define ADDRESS_TEXT_MAX     160u       /* any printed address with its NUL */

enum address_type {
    ADDRESS_VSOCK,
    ADDRESS_HVSOCK,
    ADDRESS_UNIX,
};

struct address {
    enum address_type type;
    uint32_t cid;                    /* vsock; ADDRESS_ANY_CID to listen on all */
    uint32_t port;                   /* vsock, hvsock */
    bool abstract;                   /* unix: `path` is a name in the abstract namespace, without the '@' */
    char path[ADDRESS_PATH_MAX + 1]; /* unix, hvsock; NUL-terminated */
};

/*
 * Reads an address as a person writes it.
 *
 * Returns 0, or -EINVAL (not an address; the reason says which part is wrong and what is expected) or
 * -ENAMETOOLONG (the path does not fit into a socket address).
 */
int address_parse(const char *text, struct address *ret, struct reason *reason);

/* Prints an address so that address_parse() reads the same one. Returns `buffer`. */
const char *address_format(const struct address *address, char buffer[ADDRESS_TEXT_MAX]);

enum {
    /* Nobody there yet (a guest that boots, a daemon that starts): try again until the deadline. */
    ADDRESS_WAIT = 1 << 0,
};

/*
 * Connects, blocking. The socket is a stream, close-on-exec, non-blocking.
 *
 * A hybrid vsock handshake that has begun gets its full 10 s even if `timeout_ms` ends earlier:
 * vhost-device-vsock dies of a client that hangs up half-way, and kernels are known that never answer (Kata
 * waits as long for the same reason).
 *
 * @timeout_ms  how long to try, in milliseconds; -1: for ever
 * @flags       0 or ADDRESS_WAIT
 * @ret_fd      the connected socket, owned by the caller
 *
 * Returns 0, or
 *   -EINVAL       `vsock:any` cannot be connected to
 *   -ENOENT, -ECONNREFUSED, -ECONNRESET, -ENODEV and others of connect(2)  nobody is there; ADDRESS_WAIT
 *                 tries again, see dial_may_retry()
 *   -EPROTO       the hybrid vsock answered something else than OK
 *   -ETIMEDOUT    the deadline passed; the reason has the last attempt's error
 */
int address_connect(const struct address *address, int timeout_ms, unsigned int flags, int *ret_fd,
                    struct reason *reason);

/*
 * Binds and listens. The socket is close-on-exec and non-blocking. vsock and unix only.
 *
 * A Unix socket that somebody answers on is left alone (-EADDRINUSE); a stale one is removed and replaced.
 * The new socket has `mode` before anybody can connect. The file is not removed when the fd is closed: unlink
 * it yourself at shutdown.
 *
 * @backlog  as in listen(2)
 * @mode     permissions of a Unix socket's file; ignored for others
 *
 * Returns 0, or -EINVAL (hvsock cannot listen), -EADDRINUSE, -ENOTSOCK (the path is a file of another kind),
 * or what socket(2), bind(2), listen(2) fail with.
 */
int address_listen(const struct address *address, int backlog, mode_t mode, int *ret_fd,
                   struct reason *reason);

#endif
