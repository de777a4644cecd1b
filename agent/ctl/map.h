/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_MAP_H
#define CTL_MAP_H

/*
 * The guest's physical memory, drawn: one mark per memory block, a band per NUMA node, lines that begin at
 * round addresses so that columns can be compared. A zone has a letter and a colour: a capital where its
 * memory is online, a small one where it is offline already and on its way back to the host. It reads the
 * same without colour, and without UTF-8.
 */

#include "agent/ctl/inventory.h"
#include "agent/ctl/terminal.h"

/* Draws map and legend. The inventory must have blocks. Returns 0 or -ENOMEM. */
int map_print(const struct inventory *inventory, const struct terminal *terminal);

/* The letter of zone number `i` of the inventory; they repeat after 26. */
char map_letter(size_t i);
/* Its paint. */
unsigned int map_paint(size_t i);

/* A bar of ten cells, `used` of `size`. Returns `buffer`. */
#define MAP_BAR_MAX 40
const char *map_bar(int64_t used, int64_t size, bool utf8, char buffer[MAP_BAR_MAX]);

#endif
