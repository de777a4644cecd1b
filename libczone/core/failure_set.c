/* SPDX-License-Identifier: Apache-2.0 */
#include "failure_set.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* vsnprintf() may have cut a multi-byte character in two: such a tail is dropped. */
static void cut_at_character(char *text)
{
    size_t length = strlen(text);
    size_t start = length;

    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;

    unsigned char lead = (unsigned char)text[start - 1];
    size_t have = length - start + 1;
    size_t wanted = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (have < wanted)
        text[start - 1] = '\0';
}

__attribute__((format(printf, 5, 0))) static void fill(struct czone_failure *failure, int error,
                                                       enum czone_stage stage, czone_node_id node,
                                                       const char *format, va_list args)
{
    *failure = (struct czone_failure){ .error = error, .stage = stage, .node = node };
    int length = vsnprintf(failure->message, sizeof(failure->message), format, args);
    if (length >= (int)sizeof(failure->message))
        cut_at_character(failure->message);
}

int(failure_set)(struct czone_failure *failure, int error, enum czone_stage stage, czone_node_id node,
                 const char *format, ...)
{
    if (!failure)
        return error;

    va_list args;
    va_start(args, format);
    fill(failure, error, stage, node, format, args);
    va_end(args);
    return error;
}

int failure_set_block(struct czone_failure *failure, int error, enum czone_stage stage, czone_node_id node,
                      czone_block_id block, const char *format, ...)
{
    if (!failure)
        return error;

    va_list args;
    va_start(args, format);
    fill(failure, error, stage, node, format, args);
    va_end(args);
    failure->block = block;
    failure->has_block = true;
    return error;
}
