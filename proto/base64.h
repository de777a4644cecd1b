/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_BASE64_H
#define PROTO_BASE64_H

/*
 * Base64 of RFC 4648, section 4, with padding: how JSON carries the bytes of a log. Pure; no function blocks.
 */
#include <stddef.h>

/* Characters that `length` bytes become, without a NUL. */
#define BASE64_LENGTH(length) (((length) + 2) / 3 * 4)

/* Writes BASE64_LENGTH(length) characters and no NUL. */
void base64_encode(const void *data, size_t length, char *ret_text);

/*
 * Decodes, strictly: full quads, padding only at the end, no line breaks, one text for one value.
 *
 * text: NUL-terminated. ret: the bytes; the caller frees them; never NULL on success, also for no bytes.
 * Returns 0, -EBADMSG (not base64) or -ENOMEM.
 */
int base64_decode(const char *text, unsigned char **ret, size_t *ret_length);

#endif
