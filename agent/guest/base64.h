/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_BASE64_H
#define GUEST_BASE64_H

#include <stddef.h>

/* Characters that `length` bytes become (RFC 4648, with padding), without a NUL. */
#define BASE64_LENGTH(length) (((length) + 2) / 3 * 4)

/* Writes BASE64_LENGTH(length) characters and no NUL. */
void base64_encode(const void *data, size_t length, char *ret_text);

#endif
