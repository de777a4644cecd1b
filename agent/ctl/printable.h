/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PRINTABLE_H
#define CTL_PRINTABLE_H

/*
 * Text from a guest, made safe for a terminal. Whoever runs in a guest chooses names, arguments and messages;
 * unescaped they could move the cursor, rewrite lines above or set the window's title.
 */

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies text and escapes what is not a printable character: control characters (C0, DEL, C1) and the
 * backslash as in C (`\n`,
 * `\x1b`, `\\`), characters that change direction or are invisible as `\u{202e}`, bytes that are not UTF-8 as
 * `\xff`.
 *
 * @utf8  false: all that is not ASCII is escaped
 *
 * Returns the copy, to be freed by the caller, or NULL without memory.
 */
char *printable_copy(const char *text, bool utf8);

/* Columns that printable text takes on a terminal. */
unsigned int printable_width(const char *text);

/*
 * Cuts printable text to at most `width` columns; what was cut is shown by an ellipsis (`…`, or `...` without
 * UTF-8). An escape is not cut in half.
 *
 * Returns a copy, to be freed by the caller, or NULL without memory.
 */
char *printable_cut(const char *text, unsigned int width, bool utf8);

#endif
