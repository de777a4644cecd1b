/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_TERMINAL_H
#define CTL_TERMINAL_H

/* What an output stream can show. */

#include <stdbool.h>
#include <stdio.h>

/* Roles, not colours: one place decides how each looks. */
enum paint {
    PAINT_NONE,
    PAINT_HEAD,
    PAINT_DIM,
    PAINT_GOOD,
    PAINT_BUSY,
    PAINT_BAD,
    PAINT_ZONE, /* + 0 to PAINT_ZONES - 1: one of the backgrounds that tell zones apart */
};

#define PAINT_ZONES 8

enum colour_choice {
    COLOUR_AUTO,
    COLOUR_ALWAYS,
    COLOUR_NEVER,
};

struct terminal {
    FILE *file;
    bool tty;
    bool redraw; /* a line can be taken away again */
    bool raw;    /* a newline is one, and no return to the left */
    bool colour;
    bool utf8;          /* else only ASCII is printed */
    unsigned int width; /* columns; 0: not a terminal, nothing is cut */
};

/*
 * Looks at `file`: is it a terminal, how wide (COLUMNS wins), may it be coloured (NO_COLOR, TERM=dumb;
 * `choice` wins), does the locale print UTF-8. setlocale(LC_CTYPE, "") must have been called.
 */
void terminal_open(struct terminal *terminal, FILE *file, enum colour_choice choice);

/* Whether it takes something now, or within a second: whoever reads it may have stopped. */
bool terminal_listens(const struct terminal *terminal);

/* What ends a line there. */
const char *terminal_newline(const struct terminal *terminal);

/* The escape sequence that starts or ends a paint; "" without colour. */
const char *terminal_paint(const struct terminal *terminal, unsigned int paint);
const char *terminal_plain(const struct terminal *terminal);

#endif
