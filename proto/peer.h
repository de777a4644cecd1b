/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_PEER_H
#define PROTO_PEER_H

/* Who is on the other end of a connected socket, as the kernel says. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct peer {
    bool vsock;    /* else a Unix socket */
    uint32_t cid;  /* vsock: 2 is the host; 1 and the own CID are local processes (vsock_loopback) */
    uint32_t port; /* vsock: below 1024 only a process with CAP_NET_BIND_SERVICE */
    pid_t pid;     /* unix; may be gone or reused: for messages only */
    uid_t uid;     /* unix */
    gid_t gid;     /* unix */
};

/* Returns 0, or -EAFNOSUPPORT (neither vsock nor unix) or what getpeername(2) and getsockopt(2) fail with. */
int peer_of_socket(int fd, struct peer *ret);

#endif
