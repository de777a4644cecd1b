/* SPDX-License-Identifier: Apache-2.0 */
#include "name.h"

#include <string.h>

#include <czone/zone.h>

/* Not isalnum(): that depends on the locale. */
static bool is_name_character(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
}

bool name_is_valid(const char *name)
{
    if (!name || name[0] == '\0' || name[0] == '.')
        return false;

    size_t length = strnlen(name, CZONE_ZONE_NAME_MAX + 1);
    if (length > CZONE_ZONE_NAME_MAX)
        return false;
    for (size_t i = 0; i < length; i++)
        if (!is_name_character(name[i]))
            return false;
    return true;
}
