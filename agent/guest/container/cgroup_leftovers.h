/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_CGROUP_LEFTOVERS_H
#define GUEST_CONTAINER_CGROUP_LEFTOVERS_H

struct manager;

/*
 * Removes cgroups that an earlier czoned made for zones and was killed before it could bind: they have a
 * zone's name, no process, and no claim names them. Call it when czoned starts, before it makes any.
 *
 * @base  of czoned's cgroups, below the cgroup root
 *
 * What cannot be removed is logged, and stays.
 */
void cgroup_leftovers_clear(struct manager *manager, const char *base);

#endif
