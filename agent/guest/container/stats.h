/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_STATS_H
#define GUEST_CONTAINER_STATS_H

/* What a container uses, read from the files of its cgroup: io.czone.Container, type Usage. */

#include <jansson.h>
#include <stdbool.h>

#include <czone/cgroup.h>

/*
 * Reads a cgroup once.
 *
 * @id     of the container, as it stands in the answer
 * @node   of its zone
 * @brief  leaves pressure, io and nodes out
 *
 * What this kernel does not tell is absent. Returns 0, -ENOMEM, -ENOENT or -ENODEV (the cgroup is gone), or
 * -EBADMSG or an errno of read() for the figures that every kernel has.
 */
int container_stats_read(struct czone_cgroup *cgroup, const char *id, int node, bool brief,
                         json_t **ret_stats);

#endif
