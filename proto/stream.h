/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_STREAM_H
#define PROTO_STREAM_H

/*
 * A socket with its two buffers: what the server's connection and the client have in common. Never blocks.
 * Once an error was found the stream stays with it (`error`, `reason`) and sends and receives nothing more.
 */

#include <stdbool.h>

#include "proto/frame.h"
#include "proto/output.h"
#include "proto/reason.h"

struct stream {
    int fd;
    struct varlink_frame input;
    struct output output;
    bool ended; /* the other end sends no more */
    int error;  /* negative errno, 0 while it works */
    struct reason reason;
};

#define STREAM_INIT ((struct stream){ .fd = -EBADF })

/*
 * Takes a connected socket over and makes it non-blocking and close-on-exec. On failure the fd stays the
 * caller's.
 */
int stream_open(struct stream *stream, int fd);

/* Closes the socket and frees the buffers. The error and its reason stay. */
void stream_close(struct stream *stream);

/*
 * Ends the stream with an error, if it has none yet: sends what it can of the queue and shuts the socket,
 * which makes it readable. Returns the error the stream has.
 */
int stream_break(struct stream *stream, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reads what is there, up to what the input buffer holds. Returns 0 or the stream's error. */
int stream_fill(struct stream *stream);

/* Sends what the socket takes. Returns 0 or the stream's error. */
int stream_flush(struct stream *stream);

/* Queues a message, its NUL included, and breaks the stream if it cannot. */
int stream_queue(struct stream *stream, const char *text, size_t length);

/* The poll(2) events to wait for; POLLIN only while there is room for input. */
short stream_events(struct stream *stream);

/*
 * After the other end has stopped sending: has it closed entirely, so that nobody reads replies either? With
 * shutdown(SHUT_WR) it has not. Asks the kernel; always false before the end of the input.
 */
bool stream_is_abandoned(const struct stream *stream);

#endif
