/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char units[] = "KMGT";

static int suffix_shift(const char *suffix, unsigned int *ret)
{
    const char *unit;
    char letter = *suffix;

    if (!letter || !strcasecmp(suffix, "B")) {
        *ret = 0;
        return 0;
    }
    if (letter >= 'a' && letter <= 'z')
        letter = (char)(letter - 'a' + 'A');
    unit = strchr(units, letter);
    if (!unit || (suffix[1] && strcasecmp(suffix + 1, "iB") != 0))
        return -EINVAL;
    *ret = 10u * (unsigned int)(unit - units + 1);
    return 0;
}

int size_parse(const char *text, int64_t *ret)
{
    uint64_t value = 0;
    unsigned int shift;
    const char *at = text;

    if (*at < '0' || *at > '9')
        return -EINVAL;
    for (; *at >= '0' && *at <= '9'; at++) {
        value = value * 10 + (uint64_t)(*at - '0');
        if (value > INT64_MAX)
            return -ERANGE;
    }
    while (*at == ' ')
        at++;
    if (suffix_shift(at, &shift) < 0)
        return -EINVAL;
    if (value > ((uint64_t)INT64_MAX >> shift))
        return -ERANGE;
    *ret = (int64_t)(value << shift);
    return 0;
}

const char *size_format(int64_t bytes, char buffer[SIZE_TEXT_MAX])
{
    uint64_t magnitude = bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;
    const char *sign = bytes < 0 ? "-" : "";
    unsigned int unit = 0;
    uint64_t tenths;

    while (unit < strlen(units) && magnitude >> (10u * (unit + 1)))
        unit++;
    if (!unit) {
        (void)snprintf(buffer, SIZE_TEXT_MAX, "%s%" PRIu64 " B", sign, magnitude);
        return buffer;
    }
    /* Rounded down: nothing is ever shown as more than it is, and 1023.99 MiB not as 1024. */
    tenths = ((magnitude & ((1ull << (10u * unit)) - 1)) >> (10u * (unit - 1))) * 10 / 1024;
    if (tenths)
        (void)snprintf(buffer, SIZE_TEXT_MAX, "%s%" PRIu64 ".%u %ciB", sign, magnitude >> (10u * unit),
                       (unsigned int)tenths, units[unit - 1]);
    else
        (void)snprintf(buffer, SIZE_TEXT_MAX, "%s%" PRIu64 " %ciB", sign, magnitude >> (10u * unit),
                       units[unit - 1]);
    return buffer;
}
