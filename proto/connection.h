/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_CONNECTION_H
#define PROTO_CONNECTION_H

/*
 * The server's end of one connection, without a loop of its own. Calls come out one at a time, in order; the
 * next only after the final reply to the last. Replies are queued and never block.
 *
 * In a loop (varlink_service_process() of service.h does the inner part):
 *
 *     wait for varlink_connection_events() on varlink_connection_fd()
 *     r = varlink_service_process(service, connection, revents);
 *     if (r <= 0) { varlink_connection_close(connection); varlink_connection_unref(connection); }
 *
 * A reply that is given later (from a timer, another fd) calls the `changed` hook: the owner then waits for
 * the new events().
 *
 * Peer gone: a peer that closed its socket ends the connection at once, also during a call, and replies to it
 * fail with -ENOTCONN. A peer that only finished sending (shutdown(2), `printf ... | socat`) gets the replies
 * to all it sent, then the connection ends. A half-closed connection has nothing to wait for while its call
 * runs, so events() is 0; if such a peer then closes entirely this is seen at the next reply or the next
 * process(). A server whose calls may run for hours calls process() on these now and then, and only these:
 * varlink_connection_is_half_closed().
 *
 * Not thread-safe. Nothing here blocks. Reference-counted, so that work that outlives the connection may hold
 * one and gets -ENOTCONN.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "proto/fields.h"
#include "proto/message.h"
#include "proto/output.h"

/* No new call is begun while this much waits to be read. */
#define VARLINK_OUTPUT_BUSY ((size_t)256 * 1024)

struct varlink_connection;

/*
 * Takes a socket over.
 *
 * @fd   a connected stream socket; the connection's from here on, but only if 0 is returned. It becomes
 *       non-blocking and close-on-exec
 * @ret  the connection, with one reference
 *
 * Returns 0, -ENOMEM or what fcntl(2) fails with.
 */
int varlink_connection_new(int fd, struct varlink_connection **ret);

struct varlink_connection *varlink_connection_ref(struct varlink_connection *connection);
/* Drops a reference; the last one closes. Accepts NULL. Returns NULL. */
struct varlink_connection *varlink_connection_unref(struct varlink_connection *connection);

/*
 * Closes the socket now and forgets what was queued. The running call, if any, is abandoned: its `gone` hook
 * is called, and replies to it return -ENOTCONN. Idempotent.
 */
void varlink_connection_close(struct varlink_connection *connection);

/* For the owner: whatever belongs to this connection (its peer, its event). */
void varlink_connection_set_userdata(struct varlink_connection *connection, void *userdata);
void *varlink_connection_userdata(const struct varlink_connection *connection);

/* The socket, or -EBADF once closed. */
int varlink_connection_fd(const struct varlink_connection *connection);

/*
 * The poll(2) events to wait for now: POLLIN, POLLOUT, both or 0. Also how a turn that left something to do,
 * or a connection that broke, asks to be processed: it then waits for what the socket already reports. With 0
 * take the fd out of the poll: poll(2) reports POLLHUP unasked.
 */
short varlink_connection_events(struct varlink_connection *connection);

/*
 * Called when a reply was queued, a call ended or the connection broke, so that events() may differ. It is
 * called inside the functions that reply, by handlers too: it must only take note, or set up the new events;
 * not process, not close, not unref.
 */
void varlink_connection_set_changed(struct varlink_connection *connection,
                                    void (*changed)(struct varlink_connection *connection, void *userdata),
                                    void *userdata);

/*
 * Reads and writes what the socket allows.
 *
 * @revents  what poll(2) said; 0 only writes and checks
 *
 * Returns 1 (go on), 0 (the peer has finished and has had all its replies: close) or the negative errno that
 * ended the connection; varlink_connection_reason() says more:
 *   -ECONNRESET, -EPIPE  the peer is gone
 *   -EMSGSIZE            a message was longer than VARLINK_MESSAGE_MAX
 *   -EPROTO, -EBADMSG, -EILSEQ, -E2BIG  it is no valid call (message.h, text.h)
 *   -ENOBUFS             the peer does not read its replies (VARLINK_OUTPUT_MAX)
 *   -ENOTCONN            it was closed
 */
