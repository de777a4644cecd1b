/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_KEEPER_WIRE_H
#define GUEST_KEEPER_WIRE_H

/* Messages between czoned and a keeper (keeper/message.h) over a SOCK_SEQPACKET socket. All functions are
 * thread-safe and never block. */

#include <stddef.h>
#include <sys/types.h>

#include "agent/guest/keeper/message.h"
#include "agent/guest/launch/failure.h"

/* In the run directory: where a keeper listens. */
#define KEEPER_SOCKET "keeper.sock"

/* The name under which a keeper listens until it is sent START (PREPARE). */
void keeper_hall_name(pid_t keeper, char ret_name[32]);

/* The fds of one message that was received. Close them with keeper_fds_close(), or take them out. */
struct keeper_fds {
    int fd[KEEPER_FDS_MAX]; /* -EBADF where there is none */
};

#define KEEPER_FDS_INIT                                                                                      \
    {                                                                                                        \
        .fd = { -EBADF, -EBADF, -EBADF, -EBADF, -EBADF, -EBADF }                                             \
    }

void keeper_fds_close(struct keeper_fds *fds);

/*
 * Sends one message; header.version is set here.
 *
 * @message  one of the structs above
 * @size     its size; of an INPUT: KEEPER_INPUT_HEADER + bytes
 * @fds      n_fds descriptors, borrowed; NULL with 0
 *
 * Returns 0, -EAGAIN (wait for POLLOUT), -EPIPE or -ECONNRESET (the peer is gone), or errors of sendmsg(2).
 */
int keeper_send(int socket, void *message, size_t size, const int *fds, size_t n_fds);

/*
 * Receives one message. ret is complete: short structs of an older peer are filled up with zeros, texts end.
 *
 * @ret_length  bytes of stdin, for INPUT; 0 for all others
 * @fds         KEEPER_FDS_INIT; receives the message's fds, close-on-exec
 *
 * Returns 1, 0 (the peer has hung up), -EAGAIN (none there), -EBADMSG (no message of this protocol, or more
 * fds than it may have; they are closed, and the connection is best closed too), or errors of recvmsg(2).
 */
int keeper_receive(int socket, union keeper_message *ret, size_t *ret_length, struct keeper_fds *fds);

/*
 * Connects to the keeper of a program: the socket `keeper.sock` in its run directory. The keeper drops the
 * connection it had and answers with a STATUS.
 *
 * Returns 0 and the socket (non-blocking, close-on-exec, the caller's), or -ENOENT (none is there, unless it
 * was sent START and has not read it yet), -ECONNREFUSED (no such keeper any more: read `status`), or errors
 * of connect(2).
 */
int keeper_connect(int run_dir, int *ret_socket);

/* Kills the keeper of a program, and so the kernel the program, if it can be connected to. */
void keeper_kill(int run_dir);

/* After -ENOENT: no keeper will launch anything in this run directory any more, though it may have been sent
 * START. Returns 0, -EEXIST (one has begun meanwhile: connect to it), or errors of mknodat(2). */
int keeper_bar(int run_dir);

/* launch_failure to message and back. The parameter of *ret points into *failed. */
void keeper_failed_set(struct keeper_failed *failed, const struct launch_failure *failure);
void keeper_failed_get(const struct keeper_failed *failed, struct launch_failure *ret);

#endif
