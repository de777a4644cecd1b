/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_QMP_STREAM_H
#define HOST_QMP_STREAM_H

/*
 * Cuts what QEMU sends into JSON objects. QMP promises CRLF after each, but with `pretty=on` there are line
 * breaks inside too, so objects are found by their brackets. What is no object, nests too deep or is too long
 * ends the stream: QEMU is what a guest attacks first, its word is checked like anybody's. Pure.
 */

#include <stdbool.h>
#include <stddef.h>

#include "proto/reason.h"

/* query-hotpluggable-cpus takes 160 bytes per possible CPU; this is enough for 4096 of them. */
#define QMP_MESSAGE_MAX ((size_t)1024 * 1024)
#define QMP_DEPTH_MAX   32u

struct qmp_stream {
    char *data;
    size_t size;    /* allocated */
    size_t start;   /* of the message that is being looked for */
    size_t scanned; /* up to here the state below is valid */
    size_t end;     /* of what was received */
    unsigned int depth;
    bool string, escape;
};

/* Frees the buffer; the stream is empty and can be used again. */
void qmp_stream_done(struct qmp_stream *stream);

/*
 * Offers room for a read. Invalidates what qmp_stream_next() returned.
 * Returns 0, -EMSGSIZE (a message is longer than QMP_MESSAGE_MAX) or -ENOMEM.
 */
int qmp_stream_reserve(struct qmp_stream *stream, char **ret_buffer, size_t *ret_space);

/* Says that `length` bytes were written into the room last offered. */
void qmp_stream_commit(struct qmp_stream *stream, size_t length);

/*
 * Takes the next whole object.
 *
 * @ret_text  inside the buffer, not NUL-terminated: valid until the next qmp_stream_reserve() or _done()
 *
 * Returns 1, 0 (none is complete) or, and then the stream is unusable,
 *   -EBADMSG   something that is not an object where one must begin
 *   -E2BIG     nested deeper than QMP_DEPTH_MAX
 *   -EMSGSIZE  longer than QMP_MESSAGE_MAX
 */
int qmp_stream_next(struct qmp_stream *stream, const char **ret_text, size_t *ret_length,
                    struct reason *reason);

#endif
