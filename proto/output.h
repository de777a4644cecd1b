/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_OUTPUT_H
#define PROTO_OUTPUT_H

/* Bytes that wait for a socket to take them: a queue with an upper bound. */

#include <stddef.h>

/* What the other end has not taken yet; beyond it the connection breaks. Room for 16 long messages. */
#define VARLINK_OUTPUT_MAX ((size_t)4 * 1024 * 1024)

/* In one send(2). A Linux guest makes one vsock packet of each, up to 64 KiB, and since 6.12 of pieces in
 * memory if it has more than 32 KiB; vhost-device-vsock (0.3.0) drops a packet that is not in one piece, and
 * tells nobody. */
#define OUTPUT_SEND_MAX ((size_t)16 * 1024)

struct output {
    char *data;
    size_t size;  /* allocated */
    size_t start; /* of what was not sent yet */
    size_t end;
};

/* Frees the queue; it is empty and can be used again. */
void output_done(struct output *output);

/*
 * Copies bytes to the end of the queue. Returns 0, -ENOBUFS (it would exceed VARLINK_OUTPUT_MAX; nothing was
 * added) or -ENOMEM.
 */
int output_append(struct output *output, const char *data, size_t length);

/*
 * Sends what the socket takes now, without SIGPIPE. Returns 0 (perhaps with a rest) or what send(2) fails
 * with.
 */
int output_flush(struct output *output, int fd);

size_t output_pending(const struct output *output);

#endif
