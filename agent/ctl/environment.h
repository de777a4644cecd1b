/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_ENVIRONMENT_H
#define CTL_ENVIRONMENT_H

/* A container's environment, from -e and --env-file. */

#include <jansson.h>

#include "agent/ctl/ctl.h"

/*
 * Collects NAME=VALUE strings: first the file's, then those of the command line, so that the latter win.
 * `NAME` alone takes the value from our own environment, and nothing if it is not set there.
 *
 * @file   lines of NAME=VALUE; empty lines and those that begin with `#` are skipped. NULL: none
 * @items  array of strings; NULL: none
 * @ret    an array, or NULL if there is nothing; the caller's
 */
enum exit_code environment_collect(const struct ctl *ctl, const char *file, const json_t *items,
                                   json_t **ret);

#endif
