/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_OCI_BUNDLE_H
#define GUEST_OCI_BUNDLE_H

/* Spawn with `bundle`: the request together with the bundle's config.json becomes a plain request. */

#include <jansson.h>

#include "proto/fields.h"

/*
 * Checks a request that has `bundle` without looking at the bundle: a parameter that config.json says must
 * not be given a second time.
 *
 * @request  parameters of Spawn
 *
 * Returns 1 (a good one), 0 (a request without bundle) or -EINVAL with a fault that names the parameter.
 */
int bundle_check(json_t *request, struct varlink_fault *fault);

/*
 * Reads the bundle's config.json and makes the request that means both.
 *
 * memory and pids may be given by either; by both only if they are equal, since the config's is a limit that
 * has to hold.
 *
 * @request     one for which bundle_check() returned 1; not changed
 * With a runtime other than the native launcher only what czoned has to know is read (outline.h), and bundle
 * and runtime stay in the request.
 *
 * @ret_spawn   parameters of Spawn, without bundle for the native launcher; the caller owns them
 * @fault       the member of config.json that is wrong, or "config.json" if it cannot be read
 *
 * May block on the file system of the bundle. Returns 0, -EINVAL, -ENOENT or other errors of open() and
 * read() (all of these with a fault), or -ENOMEM.
 */
int bundle_expand(json_t *request, json_t **ret_spawn, struct varlink_fault *fault);

#endif
