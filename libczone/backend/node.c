/* SPDX-License-Identifier: Apache-2.0 */
/* NUMA nodes (Documentation/ABI/stable/sysfs-devices-node) and memory tiers. */
#include <errno.h>
#include <fcntl.h>

#include "../cleanup.h"
#include "../core/node_set.h"
#include "attr.h"
#include "machine.h"

static int read_set(int dir_fd, const char *path, struct node_set *ret_set)
{
    char text[NODE_SET_TEXT_MAX];
    int r;

    r = attr_read(dir_fd, path, text, sizeof(text));
    return r < 0 ? r : node_set_parse(text, ret_set);
}

/* Enters the tier of each node into tiers[]; the kernel lists only nodes that have memory now. */
static int read_tiers(struct czone_sys *sys, int tiers[static NODE_MAX])
{
    cleanup_closedir DIR *dir = NULL;
    struct dirent *entry;
    int fd, r;

    for (int i = 0; i < NODE_MAX; i++)
        tiers[i] = -1;
    fd = openat(sys->sysfs_fd, "devices/virtual/memory_tiering", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? 0 : -errno; /* Linux before 6.1 has no tiers */
    dir = fdopendir(fd);
    if (!dir) {
        r = -errno;
        (void)close(fd);
        return r;
    }
    while (errno = 0, (entry = readdir(dir))) {
        struct node_set nodes;
        char path[ATTR_PATH_MAX];
        uint64_t tier;

        if (attr_number(entry->d_name, "memory_tier", &tier) < 0 || tier > INT32_MAX)
            continue;
        r = attr_path(path, sizeof(path), "memory_tier", tier, "/nodelist");
        if (r < 0)
            return r;
        r = read_set(dirfd(dir), path, &nodes);
        if (r == -ENOENT) /* a tier goes with its last node */
            continue;
        if (r < 0)
            return r;
        for (czone_node_id node = node_set_next(&nodes, 0); node.n >= 0;
             node = node_set_next(&nodes, node.n + 1))
            tiers[node.n] = (int)tier;
    }
    return errno ? -errno : 0;
}

int node_list(struct czone_sys *sys, struct czone_sys_node **ret_nodes, size_t *ret_n)
{
    cleanup_free struct czone_sys_node *nodes = NULL;
    struct node_set possible, has_cpu;
    int tiers[NODE_MAX];
    size_t n = 0;
    int r;

    r = read_set(sys->node_fd, "possible", &possible);
    if (r < 0)
        return r;
    r = read_set(sys->node_fd, "has_cpu", &has_cpu);
    if (r < 0)
        return r;
    r = read_tiers(sys, tiers);
    if (r < 0)
        return r;
    nodes = calloc(node_set_count(&possible) + 1, sizeof(*nodes));
    if (!nodes)
        return -ENOMEM;
    for (czone_node_id node = node_set_next(&possible, 0); node.n >= 0;
         node = node_set_next(&possible, node.n + 1))
        nodes[n++] = (struct czone_sys_node){
            .id = node,
            .has_cpu = node_set_has(&has_cpu, node),
            .tier = tiers[node.n],
        };
    *ret_nodes = TAKE_PTR(nodes);
    *ret_n = n;
    return 0;
}
