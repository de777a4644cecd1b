/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_STORE_H
#define GUEST_CONTAINER_STORE_H

/*
 * What of a container outlives czoned: its directory, RUN/containers/ID, and in it state.json, which holds
 * what neither the keeper nor the zone's claim can tell, and env.json.
 */

#include "agent/guest/container/container.h"

/* Makes the directory of a container that has an id; without a state in it a restart takes it for damaged.
 * Returns 0, -EEXIST or errors of run_dir_make(). */
int container_store_make(struct container *container);

/* Writes all of it for the first time. Returns 0 or errors of run_dir_write(). */
int container_store_begin(const struct container *container);

/* Writes the state as it is now. A failure is logged: until the next one succeeds a restart knows the old. */
void container_store_save(const struct container *container);

/*
 * The environment that the container was given, which czoned itself does not keep in memory while it runs.
 *
 * @ret_env  array of strings "NAME=VALUE", empty without any; the caller's
 *
 * Returns 0, -EBADMSG (not as we write it), -ENOMEM or errors of run_dir_read().
 */
int container_store_env(const struct container *container, json_t **ret_env);

/* Removes the directory and all in it. A failure is logged. */
void container_store_remove(struct container *container);

/*
 * Fills in a container from what was saved: all but its lease, its program and its lists.
 *
 * @container  zeroed, with manager, id and dir_fd set
 *
 * Returns 0, -ENOENT, -ESTALE (of an earlier boot), -EBADMSG (not as we write it) or -ENOMEM; then what was
 * filled in is released again.
 */
int container_store_load(struct container *container);

#endif
