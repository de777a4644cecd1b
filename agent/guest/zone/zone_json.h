/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_ZONE_JSON_H
#define GUEST_ZONE_ZONE_JSON_H

/* The machine's memory as io.czone.Zone shows it. */

#include <jansson.h>

#include <czone/verify.h>

struct manager;

/* The reply of Zone.List, with every memory block if asked for. Reads the kernel's settings and four files
 * per bound zone. NULL without memory. */
json_t *zones_to_json(struct manager *manager, bool blocks);

json_t *verification_to_json(const struct czone_zone_info *info, const struct czone_verification *found);

#endif
