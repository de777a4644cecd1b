/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_TABLE_H
#define CTL_TABLE_H

/*
 * Aligned columns. Cells are escaped (printable.h), so a table may be filled with what a guest says.
 *
 *     struct table *table = table_new((const struct table_column[]){ { "ID" }, { "MEMORY", TABLE_RIGHT }, {
 * "COMMAND", TABLE_CUT } }, 3); table_cell(table, PAINT_NONE, "%s", id); ... r = table_print(table,
 * terminal); table_free(table);
 *
 * Running out of memory is remembered and reported by table_print(), so that filling needs no checks.
 */

#include <stddef.h>

#include "agent/ctl/terminal.h"

enum {
    TABLE_RIGHT = 1 << 0, /* numbers */
    TABLE_CUT = 1 << 1,   /* on a terminal this column gives way when the table is too wide */
    TABLE_DROP =
        1 << 2, /* it is left out when cutting does not help, the last first; not together with CUT */
};

struct table_column {
    const char *title;
    unsigned int flags;
};

struct table;

/* @columns  copied; titles are borrowed. Returns NULL without memory; all functions accept that. */
struct table *table_new(const struct table_column *columns, size_t n_columns);
void table_free(struct table *table);

/* The next cell, row by row. An empty cell is shown as `-`. */
void table_cell(struct table *table, unsigned int paint, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* How many rows are begun. */
size_t table_rows(const struct table *table);

/* Prints titles and rows. Returns 0 or -ENOMEM (also if a cell could not be added, or `table` is NULL). */
int table_print(const struct table *table, const struct terminal *terminal);

#endif
