/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_TEXT_H
#define PROTO_TEXT_H

/*
 * Hostile text into a JSON object. What would cost much or recurse is refused before jansson sees it:
 * jansson 2.14 nests 2048 deep, recurses without limit when it prints, and turns 1 MiB of `{},` into 79 MiB.
 *
 * Two things that JSON allows and jansson cannot hold are kept as something every field refuses, so that the
 * sender gets an error that names the field, not a closed connection:
 *   - an integer outside int64 becomes a real (its value is not kept);
 *   - \u0000 stays in its string, whose length then differs from strlen(): varlink_fields_decode() refuses
 * it.
 */

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/reason.h"

#define VARLINK_DEPTH_MAX  32u    /* of nested arrays and objects, the message itself included */
#define VARLINK_VALUES_MAX 32768u /* values in a message; bounds what jansson allocates to some 10 MiB */

/*
 * Checks text without building anything: UTF-8 (no overlong form, surrogate, NUL), depth, number of values.
 *
 * Returns 0, -EILSEQ (not UTF-8, or a NUL) or -E2BIG (too deep, too many values).
 */
int varlink_text_check(const char *text, size_t length, struct reason *reason);

/*
 * Checks and parses. Duplicate keys are refused.
 *
 * @text  not necessarily NUL-terminated
 * @ret   a JSON object; the caller owns it
 *
 * Returns 0, the errors of varlink_text_check(), -EBADMSG (not JSON, or not an object) or -ENOMEM.
 */
int varlink_text_parse(const char *text, size_t length, json_t **ret, struct reason *reason);

/*
 * Length of the UTF-8 character that `text` begins with, 1 to 4, or 0 if it does not begin with a valid one
 * (also when `length` cuts it).
 *
 * @ret_character  its code point; may be NULL
 */
unsigned int varlink_utf8_character(const char *text, size_t length, uint32_t *ret_character);

#endif
