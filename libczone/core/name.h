/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_NAME_H
#define CZONE_CORE_NAME_H

#include <stdbool.h>

/* Whether `name` may name a zone or a cgroup: 1 to CZONE_ZONE_NAME_MAX of the characters that czone/zone.h
 * allows. Such a name is one safe path component. NULL is not a name. */
bool name_is_valid(const char *name);

#endif
