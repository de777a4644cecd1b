/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/base64.h"

#include <stdint.h>

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
