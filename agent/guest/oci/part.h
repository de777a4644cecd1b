/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_OCI_PART_H
#define GUEST_OCI_PART_H

/* The parts of a config.json, and what they share. Only for oci_*.c. */

#include <stdint.h>

#include "agent/guest/oci/config.h"

/* What is known so far. */
struct oci_reading {
    const char *bundle;        /* borrowed */
    json_t *spawn;             /* owned */
    const json_t *uids, *gids; /* linux.uidMappings and gidMappings, borrowed; NULL: none */
    struct varlink_fault *fault;
};

/* Each reads one part into reading->spawn. Returns 0, -EINVAL (with a fault) or -ENOMEM. */
int oci_process_read(struct oci_reading *reading, json_t *process);
int oci_mounts_read(struct oci_reading *reading, json_t *mounts);
int oci_linux_read(struct oci_reading *reading, json_t *linux_part);

/* process.consoleSize: columns and rows, where they are known. As the above. */
int oci_console_read(struct oci_reading *reading, json_t *console);

/* The text of a config.json as a JSON document, which the caller owns. Returns 0, -EINVAL (with a fault) or
 * -ENOMEM. */
int oci_document_read(const char *text, size_t length, json_t **ret_document, struct varlink_fault *fault);

/*
 * Refuses members that runtime-spec has and the native launcher has not, if they ask for something; takes
 * those out that don't, so that a field table, which comes next, need not know them.
 *
 * @object  may be NULL
 * @place   of the object, "" for the whole
 * @names   NULL-terminated
 *
 * Returns 0 or -EINVAL.
 */
int oci_refuse(struct oci_reading *reading, json_t *object, const char *place, const char *const *names);

/* A field table over an object; as varlink_object_decode(), and place may be "". */
int oci_decode(struct oci_reading *reading, json_t *object, const char *place,
               const struct varlink_field *fields, size_t n_fields, void *target);

/* Sets a parameter of Spawn; consumes value, also on failure. Returns 0 or -ENOMEM. */
int oci_put(struct oci_reading *reading, const char *parameter, json_t *value);

/* A path as the bundle means it: as it is, or below the bundle. Returns a new JSON string or NULL. */
json_t *oci_path(const struct oci_reading *reading, const char *path);

#endif
