/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_REASON_H
#define PROTO_REASON_H

/*
 * The human half of an error: what failed, on what, why, what to do. The machine half is the negative errno
 * beside it.
 *
 * A reason may quote what a peer sent. It is therefore always printable: reason_set() replaces control
 * characters, and bytes that are not UTF-8, by '?', and cuts at a character boundary. It can be put on a
 * terminal, in a log and in a JSON string.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct reason {
    char text[320];
};

/*
 * Writes a reason. `reason` may be NULL: then nothing happens. The caller owns the struct; there is nothing
 * to free.
 */
void reason_set(struct reason *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

void reason_set_list(struct reason *reason, const char *format, va_list list)
    __attribute__((format(printf, 2, 0)));

/*
 * As reason_set(), and returns `error`, so that a failure is one line: `return reason_fail(reason, -EINVAL,
 * "...")`.
 *
 * @error  negative errno, returned as it is
 */
int reason_fail(struct reason *reason, int error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/*
 * Makes text from outside printable, in place, by the rule above: for names and logs that a peer chose.
 *
 * @text  NUL-terminated, in a buffer of `size` bytes
 * @cut   the text was cut to fit the buffer: drop a character that lost its end
 */
void reason_clean(char *text, size_t size, bool cut);

#endif
