/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/reason.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/text.h"

/* Controls, and the marks that reorder or break lines: with them a peer could forge what a terminal shows. */
static bool is_printable(uint32_t character)
{
    if (character < 0x20 || (character >= 0x7f && character <= 0x9f))
        return false;
    if (character == 0x200e || character == 0x200f || (character >= 0x2028 && character <= 0x202e))
        return false;
    return character < 0x2066 || character > 0x2069;
}

void reason_clean(char *text, size_t size, bool cut)
{
    size_t length = strnlen(text, size - 1), from = 0, to = 0;

    while (from < length) {
        uint32_t character;
        unsigned int n = varlink_utf8_character(text + from, length - from, &character);

        if (n == 0 && cut && length - from < 4)
            break; /* the character that the end of the buffer cut */
        if (n == 0 || !is_printable(character)) {
            text[to++] = '?';
            from += n == 0 ? 1 : n;
            continue;
        }
        memmove(text + to, text + from, n);
        to += n;
        from += n;
    }
    text[to] = '\0';
}

void reason_set_list(struct reason *reason, const char *format, va_list list)
{
    int n;

    if (!reason)
        return;
    n = vsnprintf(reason->text, sizeof(reason->text), format, list);
    if (n < 0)
        reason->text[0] = '\0';
    reason_clean(reason->text, sizeof(reason->text), n >= (int)sizeof(reason->text));
}

void reason_set(struct reason *reason, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    reason_set_list(reason, format, list);
    va_end(list);
}

int reason_fail(struct reason *reason, int error, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    reason_set_list(reason, format, list);
    va_end(list);
    return error;
}
