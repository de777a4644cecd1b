/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/base64.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

void base64_encode(const void *data, size_t length, char *ret_text)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const unsigned char *bytes = data;

    for (size_t i = 0; i < length; i += 3) {
        uint32_t group = (uint32_t)bytes[i] << 16;

        group |= i + 1 < length ? (uint32_t)bytes[i + 1] << 8 : 0;
        group |= i + 2 < length ? bytes[i + 2] : 0;
        *ret_text++ = digits[group >> 18];
        *ret_text++ = digits[group >> 12 & 63];
        *ret_text++ = i + 1 < length ? digits[group >> 6 & 63] : '=';
        *ret_text++ = i + 2 < length ? digits[group & 63] : '=';
    }
}

static int digit(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return letter - 'A';
    if (letter >= 'a' && letter <= 'z')
        return letter - 'a' + 26;
    if (letter >= '0' && letter <= '9')
        return letter - '0' + 52;
    if (letter == '+')
        return 62;
    return letter == '/' ? 63 : -1;
}

/* Decodes four letters, the last `padding` of which are '='. Returns how many bytes came out, or -EBADMSG. */
static int decode_quad(const char *quad, unsigned int padding, unsigned char *out)
{
    uint32_t bits = 0;

    for (unsigned int i = 0; i < 4; i++) {
        int value = i < 4 - padding ? digit(quad[i]) : 0;

        if (value < 0 || (i >= 4 - padding && quad[i] != '='))
            return -EBADMSG;
        bits = bits << 6 | (uint32_t)value;
    }
    /* Bits that no byte uses must be zero: one text for one value. */
    if (padding && bits & ((1u << (8 * padding)) - 1))
        return -EBADMSG;
    for (unsigned int i = 0; i < 3 - padding; i++)
        out[i] = (unsigned char)(bits >> (16 - 8 * i));
    return (int)(3 - padding);
}

int base64_decode(const char *text, unsigned char **ret, size_t *ret_length)
{
    size_t length = strlen(text), used = 0;
    unsigned char *bytes;

    if (length % 4)
        return -EBADMSG;
    bytes = malloc(length / 4 * 3 + 1);
    if (!bytes)
        return -ENOMEM;
    for (size_t i = 0; i < length; i += 4) {
        unsigned int padding = 0;
        int r;

        if (i + 4 == length && text[i + 3] == '=')
            padding = text[i + 2] == '=' ? 2 : 1;
        r = decode_quad(text + i, padding, bytes + used);
        if (r < 0) {
            free(bytes);
            return r;
        }
        used += (size_t)r;
    }
    *ret = bytes;
    *ret_length = used;
    return 0;
}
