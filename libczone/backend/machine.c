/* SPDX-License-Identifier: Apache-2.0 */
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../cleanup.h"
#include "../core/failure_set.h"
#include "attr.h"
#include "hierarchy.h"

void machine_close(struct czone_sys *sys)
{
    if (!sys)
        return;

    int *fds[] = { &sys->sysfs_fd,  &sys->memory_fd, &sys->node_fd,  &sys->proc_fd,
                   &sys->cgroup_fd, &sys->base_fd,   &sys->helper_fd };

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        cleanup_close_fd(fds[i]);
    providers_done(&sys->providers);
    capacities_done(&sys->capacities);
    free(sys->base);
    free(sys->helper_nodes);
    free(sys);
}

static void cleanup_machine(struct czone_sys **sys)
{
    machine_close(*sys);
}

static int open_root(const char *path, int *fd, struct czone_failure *failure)
{
    *fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return failure_set(failure, -errno, CZONE_STAGE_SCAN, CZONE_NODE_NONE, "cannot open %s: %s", path,
                           strerror(errno));
    return 0;
}

static int open_below(struct czone_sys *sys, const char *path, int *fd, const char *option,
                      struct czone_failure *failure)
{
    *fd = openat(sys->sysfs_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0)
        return failure_set(failure, -errno, CZONE_STAGE_SCAN, CZONE_NODE_NONE,
                           "cannot open %s below sysfs: %s; the kernel needs %s", path, strerror(errno),
                           option);
    return 0;
}

int machine_open(const struct czone_ctx_options *options, struct czone_sys **ret_sys,
                 struct czone_failure *failure)
{
    cleanup_with(cleanup_machine) struct czone_sys *sys = NULL;
    struct statfs fs;
    int r;

    sys = calloc(1, sizeof(*sys));
    if (!sys)
        return -ENOMEM;
    sys->sysfs_fd = sys->memory_fd = sys->node_fd = sys->proc_fd = sys->cgroup_fd = sys->base_fd =
        sys->helper_fd = -EBADF;
    sys->base = strdup(options->cgroup_base);
    if (!sys->base)
        return -ENOMEM;
    r = open_root(options->sysfs_root, &sys->sysfs_fd, failure);
    if (r < 0)
        return r;
    r = open_root(options->proc_root, &sys->proc_fd, failure);
    if (r < 0)
        return r;
    r = open_below(sys, "devices/system/memory", &sys->memory_fd, "CONFIG_MEMORY_HOTPLUG", failure);
    if (r < 0)
        return r;
    r = open_below(sys, "devices/system/node", &sys->node_fd, "CONFIG_NUMA", failure);
    if (r < 0)
        return r;
    r = open_root(options->cgroup_root, &sys->cgroup_fd, failure);
    if (r < 0)
        return r;
    if (fstatfs(sys->cgroup_fd, &fs) < 0)
        return -errno;
    sys->is_cgroup2 = fs.f_type == CGROUP2_SUPER_MAGIC;
    r = hierarchy_open(sys, failure);
    if (r < 0)
        return r;
    *ret_sys = TAKE_PTR(sys);
    return 0;
}

int machine_boot_id(struct czone_sys *sys, char *buffer, size_t size)
{
    int r = attr_read(sys->proc_fd, "sys/kernel/random/boot_id", buffer, size);

    return r < 0 ? r : 0;
}
