/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_INPUT_H
#define GUEST_CONTAINER_INPUT_H

/*
 * Bytes on their way to a program's stdin: calls of Write, answered when the keeper has room for what they
 * brought. A program that does not read makes its writers wait, and nobody else.
 */

#include <sys/queue.h>

#include "agent/guest/container/keeper_link.h"
#include "proto/connection.h"

struct input_write {
    TAILQ_ENTRY(input_write) link;
    struct input *input;
    struct varlink_connection *connection; /* one reference */
    unsigned char *data;
    size_t length;
    int64_t offset; /* of the first byte in all that was ever written; -1: behind what was sent */
    bool end;
};

struct input {
    const char *name;           /* of the container, for messages; borrowed */
    struct keeper_link *keeper; /* borrowed */
    TAILQ_HEAD(input_writes, input_write) writes;
    int64_t sent, written;
    unsigned int serial; /* of the connection to the keeper that `sent` counts for */
    bool known;          /* the keeper has told where it stands */
    bool open;           /* the program has a stdin, and it was not ended */
};

void input_init(struct input *input, const char *name, struct keeper_link *keeper);

/* Drops the writes without an answer. */
void input_done(struct input *input);

/* Takes from a keeper's status how much was written, and sends what waits. */
void input_update(struct input *input, const struct keeper_status *status);

/* Nobody reads any more: writes that wait are answered with an error. */
void input_close(struct input *input);

/*
 * Takes the connection's running call as a write.
 *
 * @data    of malloc(), at most KEEPER_INPUT_MAX bytes; owned from here on
 * @offset  where in the program's input they belong, for who repeats a write whose answer was lost: what was
 *          taken before is not written again. Negative: at its end
 * @end     nothing follows
 *
 * Returns 0, and it is answered now or later; or a negative errno, then nothing was answered.
 */
int input_add(struct input *input, struct varlink_connection *connection, unsigned char *data, size_t length,
              int64_t offset, bool end);

#endif
