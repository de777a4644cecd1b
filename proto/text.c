/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/text.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "proto/cleanup.h"

unsigned int varlink_utf8_character(const char *text, size_t length, uint32_t *ret_character)
{
    /* The smallest character that needs so many bytes: anything below is an overlong form. */
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = length > 0 ? (unsigned char)text[0] : 0xff;
    unsigned int n = first < 0x80   ? 1
                     : first < 0xc2 ? 0
                     : first < 0xe0 ? 2
                     : first < 0xf0 ? 3
                     : first < 0xf5 ? 4
                                    : 0;
    uint32_t character;

    if (n == 0 || n > length)
        return 0;
    character = n == 1 ? first : first & (0x7fu >> n);
    for (unsigned int i = 1; i < n; i++) {
        unsigned char next = (unsigned char)text[i];

        if ((next & 0xc0) != 0x80)
            return 0;
        character = character << 6 | (next & 0x3f);
    }
    if (character < smallest[n] || character > 0x10ffff || (character >= 0xd800 && character <= 0xdfff))
        return 0;
    if (ret_character)
        *ret_character = character;
    return n;
}

static int check_utf8(const char *text, size_t length, struct reason *reason)
{
    size_t at = 0;

    while (at < length) {
        unsigned int n = varlink_utf8_character(text + at, length - at, NULL);

        if (n == 0)
            return reason_fail(reason, -EILSEQ, "the message is not UTF-8: byte 0x%02x at offset %zu",
                               (unsigned int)(unsigned char)text[at], at);
        if (text[at] == '\0')
            return reason_fail(reason, -EILSEQ, "the message has a NUL byte at offset %zu", at);
        at += n;
    }
    return 0;
}

/* Offset behind the string that begins at `at` with its quote; the end of the text if it is not closed. */
static size_t skip_string(const char *text, size_t length, size_t at)
{
    for (at++; at < length && text[at] != '"'; at++)
        if (text[at] == '\\')
            at++;
    return at < length ? at + 1 : length;
}

int varlink_text_check(const char *text, size_t length, struct reason *reason)
{
    size_t depth = 0, values = 1;
    int r = check_utf8(text, length, reason);

    if (r < 0)
        return r;
    for (size_t at = 0; at < length;) {
        char c = text[at];

        if (c == '"') {
            at = skip_string(text, length, at);
            continue;
        }
        if (c == '{' || c == '[')
            depth++;
        if ((c == '}' || c == ']') && depth > 0)
            depth--;
        if (c == '{' || c == '[' || c == ',')
            values++;
        if (depth > VARLINK_DEPTH_MAX)
            return reason_fail(reason, -E2BIG, "the message nests deeper than %u at offset %zu",
                               VARLINK_DEPTH_MAX, at);
        if (values > VARLINK_VALUES_MAX)
            return reason_fail(reason, -E2BIG, "the message has more than %u values", VARLINK_VALUES_MAX);
        at++;
    }
    return 0;
}

static bool is_token(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
           c == '+' || c == '.';
}

/* Is the token an integer, well-formed, that int64 cannot hold? */
static bool is_huge_integer(const char *token, size_t length)
{
    bool negative = token[0] == '-';
    const char *digits = token + negative;
    size_t n = length - negative;

    if (n < 19 || digits[0] == '0')
        return false;
    for (size_t i = 0; i < n; i++)
        if (digits[i] < '0' || digits[i] > '9')
            return false;
    return n > 19 || memcmp(digits, negative ? "9223372036854775808" : "9223372036854775807", 19) > 0;
}

/*
 * Finds the first huge integer at or after `at`. Returns its offset and length, or a length of 0.
 */
static size_t find_huge_integer(const char *text, size_t length, size_t at, size_t *ret_length)
{
    while (at < length) {
        size_t start = at;

        if (text[at] == '"') {
            at = skip_string(text, length, at);
            continue;
        }
        while (at < length && is_token(text[at]))
            at++;
        if (at > start && is_huge_integer(text + start, at - start)) {
            *ret_length = at - start;
            return start;
        }
        if (at == start)
            at++;
    }
    *ret_length = 0;
    return length;
}

/*
 * Rewrites huge integers as reals of the same length (`12345678901234567890` as `1.345678901234567e19`), so
 * that jansson takes the message and the field's check refuses the value by name.
 */
static void rewrite_huge_integers(char *text, size_t length, size_t at, size_t n)
{
    while (n > 0) {
        char *digits = text + at + (text[at] == '-');

        digits[1] = '.';
        text[at + n - 3] = 'e';
        text[at + n - 2] = '1';
        text[at + n - 1] = '9';
        at = find_huge_integer(text, length, at + n, &n);
    }
}

int varlink_text_parse(const char *text, size_t length, json_t **ret, struct reason *reason)
{
    CLEANUP_FREE char *copy = NULL;
    CLEANUP_JSON json_t *value = NULL;
    json_error_t error;
    size_t huge, huge_length;
    int r = varlink_text_check(text, length, reason);

    if (r < 0)
        return r;
    huge = find_huge_integer(text, length, 0, &huge_length);
    if (huge_length > 0) {
        copy = malloc(length);
        if (!copy)
            return reason_fail(reason, -ENOMEM, "out of memory");
        memcpy(copy, text, length);
        rewrite_huge_integers(copy, length, huge, huge_length);
        text = copy;
    }
    value = json_loadb(text, length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
    if (!value && json_error_code(&error) == json_error_out_of_memory)
        return reason_fail(reason, -ENOMEM, "out of memory");
    if (!value)
        return reason_fail(reason, -EBADMSG, "the message is not JSON: %s at offset %d", error.text,
                           error.position);
    if (!json_is_object(value))
        return reason_fail(reason, -EBADMSG, "the message is not a JSON object");
    *ret = TAKE(value);
    return 0;
}
