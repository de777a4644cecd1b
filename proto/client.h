/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_CLIENT_H
#define PROTO_CLIENT_H

/*
 * The client's end of one connection: blocking with deadlines (CLI, tests), or driven by an event loop
 * (daemons). One call in flight.
 *
 * Blocking:
 *     varlink_client_connect(); varlink_client_call(); ...
 *     or, a stream:  varlink_client_send(VARLINK_MORE); do varlink_client_receive() while (reply.continues)
 * In a loop:
 *     varlink_client_send();
 *     wait for varlink_client_events() on varlink_client_fd(), then varlink_client_process();
 *     while varlink_client_next_reply() returns 1 ...
 *
 * What a server sends is checked as strictly and under the same limits as what a client sends. An error reply
 * is a reply (reply.error), not an error of the function. After any other negative return than -EBUSY,
 * -EINVAL, -EINTR, -ETIMEDOUT, and -EMSGSIZE of send, the connection is useless: free it. Not thread-safe.
 */

#include "proto/address.h"
#include "proto/message.h"

struct varlink_client;

/*
 * Connects, see address_connect() for timeout_ms, flags and errors.
 *
 * @ret  the client, to be freed by the caller
 */
int varlink_client_connect(const struct address *address, int timeout_ms, unsigned int flags,
                           struct varlink_client **ret, struct reason *reason);

/*
 * Wraps a connected stream socket; the client's from here on, but only if 0 is returned. Returns 0, -ENOMEM
 * or fcntl(2)'s errors.
 */
int varlink_client_new(int fd, struct varlink_client **ret);

/* Closes. Accepts NULL. Returns NULL. */
struct varlink_client *varlink_client_free(struct varlink_client *client);

/*
 * Sends a call, or queues what the socket does not take at once. Never blocks.
 *
 * @parameters  consumed, on failure too; json_object() for none. NULL is what a failed json_pack() gives
 * @flags       0, VARLINK_MORE or VARLINK_ONEWAY
 *
 * Returns 0, -EBUSY (a call is in flight), -EINVAL, -EMSGSIZE, -ENOMEM (also for NULL parameters), or what
 * ended the connection.
 */
int varlink_client_send(struct varlink_client *client, const char *method, json_t *parameters,
                        unsigned int flags);

/*
 * Waits for the next reply, and first for the call to be sent.
 *
 * @timeout_ms  -1: for ever
 * @ret         an empty struct; the caller empties it with varlink_reply_done()
 *
 * Returns 0, or
 *   -ETIMEDOUT   the reply may still come
 *   -EINTR       a signal came; call again
 *   -EINVAL      no call is in flight
 *   -ECONNRESET  the server closed
 *   -EPROTO, -EBADMSG, -EILSEQ, -E2BIG, -EMSGSIZE  it sent nonsense; varlink_client_reason() says which
 */
int varlink_client_receive(struct varlink_client *client, int timeout_ms, struct varlink_reply *ret);

/*
 * Send, then receive the only reply; one deadline for both. With VARLINK_ONEWAY: only until all is sent, and
 * *ret stays empty. Goes on after a signal. Errors of both.
 */
int varlink_client_call(struct varlink_client *client, const char *method, json_t *parameters,
                        unsigned int flags, int timeout_ms, struct varlink_reply *ret);

/* For a loop. */
int varlink_client_fd(const struct varlink_client *client);
/* POLLIN, and POLLOUT while something is queued. */
short varlink_client_events(struct varlink_client *client);

/*
 * Reads and writes what the socket allows. Returns 0, or the negative errno that ended the connection;
 * replies received before it are still there.
 */
int varlink_client_process(struct varlink_client *client, short revents);

/*
 * Returns 1 (a reply, *ret to be emptied by the caller), 0 (none yet) or a negative errno as
 * varlink_client_receive().
 */
int varlink_client_next_reply(struct varlink_client *client, struct varlink_reply *ret);

/* Is a call in flight, that is, has it not had its final reply? */
bool varlink_client_busy(const struct varlink_client *client);

/* Why the connection ended; empty while it has not. Printable. */
const char *varlink_client_reason(const struct varlink_client *client);

#endif
