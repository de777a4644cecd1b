/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/printable.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "proto/text.h"

/* The longest escape: `\u{10ffff}`. */
#define ESCAPE_MAX 10

/* Directional controls reorder what stands beside them, and zero-width ones make two names look alike. */
static bool deceives(uint32_t character)
{
    return character == 0xad || character == 0x61c || (character >= 0x200b && character <= 0x200f) ||
           (character >= 0x2028 && character <= 0x202e) || (character >= 0x2060 && character <= 0x206f) ||
           character == 0xfeff || (character >= 0xfff0 && character <= 0xfffb) ||
           (character >= 0xe0000 && character <= 0xe0fff);
}

static bool shown(uint32_t character, bool utf8)
{
    if (character < 0x80)
        return character >= 0x20 && character != 0x7f && character != '\\';
    return utf8 && character >= 0xa0 && !deceives(character) && wcwidth((wchar_t)character) > 0;
}

static size_t escape(uint32_t character, bool valid, char *out)
{
    static const char *const names[] = { ['\n'] = "\\n", ['\r'] = "\\r", ['\t'] = "\\t", ['\\'] = "\\\\" };
    int n;

    if (valid && character < sizeof(names) / sizeof(*names) && names[character])
        n = snprintf(out, ESCAPE_MAX + 1, "%s", names[character]);
    else if (!valid || character < 0x80)
        n = snprintf(out, ESCAPE_MAX + 1, "\\x%02x", (unsigned int)character);
    else
        n = snprintf(out, ESCAPE_MAX + 1, "\\u{%x}", (unsigned int)character);
    return (size_t)n;
}

char *printable_copy(const char *text, bool utf8)
{
    size_t length = strlen(text), used = 0;
    char *copy = malloc(length * ESCAPE_MAX + 1);

    if (!copy)
        return NULL;
    for (size_t i = 0; i < length;) {
        uint32_t character = (unsigned char)text[i];
        unsigned int bytes = varlink_utf8_character(text + i, length - i, &character);

        if (bytes && shown(character, utf8)) {
            memcpy(copy + used, text + i, bytes);
            used += bytes;
        } else {
            used += escape(bytes ? character : (unsigned char)text[i], bytes > 0, copy + used);
        }
        i += bytes ? bytes : 1;
    }
    copy[used] = '\0';
    return copy;
}

/* Bytes and columns of the next unit that must stay whole: a character, or an escape that printable_copy()
 * wrote. */
static size_t unit(const char *text, unsigned int *ret_width)
{
    uint32_t character = 0;
    unsigned int bytes;

    if (*text == '\\' && text[1]) {
        size_t n = text[1] == 'x' ? 4 : 2;

        if (text[1] == 'u')
            n = strcspn(text, "}") + 1;
        n = strnlen(text, n);
        *ret_width = (unsigned int)n;
        return n;
    }
    bytes = varlink_utf8_character(text, strlen(text), &character);
    if (bytes < 2) {
        *ret_width = 1;
        return 1;
    }
    bytes = bytes ? bytes : 1;
    *ret_width = wcwidth((wchar_t)character) > 1 ? 2 : 1;
    return bytes;
}

unsigned int printable_width(const char *text)
{
    unsigned int sum = 0, width;

    while (*text) {
        text += unit(text, &width);
        sum += width;
    }
    return sum;
}

char *printable_cut(const char *text, unsigned int width, bool utf8)
{
    const char *mark = utf8 ? "…" : "...";
    unsigned int mark_width = utf8 ? 1 : 3, sum = 0, w;
    size_t at = 0;
    char *cut;

    if (printable_width(text) <= width)
        return strdup(text);
    if (width < mark_width)
        return strdup("");
    for (size_t n; text[at]; at += n, sum += w) {
        n = unit(text + at, &w);
        if (sum + w + mark_width > width)
            break;
    }
    cut = malloc(at + strlen(mark) + 1);
    if (!cut)
        return NULL;
    memcpy(cut, text, at);
    memcpy(cut + at, mark, strlen(mark) + 1);
    return cut;
}
