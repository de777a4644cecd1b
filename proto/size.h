/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_SIZE_H
#define PROTO_SIZE_H

/* Sizes as people write and read them. A unit is always a power of 1024. */

#include <stdint.h>

#define SIZE_TEXT_MAX 24

/*
 * Reads `134217728`, `128M`, `128MiB`, `1 GiB`: a whole number and K, M, G or T, with or without `iB`, in
 * either case. `MB` is refused, because half of its users mean 10^6.
 *
 * Returns 0, -EINVAL (not a size) or -ERANGE (above INT64_MAX, which the protocol cannot carry).
 */
int size_parse(const char *text, int64_t *ret);

/* Prints with the largest unit that leaves at least 1, with one decimal where it is not whole. Returns
 * `buffer`. */
const char *size_format(int64_t bytes, char buffer[SIZE_TEXT_MAX]);

#endif
