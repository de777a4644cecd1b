/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

static const struct czone_backend backend_linux = {
    .size = sizeof(struct czone_backend),
    .name = "linux",
    .open = machine_open,
    .close = machine_close,
    .block_size = block_size,
    .nodes = node_list,
    .blocks = block_list,
    .block = block_read,
    .usage = usage_read,
    .capacity = capacity_read,
    .migrated = usage_migrated,
    .dangers = danger_list,
    .settle = usage_settle,
    .boot_id = machine_boot_id,
    .fork = helper_fork,
    .block_peek = block_peek,
    .block_set = block_set,
    .cgroup_open = cgroup_open,
    .cgroup_create = cgroup_create,
    .cgroup_remove = cgroup_remove,
    .cgroup_write = cgroup_write,
    .cgroup_read = cgroup_read,
    .cgroup_charges = cgroup_charges,
    .cgroup_children = cgroup_children,
    .cgroup_watch = cgroup_watch,
    .cgroup_of = cgroup_of,
    .uevents_open = uevents_open,
    .uevents_fd = uevents_fd,
    .uevents_next = uevents_next,
    .uevents_close = uevents_close,
};

const struct czone_backend *czone_backend_linux(void)
{
    return &backend_linux;
}
