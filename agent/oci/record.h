/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_RECORD_H
#define OCI_RECORD_H

/*
 * What is kept of a container between two runs of czone-oci: ROOT/ID/state.json. The container itself, and
 * all that can be asked about it, is czoned's.
 */

#include "agent/oci/oci.h"

/* Longest id of a container of czoned, with its NUL (CZONE_ZONE_NAME_MAX). */
#define RECORD_CONTAINER_SIZE 64

/*
 * Takes an id for as long as *ret_claim, an fd of the caller's, is open: makes its directory, which may be
 * there already, with a record or not, and locks it. So a create that was killed holds none.
 *
 * Returns 0, or -EEXIST (somebody has it), -EINVAL (letters, digits, '_', '+', '-', '.', not "." or "..", up
 * to 255), or errors of mkdir(2).
 */
int record_claim(const struct oci *oci, const char *id, int *ret_claim);

/*
 * Writes the record; the id must be claimed. The file is there whole or not at all. It is an object:
 *
 *   ociVersion, bundle, annotations   what state prints
 *   container   the name of czoned's
 *   key         that it was spawned with: another container of that name is not ours
 *   pid         of the stand-in; 0: create is not complete, and if nobody has the claim, never will be
 *   process     of the config.json, without args and env
 *
 * Returns 0 or a negative errno.
 */
int record_write(const struct oci *oci, const char *id, const json_t *record);

/* Returns 0 and the record, the caller's; -ENOENT; -EBADMSG (not one of ours); or another negative errno. */
int record_read(const struct oci *oci, const char *id, json_t **ret_record);

/* Gives an id back, by who has the claim. Returns 0 or a negative errno; -ENOENT is none. */
int record_remove(const struct oci *oci, const char *id);

/*
 * The same by who has not: only if the record still has this key (or there is none) and nobody has the id. A
 * create that has it is given a moment to end, since what it makes is gone already; then the record is its
 * own to remove. Returns as that.
 */
int record_forget(const struct oci *oci, const char *id, const json_t *key);

/* The name of czoned's container for an id: the id, or, where that is too long or has a '+', what is left of
 * it and a hash. Pure. */
void record_container(const char *id, char container[RECORD_CONTAINER_SIZE]);

#endif
