/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_OCI_OUTLINE_H
#define GUEST_OCI_OUTLINE_H

/*
 * What czoned has to know of a config.json that an OCI runtime will carry out: the program's name and
 * terminal, and the limits that decide the size of the zone. All the rest is the runtime's, and not looked
 * at, but for what would take the container out of its zone: memory nodes and memory policies are refused.
 */

#include "agent/guest/oci/config.h"

/*
 * As oci_config_read(), but for a runtime: args, tty, columns, rows, memory and pids, as far as the config
 * has them. Limits that mean "none" (below 1) are left out. Pure.
 */
int oci_outline_read(const char *text, size_t length, json_t **ret_spawn, struct varlink_fault *fault);

#endif
