/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_SCREEN_H
#define CTL_SCREEN_H

/*
 * Text that is shown again and again in the same place of a terminal. Each picture is made in memory and
 * written at once over the last one, line by line, so that nothing flickers; what stood above stays, and so
 * does the last picture.
 */

#include "agent/ctl/terminal.h"

struct screen {
    const struct terminal *terminal;
    struct terminal page; /* what is drawn to: as wide as the terminal is now */
    char *text;
    size_t length;
    unsigned int rows, width, height; /* of the last picture, and of the terminal then; rows 0: none */
};

/* Begins a picture: print to screen->page.file. Returns 0 or -ENOMEM. */
int screen_begin(struct screen *screen);

/* Shows it. More lines than the terminal has are cut; the last line then says how many are missing. Returns 0
 * or -ENOMEM. */
int screen_show(struct screen *screen);

#endif
