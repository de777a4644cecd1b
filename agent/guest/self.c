/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/self.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <czone/cgroup.h>
#include <czone/inventory.h>

#include "agent/guest/log.h"
#include "proto/cleanup.h"

#define LEAF         "daemon"
#define DEFAULT_BASE "czone"
#define BLOCK_SIZE   "/sys/devices/system/memory/block_size_bytes"
#define V1_HIERARCHY "/sys/fs/cgroup/memory"

static int check_kernel(void)
{
    struct statfs fs;

    if (access(BLOCK_SIZE, R_OK) < 0) {
        if (access("/sys/kernel", F_OK) < 0)
            return log_fail(-ENOENT, "sysfs is not mounted: mount -t sysfs sysfs /sys");
        return log_fail(-ENOENT, "%s is missing: this kernel has no memory hot-plug (CONFIG_MEMORY_HOTPLUG)",
                        BLOCK_SIZE);
    }
    if (statfs(SELF_CGROUP_ROOT, &fs) == 0 && fs.f_type == CGROUP2_SUPER_MAGIC)
        return 0;
    if (access(V1_HIERARCHY, F_OK) == 0)
        return log_fail(-EOPNOTSUPP,
                        "%s has the old cgroup hierarchies (v1) only; czoned needs cgroup v2: boot with "
                        "systemd.unified_cgroup_hierarchy=1, or mount -t cgroup2 cgroup2 %s",
                        SELF_CGROUP_ROOT, SELF_CGROUP_ROOT);
    return log_fail(-ENOENT, "cgroup v2 is not mounted: mount -t cgroup2 cgroup2 %s", SELF_CGROUP_ROOT);
}

/* The cgroup v2 line of our own membership, without its leading slash: cgroups(7). */
static int own_cgroup(char *path, size_t size)
{
    CLEANUP_FREE char *line = NULL;
    size_t allocated = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    int r = -ENOENT;

    if (file == NULL)
        return -errno;
    while (r < 0 && getline(&line, &allocated, file) > 0) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        r = snprintf(path, size, "%s", line + 4) < (int)size ? 0 : -ENAMETOOLONG;
    }
    (void)fclose(file);
    return r;
}

/* systemd marks what it has delegated (docs/CGROUP_DELEGATION.md). */
static bool delegated(const char *cgroup)
{
    static const char *const names[] = { "trusted.delegate", "user.delegate" };
    char path[320], value[2];

    (void)snprintf(path, sizeof(path), "%s/%s", SELF_CGROUP_ROOT, cgroup);
    for (size_t i = 0; i < 2; i++)
        if (getxattr(path, names[i], value, sizeof(value)) == 1 && value[0] == '1')
            return true;
    return false;
}

static int move_into_leaf(const char *base)
{
    CLEANUP_FD int fd = -EBADF;
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s/%s", SELF_CGROUP_ROOT, base, LEAF);
    if (mkdir(path, 0755) < 0 && errno != EEXIST)
        return log_fail(-errno, "cannot make the cgroup %s: %s", path, strerror(errno));
    (void)snprintf(path, sizeof(path), "%s/%s/%s/cgroup.procs", SELF_CGROUP_ROOT, base, LEAF);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) < 0)
        return log_fail(-errno, "cannot move into %s: %s", path, strerror(errno));
    return 0;
}

int self_prepare(struct self *self, const char *cgroup)
{
    char own[sizeof(self->base)] = "";
    int r;

    *self = (struct self){ 0 };
    r = check_kernel();
    if (r < 0)
        return r;
    r = own_cgroup(own, sizeof(own));
    if (r < 0)
        return log_fail(r, "cannot read our own cgroup from /proc/self/cgroup: %s", strerror(-r));
    if (cgroup == NULL)
        cgroup = own[0] != '\0' && delegated(own) ? own : DEFAULT_BASE;
    if (snprintf(self->base, sizeof(self->base), "%s", cgroup) >= (int)sizeof(self->base))
        return log_fail(-ENAMETOOLONG, "the cgroup's path is longer than %zu bytes", sizeof(self->base) - 1);
    if (strcmp(self->base, own) != 0)
        return 0;
    r = move_into_leaf(self->base);
    self->moved = r == 0;
    return r;
}

/* "0" or "0,2": the nodes with the kernel's own memory. */
static void home_nodes(const struct czone_ctx *ctx, char *text, size_t size)
{
    const struct czone_node *nodes;
    size_t n = czone_inventory_nodes(ctx, &nodes), length = 0;

    text[0] = '\0';
    for (size_t i = 0; i < n && length < size; i++)
        if (nodes[i].role == CZONE_NODE_HOME)
            length += (size_t)snprintf(text + length, size - length, "%s%d", length > 0 ? "," : "",
                                       (int)nodes[i].id.n);
}

int self_confine(struct self *self, struct czone_ctx *ctx)
{
    struct czone_cgroup *leaf = NULL;
    char path[320], home[256];
    int r;

    if (!self->moved) {
        r = move_into_leaf(self->base);
        if (r < 0)
            return r;
        self->moved = true;
    }
    (void)snprintf(path, sizeof(path), "%s/%s", self->base, LEAF);
    home_nodes(ctx, home, sizeof(home));
    r = czone_cgroup_open(ctx, path, &leaf);
    if (r == 0)
        r = czone_cgroup_write(leaf, "cpuset.mems", home);
    /* Whoever calls is not to wait for busy containers. Without the cpu controller there is no such file. */
    if (r == 0 && czone_cgroup_write(leaf, "cpu.weight", "10000") < 0)
        log_debug("without the cpu controller czoned shares the CPUs with the containers evenly");
    czone_cgroup_unref(leaf);
    return r < 0 ? log_fail(r, "cannot confine czoned to the home nodes (%s/cpuset.mems = %s): %s", path,
                            home, strerror(-r))
                 : 0;
}

void self_protect(void)
{
    CLEANUP_FD int fd = -EBADF;

    if (geteuid() != 0)
        return;
    fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "-999", 4) < 0)
        log_warning("cannot set our own oom_score_adj: %s", strerror(errno));
}

void self_raise_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        log_warning("cannot raise our own limit of open files: %s", strerror(errno));
}
