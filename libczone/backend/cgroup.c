/* SPDX-License-Identifier: Apache-2.0 */
/* Groups and their attribute files, by directory fd. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>

#include "../cleanup.h"
#include "attr.h"
#include "hierarchy.h"
#include "machine.h"

int cgroup_open(struct czone_sys *sys, const char *path)
{
    int fd = openat(sys->cgroup_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? -errno : fd;
}

int cgroup_create(struct czone_sys *sys, const char *name, char *path, size_t size)
{
    int n = snprintf(path, size, "%s/%s", sys->base, name);

    return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : hierarchy_create(sys, name);
}

static DIR *open_dir(int dir_fd, const char *path)
{
    int fd = openat(dir_fd, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *dir;

    if (fd < 0)
        return NULL;
    dir = fdopendir(fd);
    if (!dir)
        (void)close(fd);
    return dir;
}

static int remove_below(int dir_fd, const char *path, unsigned depth)
{
    cleanup_closedir DIR *dir = NULL;
    struct dirent *entry;
    int r;

    if (unlinkat(dir_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if ((errno != EBUSY && errno != ENOTEMPTY) || depth == 0)
        return errno == ENOTEMPTY ? -EBUSY : -errno;
    dir = open_dir(dir_fd, path);
    if (!dir)
        return errno == ENOENT ? 0 : -errno;
    while ((entry = readdir(dir))) {
        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = remove_below(dirfd(dir), entry->d_name, depth - 1);
        if (r < 0)
            return r;
    }
    if (unlinkat(dir_fd, path, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    return errno == ENOTEMPTY ? -EBUSY : -errno;
}

int cgroup_remove(struct czone_sys *sys, const char *path)
{
    enum { DEPTH_MAX = 32 }; /* a container may nest groups; each level holds a descriptor open */

    if (*path == '\0')
        return -EINVAL;
    return remove_below(sys->cgroup_fd, path, DEPTH_MAX);
}

int cgroup_write(struct czone_sys *sys, int cgroup_fd, const char *attribute, const char *value)
{
    (void)sys;
    return attr_write(cgroup_fd, attribute, value);
}

int cgroup_read(struct czone_sys *sys, int cgroup_fd, const char *attribute, char *buffer, size_t size)
{
    int r;

    (void)sys;
    r = attr_read(cgroup_fd, attribute, buffer, size);
    return r < 0 ? r : 0;
}

/* The field of a charge that a line of memory.numa_stat counts towards; NULL for lines that repeat others. */
static uint64_t *field_of(struct czone_sys_charge *charge, const char *key)
{
    static const char *const kernel[] = { "kernel_stack", "pagetables", "sec_pagetables", "slab_reclaimable",
                                          "slab_unreclaimable" };

    if (strcmp(key, "anon") == 0)
        return &charge->anon;
    if (strcmp(key, "file") == 0)
        return &charge->file;
    if (strcmp(key, "shmem") == 0)
        return &charge->shmem;
    for (size_t i = 0; i < sizeof(kernel) / sizeof(kernel[0]); i++)
        if (strcmp(key, kernel[i]) == 0)
            return &charge->kernel;
    return NULL;
}

/* Adds the columns of one line, " N0=4096 N1=0", to the field of each node. */
static void add_columns(const char *columns, const char *key, int32_t first, size_t n,
                        struct czone_sys_charge *charges)
{
    for (const char *p = columns; (p = strstr(p, "N")); p++) {
        uint64_t *field, bytes;
        int32_t node;

        if (sscanf(p, "N%" SCNd32 "=%" SCNu64, &node, &bytes) != 2)
            continue;
        if (node < first || (size_t)(node - first) >= n)
            continue;
        field = field_of(&charges[node - first], key);
        if (field)
            *field += bytes;
    }
}

int cgroup_charges(struct czone_sys *sys, int cgroup_fd, czone_node_id first, size_t n,
                   struct czone_sys_charge *ret_charges)
{
    cleanup_free char *text = NULL;
    char *rest;
    int r;

    (void)sys;
    r = attr_read_all(cgroup_fd, "memory.numa_stat", &text);
    if (r < 0)
        return r;
    memset(ret_charges, 0, n * sizeof(*ret_charges));
    rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        const char *key = strsep(&line, " ");

        if (line)
            add_columns(line, key, first.n, n, ret_charges);
    }
    return 0;
}

int cgroup_children(struct czone_sys *sys, int cgroup_fd, int (*fn)(void *data, const char *name), void *data)
{
    cleanup_closedir DIR *dir = NULL;
    struct dirent *entry;
    int r;

    (void)sys;
    dir = open_dir(cgroup_fd, ".");
    if (!dir)
        return -errno;
    while ((entry = readdir(dir))) {
        if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        r = fn(data, entry->d_name);
        if (r != 0)
            return r;
    }
    return 0;
}

int cgroup_watch(struct czone_sys *sys, int cgroup_fd, int inotify_fd)
{
    char path[64];
    int watch;

    (void)sys;
    /* inotify takes paths only; this one names the directory that is held open, wherever it is mounted. */
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/cgroup.events", cgroup_fd);
    watch = inotify_add_watch(inotify_fd, path, IN_MODIFY);
    return watch < 0 ? -errno : watch;
}

int cgroup_of(struct czone_sys *sys, pid_t pid, char *buffer, size_t size)
{
    char path[ATTR_PATH_MAX];
    cleanup_free char *text = NULL;
    char *rest;
    int r;

    if (pid <= 0)
        return -ESRCH;
    r = attr_path(path, sizeof(path), "", (uint64_t)pid, "/cgroup");
    if (r < 0)
        return r;
    r = attr_read_all(sys->proc_fd, path, &text);
    if (r < 0)
        return r == -ENOENT ? -ESRCH : r;
    rest = text;
    for (char *line; (line = strsep(&rest, "\n"));) {
        if (strncmp(line, "0::/", 4) != 0)
            continue;
        if ((size_t)snprintf(buffer, size, "%s", line + 4) >= size)
            return -ENAMETOOLONG;
        return 0;
    }
    return -EOPNOTSUPP;
}
