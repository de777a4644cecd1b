/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_OCI_CONFIG_H
#define GUEST_OCI_CONFIG_H

/*
 * A runtime-spec config.json (1.x, Linux) in Spawn's own words.
 *
 * The result is a set of parameters of Spawn, so that what decodes, keeps, launches and restores a container
 * knows nothing of bundles, and what a bundle says is checked exactly as what a caller says.
 *
 * Nothing is ignored but annotations. A member is accepted if the native launcher does what it says, or
 * something stricter that a program can't tell from it: the standard mounts with the launcher's own safe
 * flags, the masked paths it masks anyway. Members that ask for nothing (null, false, "", [] and {}) are
 * accepted everywhere. All else is an error that names the member by its place: `hooks.prestart`,
 * `mounts[3].options[1]`.
 *
 * What a config.json does not mention gets the launcher's defaults (no_new_privs, masked paths, /proc, /sys,
 * /dev), except for the namespaces mount, pid, ipc and uts: not to list one is to ask for the guest's.
 */

#include <jansson.h>

#include "proto/fields.h"

/* The longest config.json, in bytes: what a message may have, since it becomes one. */
#define OCI_CONFIG_MAX ((size_t)256 * 1024)

/*
 * Reads a config.json. Pure: looks at no file.
 *
 * @text       hostile; not necessarily NUL-terminated
 * @bundle     absolute path of the bundle, to which relative paths belong; without a slash at the end
 * @ret_spawn  parameters for Spawn, owned by the caller; memory and pids only if the config limits them
 * @fault      the member that is wrong, "config.json" for the text as such, and why; may not be NULL
 *
 * Returns 0, -EINVAL (then fault is set) or -ENOMEM.
 */
int oci_config_read(const char *text, size_t length, const char *bundle, json_t **ret_spawn,
                    struct varlink_fault *fault);

/* Where a parameter of Spawn comes from: "process.args" for "args". Returns the parameter itself if it comes
 * from no member of its own. Pure. */
const char *oci_config_member(const char *parameter);

#endif
