/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LOG_RING_H
#define GUEST_LOG_RING_H

/*
 * The last bytes a container wrote. Offsets count from its first byte, so that a reader sees when something
 * fell out. Memory grows with what is written, up to the limit. Pure.
 */

#include <stddef.h>
#include <stdint.h>

/* What a container can make the daemon keep. */
#define LOG_RING_LIMIT ((size_t)256 * 1024)

struct log_ring {
    char *data;
    size_t size;    /* allocated; a power of two times LOG_RING's first step */
    size_t limit;   /* never more than this */
    uint64_t begin; /* offset of the oldest byte kept */
    uint64_t end;   /* offset after the newest byte */
};

#define LOG_RING_INIT                                                                                        \
    {                                                                                                        \
        .limit = LOG_RING_LIMIT                                                                              \
    }

/* Frees what is kept; offsets stay. */
void log_ring_done(struct log_ring *ring);

/* Appends. Never fails: without memory to grow it keeps less, and without any it keeps nothing of this. */
void log_ring_write(struct log_ring *ring, const char *data, size_t length);

/*
 * Copies up to `size` bytes from *offset on.
 *
 * @offset  where to read; moved up to the oldest byte kept, or down to the end, when it lies outside
 *
 * Returns the number of bytes copied; 0 at the end.
 */
size_t log_ring_read(const struct log_ring *ring, uint64_t *offset, char *buffer, size_t size);

#endif
