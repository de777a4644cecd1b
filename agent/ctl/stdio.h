/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_STDIO_H
#define CTL_STDIO_H

/*
 * Our standard input, on its way to a program in a guest, and our terminal in place of the program's own. A
 * write whose answer was lost with the connection is repeated at its offset, so that no key counts twice. The
 * first time it says none: others may be typing too.
 */

#include <termios.h>

#include "agent/ctl/follow.h"

/* Ctrl-P Ctrl-Q, as docker has it. */
#define STDIO_DETACH_FIRST  '\x10'
#define STDIO_DETACH_SECOND '\x11'

/* In one write; the guest takes up to 64 KiB. */
#define STDIO_CHUNK 16384

struct stdio {
    struct ctl *ctl;
    const char *id, *exec; /* exec: NULL for the container itself */
    bool input;            /* standard input is passed on */
    bool tty;              /* the program has a terminal */
    bool detached;         /* the detach keys were typed */
    /* Private. */
    struct follow write, resize;
    unsigned char data[STDIO_CHUNK + 1];
    size_t length;
    bool end;       /* after data nothing follows */
    bool held;      /* the first detach key was typed, and is not passed on yet */
    int64_t offset; /* of data, unless others have written meanwhile; -1: not known yet */
    bool sent;      /* data may have arrived already */
    bool raw;
    struct termios before;
};

/* Sets up the calls; ctl, id, exec, input and tty are set by the caller. */
void stdio_init(struct stdio *stdio);

/* Puts our terminal into raw mode, if the program has one and ours is one, and tells the program its size.
 * Returns EXIT_OK or a code, having told why. */
enum exit_code stdio_begin(struct stdio *stdio);

/* Puts the terminal back. Accepts one that has not begun. */
void stdio_end(struct stdio *stdio);

/* For struct loop: whether standard input can be read now, and reading it. When the detach keys were typed
 * `detached` is set, and EXIT_DETACHED returned. */
int stdio_input_fd(const struct stdio *stdio);
enum exit_code stdio_on_input(struct stdio *stdio);

/* Our terminal has another size. */
enum exit_code stdio_on_resize(struct stdio *stdio);

/* Whether a new program can have what --interactive and --tty ask for: a terminal to type at that is none is
 * told, as docker does. Returns EXIT_OK or EXIT_USAGE. */
enum exit_code stdio_check(const struct ctl *ctl, bool input, bool tty);

/* Columns and rows of our terminal into the parameters of Spawn or Exec; nothing if it has none. Returns 0 or
 * -ENOMEM. */
int stdio_add_size(json_t *parameters);

#endif
