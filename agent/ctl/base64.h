/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_BASE64_H
#define CTL_BASE64_H

/* Base64 of RFC 4648, section 4, as Logs carries bytes. */

#include <stddef.h>

/*
 * Decodes, strictly: full quads, padding only at the end, no line breaks.
 *
 * @text    NUL-terminated
 * @ret     the bytes; the caller frees them. Never NULL on success, also for no bytes
 *
 * Returns 0, -EBADMSG (not base64) or -ENOMEM.
 */
int base64_decode(const char *text, unsigned char **ret, size_t *ret_length);

#endif
