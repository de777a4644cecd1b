/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

/*
 * Cuts a byte stream into NUL-terminated messages. Bytes are searched once, however they arrive. Memory grows
 * with what is pending and never beyond VARLINK_BUFFER_MAX.
 */

#include <stdbool.h>
#include <stddef.h>

/* The longest message, without its NUL: design decision 1. Both directions. */
#define VARLINK_MESSAGE_MAX ((size_t)256 * 1024)
/* What is buffered at most: one message, its NUL, and a read's worth of what follows. */
#define VARLINK_BUFFER_MAX (VARLINK_MESSAGE_MAX + 1 + 4096)

struct varlink_frame {
    char *data;
    size_t size;    /* allocated */
    size_t start;   /* of the first message that was not taken */
    size_t scanned; /* no NUL in [start, scanned): nothing is searched twice */
    size_t end;     /* of what was received */
};

#define VARLINK_FRAME_INIT ((struct varlink_frame){ 0 })

/* Frees the buffer; the frame is empty and can be used again. */
void varlink_frame_done(struct varlink_frame *frame);

/*
 * Offers room for a read. Invalidates what varlink_frame_next() returned.
 *
 * @ret_space  bytes that may be written at *ret_buffer; at least 1 on success
 *
 * Returns 0, -ENOBUFS (VARLINK_BUFFER_MAX is pending: take messages first) or -ENOMEM.
 */
int varlink_frame_reserve(struct varlink_frame *frame, char **ret_buffer, size_t *ret_space);

/* Says that `length` bytes were written into the room last offered. */
void varlink_frame_commit(struct varlink_frame *frame, size_t length);

/*
 * Takes the next whole message.
 *
 * @ret_message  the message, NUL-terminated, inside the buffer: valid until the next reserve or done
 * @ret_length   without the NUL
 *
 * Returns 1 (a message), 0 (none is complete) or -EMSGSIZE (longer than VARLINK_MESSAGE_MAX: the stream is
 * unusable).
 */
int varlink_frame_next(struct varlink_frame *frame, const char **ret_message, size_t *ret_length);

/* Is a whole message there, even one that is too long? */
bool varlink_frame_ready(struct varlink_frame *frame);

/* Would varlink_frame_reserve() say -ENOBUFS? Then reading must pause until messages were taken. */
bool varlink_frame_full(struct varlink_frame *frame);

/* Bytes received that are not taken yet. */
size_t varlink_frame_pending(const struct varlink_frame *frame);

#endif
