/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_SERVICES_H
#define GUEST_SERVICES_H

/* The interfaces of czoned, one adapter each: fields in, manager's nouns, JSON out. Userdata is the manager.
 */

#include "proto/service.h"

extern const struct varlink_interface container_service;
extern const struct varlink_interface zone_service;
extern const struct varlink_interface host_service;
extern const struct varlink_interface monitor_service;

#endif
