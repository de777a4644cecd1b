/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/log_ring.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE ((size_t)4096)

void log_ring_done(struct log_ring *ring)
{
    free(ring->data);
    ring->data = NULL;
    ring->size = 0;
    ring->begin = ring->end;
}

/* Copies [offset, offset + length) of the ring out; the caller made sure that it is there. */
static void copy_out(const struct log_ring *ring, uint64_t offset, char *buffer, size_t length)
{
    size_t at = (size_t)(offset % ring->size);
    size_t first = ring->size - at < length ? ring->size - at : length;

    memcpy(buffer, ring->data + at, first);
    memcpy(buffer + first, ring->data, length - first);
}

static void copy_in(struct log_ring *ring, uint64_t offset, const char *data, size_t length)
{
    size_t at = (size_t)(offset % ring->size);
    size_t first = ring->size - at < length ? ring->size - at : length;

    memcpy(ring->data + at, data, first);
    memcpy(ring->data, data + first, length - first);
}

static void grow(struct log_ring *ring, size_t wanted)
{
    struct log_ring larger = *ring;
    size_t kept = (size_t)(ring->end - ring->begin);

    larger.size = ring->size > 0 ? ring->size : FIRST_SIZE;
    while (larger.size < wanted && larger.size < ring->limit)
        larger.size *= 2;
    if (larger.size > ring->limit)
        larger.size = ring->limit;
    if (larger.size <= ring->size)
        return;
    larger.data = malloc(larger.size);
    if (larger.data == NULL)
        return;
    if (kept > 0 && ring->size > 0) {
        /* Two steps at most: what is kept lies in the old ring with at most one wrap. */
        size_t at = (size_t)(ring->begin % ring->size);
        size_t first = ring->size - at < kept ? ring->size - at : kept;

        copy_in(&larger, ring->begin, ring->data + at, first);
        copy_in(&larger, ring->begin + first, ring->data, kept - first);
    }
    free(ring->data);
    *ring = larger;
}

void log_ring_write(struct log_ring *ring, const char *data, size_t length)
{
    size_t kept = (size_t)(ring->end - ring->begin);

    if (length == 0)
        return;
    if (kept + length > ring->size)
        grow(ring, kept + length);
    ring->end += length;
    if (ring->size == 0) {
        ring->begin = ring->end;
        return;
    }
    if (length > ring->size) {
        data += length - ring->size;
        length = ring->size;
    }
    copy_in(ring, ring->end - length, data, length);
    if (ring->end - ring->begin > ring->size)
        ring->begin = ring->end - ring->size;
}

size_t log_ring_read(const struct log_ring *ring, uint64_t *offset, char *buffer, size_t size)
{
    size_t length;

    if (*offset < ring->begin)
        *offset = ring->begin;
    if (*offset >= ring->end) {
        *offset = ring->end;
        return 0;
    }
    length = (size_t)(ring->end - *offset) < size ? (size_t)(ring->end - *offset) : size;
    copy_out(ring, *offset, buffer, length);
    return length;
}