int varlink_connection_process(struct varlink_connection *connection, short revents);

/*
 * The next call, if the last one has been answered.
 *
 * @ret  the call; the connection's, valid until its final reply or the end of the connection
 *
 * Returns 1, 0 (none yet) or a negative errno as process(): the connection is over.
 */
int varlink_connection_next_call(struct varlink_connection *connection, const struct varlink_call **ret);

/* The call that waits for its final reply, or NULL. */
const struct varlink_call *varlink_connection_call(const struct varlink_connection *connection);

/* Has the peer stopped sending while its call runs, so that only process() can tell whether it is still
 * there? */
bool varlink_connection_is_half_closed(const struct varlink_connection *connection);

/* Why the connection ended; empty while it has not. Printable. */
const char *varlink_connection_reason(const struct varlink_connection *connection);

/* Bytes of memory that its two buffers take. */
size_t varlink_connection_memory(const struct varlink_connection *connection);

/* Bytes queued that the peer has not taken: a stream should pause when this is above VARLINK_OUTPUT_BUSY. */
size_t varlink_connection_output(const struct varlink_connection *connection);

/*
 * Asks to be told, once, if the connection ends before the running call has its final reply: to abort the
 * work, to forget a waiter. The final reply withdraws it. One per call; a second replaces the first; NULL
 * withdraws. It is called inside process() and close(), never inside a reply, so that a loop over waiters is
 * safe; it must not unref the last reference.
 */
void varlink_connection_watch(struct varlink_connection *connection,
                              void (*gone)(struct varlink_connection *connection, void *userdata),
                              void *userdata);

/*
 * The final reply, one of several replies (only to a call with VARLINK_MORE), and the final error reply.
 *
 * `parameters` is consumed, on failure too. NULL is what a failed json_pack() gives, not "none"
 * (json_object() is): it breaks the connection, because the peer would otherwise wait for ever. To a oneway
 * call nothing is sent.
 *
 * Return 0, or
 *   -ENOTCONN  the peer is gone; whoever replies later may ignore this
 *   -ENOBUFS   the peer does not read
 *   -EMSGSIZE  longer than VARLINK_MESSAGE_MAX: nothing was sent and the call still waits for its reply
 *   -EINVAL    parameters are no object; no call is running; or continue without VARLINK_MORE
 *   -ENOMEM    out of memory, or parameters is NULL
 * After -ENOBUFS and -ENOMEM the connection is broken: process() says so.
 */
int varlink_connection_reply(struct varlink_connection *connection, json_t *parameters);
int varlink_connection_reply_continue(struct varlink_connection *connection, json_t *parameters);
int varlink_connection_error(struct varlink_connection *connection, const char *error, json_t *parameters);

/*
 * Gives the connection up for a reason of the server's own: the next process() returns `error`. Returns
 * `error`, or the one it already had.
 */
int varlink_connection_break(struct varlink_connection *connection, int error, const char *why);

/*
 * The errors of org.varlink.service, as final replies; they return as the above. InvalidParameter also
 * carries the fault's reason as `message`.
 */
int varlink_connection_invalid_parameter(struct varlink_connection *connection,
                                         const struct varlink_fault *fault);
int varlink_connection_interface_not_found(struct varlink_connection *connection, const char *interface);
int varlink_connection_method_not_found(struct varlink_connection *connection, const char *method);
int varlink_connection_method_not_implemented(struct varlink_connection *connection, const char *method);
int varlink_connection_permission_denied(struct varlink_connection *connection);
int varlink_connection_expected_more(struct varlink_connection *connection);

#endif
