/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_CONTAINER_H
#define OCI_CONTAINER_H

/* The container of czoned's that a record is about. Each returns EXIT_SUCCESS, or EXIT_FAILURE and has told
 * why. */

#include "agent/oci/oci.h"

/* Reads the record of an id. That there is none is told as well. */
int container_record(const struct oci *oci, const char *id, json_t **ret_record);

/* The name of czoned's container, in calls. */
const char *container_name(const json_t *record);

/*
 * Looks it up.
 *
 * @ret  as czoned tells it, the caller's; NULL if czoned has none that is ours: forgotten, or never made
 */
int container_find(const struct oci *oci, const json_t *record, json_t **ret);

/* Both, for a command that has nothing to do without them: that czoned has none is told. Both results are the
 * caller's, also after a failure. */
int container_get(const struct oci *oci, const char *id, json_t **ret_record, json_t **ret_container);

/* Ends it, and forgets it when its memory has been dealt with. Accepts one that is not there. */
int container_end(const struct oci *oci, const json_t *record);

/* The same, and then its record is removed. */
int container_remove(const struct oci *oci, const char *id, const json_t *record);

#endif
