/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_PROCESS_H
#define OCI_PROCESS_H

/* The file of exec's --process: a `process` of runtime-spec. */

#include "agent/oci/oci.h"

/*
 * Puts what it says into the parameters of Exec. What Exec has no parameter for is the container's own, as
 * its config.json says it; a file that wants it otherwise is refused, with the member's name.
 *
 * @own      the container's process, from its record
 * @request  gets args, env, cwd, user, groups, tty, columns and rows
 *
 * Returns EXIT_SUCCESS, or EXIT_FAILURE and has told why.
 */
int process_read(const struct oci *oci, const char *path, const json_t *own, json_t *request);

#endif
