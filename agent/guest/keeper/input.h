/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEEPER_INPUT_H
#define KEEPER_INPUT_H

/* stdin of the program: bytes that came and that its pipe or pty has not taken yet. Blocks nowhere. */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct input {
    int fd;             /* non-blocking; -EBADF: nobody takes anything (any more) */
    bool tty;           /* the fd is the master of a pty, which belongs to the output */
    bool end_asked;     /* after what is held the end is due */
    bool line_open;     /* tty: the last byte did not end a line */
    char *data;         /* KEEPER_INPUT_MAX bytes while some are held, else NULL */
    size_t begin, used; /* what is held */
    int64_t received, written;
};

#define INPUT_INIT                                                                                           \
    {                                                                                                        \
        .fd = -EBADF                                                                                         \
    }

/*
 * Takes the bytes of an INPUT; length 0: the end. Passes on what goes through at once. Without a program that
 * reads they count as written. Returns 0, -EMSGSIZE (more than there is room for, nothing was taken) or
 * -ENOMEM.
 */
int input_take(struct input *input, const char *data, size_t length);

/* Whether to wait for POLLOUT on the fd. */
static inline bool input_waits(const struct input *input)
{
    return input->used > 0 || (input->end_asked && input->fd >= 0);
}

/* Passes on what goes through. */
void input_flush(struct input *input);

/* Nobody will read any more: what is held is dropped, and counts as written. */
void input_close(struct input *input);

#endif
