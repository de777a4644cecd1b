/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/table.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/printable.h"
#include "proto/cleanup.h"

#define GAP     2u
#define CUT_MIN 8u /* a column that gives way keeps this much, else it says nothing */
#define DROPPED (~0u)

struct cell {
    char *text; /* as the guest gave it */
    unsigned int paint;
};

struct table {
    struct table_column *columns;
    size_t n_columns;
    struct cell *cells;
    size_t n_cells, n_allocated;
    bool incomplete;
};

struct table *table_new(const struct table_column *columns, size_t n_columns)
{
    struct table *table = calloc(1, sizeof(*table));

    if (!table)
        return NULL;
    table->columns = calloc(n_columns, sizeof(*columns));
    if (!table->columns) {
        free(table);
        return NULL;
    }
    memcpy(table->columns, columns, n_columns * sizeof(*columns));
    table->n_columns = n_columns;
    return table;
}

void table_free(struct table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->n_cells; i++)
        free(table->cells[i].text);
    free(table->cells);
    free(table->columns);
    free(table);
}

void table_cell(struct table *table, unsigned int paint, const char *format, ...)
{
    char *text = NULL;
    va_list arguments;
    int n;

    if (!table)
        return;
    if (table->n_cells == table->n_allocated) {
        size_t allocated = table->n_allocated ? 2 * table->n_allocated : 8 * table->n_columns;
        struct cell *cells = reallocarray(table->cells, allocated, sizeof(*cells));

        if (!cells) {
            table->incomplete = true;
            return;
        }
        table->cells = cells;
        table->n_allocated = allocated;
    }
    va_start(arguments, format);
    n = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (n < 0) {
        table->incomplete = true;
        return;
    }
    table->cells[table->n_cells++] = (struct cell){ text, paint };
}

size_t table_rows(const struct table *table)
{
    return table ? (table->n_cells + table->n_columns - 1) / table->n_columns : 0;
}

/* The cell as it is printed, or NULL without memory. Missing cells of the last row are empty. */
static char *cell_text(const struct table *table, size_t row, size_t column, bool utf8)
{
    size_t i = row * table->n_columns + column;

    return printable_copy(i < table->n_cells && *table->cells[i].text ? table->cells[i].text : "-", utf8);
}

static int measure(const struct table *table, bool utf8, unsigned int *widths)
{
    for (size_t column = 0; column < table->n_columns; column++) {
        widths[column] = printable_width(table->columns[column].title);
        for (size_t row = 0; row < table_rows(table); row++) {
            CLEANUP_FREE char *text = cell_text(table, row, column, utf8);
            unsigned int width;

            if (!text)
                return -ENOMEM;
            width = printable_width(text);
            if (width > widths[column])
                widths[column] = width;
        }
    }
    return 0;
}

/* Columns that may be cut give way, the last first. */
static void cut(const struct table *table, unsigned int limit, unsigned int sum, unsigned int *widths)
{
    for (size_t i = table->n_columns; i-- > 0 && sum > limit;) {
        unsigned int give = sum - limit;

        if (!(table->columns[i].flags & TABLE_CUT) || widths[i] <= CUT_MIN)
            continue;
        if (give > widths[i] - CUT_MIN)
            give = widths[i] - CUT_MIN;
        widths[i] -= give;
        sum -= give;
    }
}

/* How much narrower a table gets by cutting alone. */
static unsigned int slack(const struct table *table, const unsigned int *widths)
{
    unsigned int sum = 0;

    for (size_t i = 0; i < table->n_columns; i++)
        if (table->columns[i].flags & TABLE_CUT && widths[i] > CUT_MIN)
            sum += widths[i] - CUT_MIN;
    return sum;
}

/* Columns are left out until cutting the others does the rest. */
static void fit(const struct table *table, unsigned int limit, unsigned int *widths)
{
    unsigned int sum = (unsigned int)(table->n_columns - 1) * GAP;

    if (limit == 0)
        return;
    for (size_t i = 0; i < table->n_columns; i++)
        sum += widths[i];
    for (size_t i = table->n_columns; i-- > 0 && sum > limit + slack(table, widths);) {
        if (!(table->columns[i].flags & TABLE_DROP))
            continue;
        sum -= widths[i] + GAP;
        widths[i] = DROPPED;
    }
    cut(table, limit, sum, widths);
}

/* The last that is shown. */
static size_t last_column(const struct table *table, const unsigned int *widths)
{
    size_t last = table->n_columns - 1;

    while (last > 0 && widths[last] == DROPPED)
        last--;
    return last;
}

static int print_cell(const struct table *table, const struct terminal *terminal, size_t column,
                      const char *whole, const unsigned int *widths, unsigned int paint)
{
    bool last = column == last_column(table, widths);
    unsigned int width = widths[column], pad;
    CLEANUP_FREE char *text = NULL;

    if (width == DROPPED)
        return 0;
    text = printable_cut(whole, width, terminal->utf8);
    if (!text)
        return -ENOMEM;
    if (!*text)
        paint = PAINT_NONE;
    pad = width - printable_width(text);
    if (table->columns[column].flags & TABLE_RIGHT)
        (void)fprintf(terminal->file, "%*s", (int)pad, "");
    (void)fprintf(terminal->file, "%s%s%s", paint ? terminal_paint(terminal, paint) : "", text,
                  paint ? terminal_plain(terminal) : "");
    if (!(table->columns[column].flags & TABLE_RIGHT) && !last)
        (void)fprintf(terminal->file, "%*s", (int)pad, "");
    (void)fprintf(terminal->file, "%*s", last ? 0 : (int)GAP, "");
    return 0;
}

static int print_row(const struct table *table, const struct terminal *terminal, size_t row,
                     const unsigned int *widths)
{
    for (size_t column = 0; column < table->n_columns; column++) {
        CLEANUP_FREE char *text = cell_text(table, row, column, terminal->utf8);
        size_t i = row * table->n_columns + column;
        int r;

        if (!text)
            return -ENOMEM;
        r = print_cell(table, terminal, column, text, widths,
                       i < table->n_cells ? table->cells[i].paint : PAINT_NONE);
        if (r < 0)
            return r;
    }
    (void)fputc('\n', terminal->file);
    return 0;
}

int table_print(const struct table *table, const struct terminal *terminal)
{
    CLEANUP_FREE unsigned int *widths = NULL;
    int r = 0;

    if (!table || table->incomplete)
        return -ENOMEM;
    widths = calloc(table->n_columns, sizeof(*widths));
    if (!widths)
        return -ENOMEM;
    r = measure(table, terminal->utf8, widths);
    if (r < 0)
        return r;
    fit(table, terminal->width, widths);
    for (size_t column = 0; !r && column < table->n_columns; column++)
        r = print_cell(table, terminal, column, table->columns[column].title, widths, PAINT_HEAD);
    (void)fputc('\n', terminal->file);
    for (size_t row = 0; !r && row < table_rows(table); row++)
        r = print_row(table, terminal, row, widths);
    return r;
}
