/* SPDX-License-Identifier: Apache-2.0 */
#include "hierarchy.h"

#include <errno.h>
#include <fcntl.h>
#include <libcgroup.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "../cleanup.h"
#include "../core/failure_set.h"
#include "attr.h"
#include "machine.h"

/* What a group of ours needs. */
static const char *const controllers[] = { "cpuset", "memory", "pids" };
#define N_CONTROLLERS (sizeof(controllers) / sizeof(controllers[0]))

/* What a group of ours has where the kernel and the groups above allow it: limits and figures, nothing that a
 * zone depends on. */
static const char *const extras[] = { "cpu", "io" };
#define N_EXTRAS (sizeof(extras) / sizeof(extras[0]))

static void free_group(struct cgroup **group)
{
    cgroup_free(group);
}

static int to_errno(int error)
{
    int last = cgroup_get_last_errno();

    switch (error) {
    case 0:
        return 0;
    case ECGOTHER:
        return last > 0 ? -last : -EIO;
    case ECGROUPNOTALLOWED:
    case ECGROUPNOTOWNER:
        return -EACCES;
    case ECGROUPNOTMOUNTED:
    case ECGROUPSUBSYSNOTMOUNTED:
        return -EOPNOTSUPP;
    default:
        return -EIO;
    }
}

/* Whether `word` is one of the words of `text`. */
static bool has_word(const char *text, const char *word)
{
    size_t n = strlen(word);

    for (const char *p = text; (p = strstr(p, word)); p += n)
        if ((p == text || p[-1] == ' ') && (p[n] == ' ' || p[n] == '\0'))
            return true;
    return false;
}

static int check_controllers(struct czone_sys *sys, struct czone_failure *failure)
{
    char text[1024];
    int r;

    r = attr_read(sys->cgroup_fd, "cgroup.controllers", text, sizeof(text));
    if (r == -ENOENT)
        return failure_set(failure, -EOPNOTSUPP, CZONE_STAGE_CGROUP, CZONE_NODE_NONE,
                           "no cgroup v2 hierarchy at the cgroup root: mount one (mount -t cgroup2), or boot "
                           "without cgroup v1 (systemd.unified_cgroup_hierarchy=1)");
    if (r < 0)
        return failure_set(failure, r, CZONE_STAGE_CGROUP, CZONE_NODE_NONE,
                           "cannot read cgroup.controllers: %s", strerror(-r));
    for (size_t i = 0; i < N_CONTROLLERS; i++)
        if (!has_word(text, controllers[i]))
            return failure_set(
                failure, -EOPNOTSUPP, CZONE_STAGE_CGROUP, CZONE_NODE_NONE,
                "the %s controller is missing from cgroup v2: it is not built into this kernel, "
                "disabled (cgroup_disable=) or in use by cgroup v1",
                controllers[i]);
    return 0;
}

/* libcgroup finds the hierarchy by itself; make sure that it is the one we were told of. */
static int check_mount(struct czone_sys *sys, struct czone_failure *failure)
{
    cleanup_free char *mount_point = NULL;
    struct stat ours, theirs;
    int r;

    r = to_errno(cgroup_init());
    if (r == 0)
        r = to_errno(cgroup_get_subsys_mount_point(controllers[0], &mount_point));
    if (r == 0 && !mount_point)
        r = -EOPNOTSUPP;
    if (r != 0) {
        (void)failure_set(failure, r, CZONE_STAGE_CGROUP, CZONE_NODE_NONE,
                          "libcgroup finds no cgroup v2 hierarchy: %s", strerror(-r));
        return r;
    }
    if (fstat(sys->cgroup_fd, &ours) < 0 || stat(mount_point, &theirs) < 0)
        return -errno;
    if (ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino)
        return failure_set(failure, -EOPNOTSUPP, CZONE_STAGE_CGROUP, CZONE_NODE_NONE,
                           "the cgroup root is not the mounted hierarchy, which is at %s", mount_point);
    return 0;
}

static int create_with_controllers(const char *path)
{
    cleanup_with(free_group) struct cgroup *group = NULL;

    group = cgroup_new_cgroup(path);
    if (!group)
        return -ENOMEM;
    for (size_t i = 0; i < N_CONTROLLERS; i++)
        if (!cgroup_add_controller(group, controllers[i]))
            return -ENOMEM;
    return to_errno(cgroup_create_cgroup(group, 1));
}

/* Each group on the way, from the top: libcgroup 2.0 wants the one above to be there. */
static int create_all(const char *path)
{
    cleanup_free char *copy = strdup(path);
    int r = 0;

    if (!copy)
        return -ENOMEM;
    for (char *p = copy; p && r == 0;) {
        p = strchr(p, '/');
        if (p)
            *p = '\0';
        r = create_with_controllers(copy);
        if (p)
            *p++ = '/';
    }
    return r;
}

/* Each directory of the path: a captured tree has no controllers to be switched on. */
static int create_plain(int root_fd, const char *path)
{
    cleanup_free char *copy = strdup(path);

    if (!copy)
        return -ENOMEM;
    for (char *p = copy; p;) {
        p = strchr(p, '/');
        if (p)
            *p = '\0';
        if (mkdirat(root_fd, copy, 0755) < 0 && errno != EEXIST)
            return -errno;
        if (p)
            *p++ = '/';
    }
    return 0;
}

/* Whether the base is there and gives its leaves the controllers, as after another process's
 * hierarchy_open(). */
static bool base_is_ready(struct czone_sys *sys)
{
    cleanup_close int fd = -EBADF;
    char text[1024];

    fd = openat(sys->cgroup_fd, sys->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || attr_read(fd, "cgroup.subtree_control", text, sizeof(text)) < 0)
        return false;
    for (size_t i = 0; i < N_CONTROLLERS; i++)
        if (!has_word(text, controllers[i]))
            return false;
    return true;
}

/* Whether a group passes a controller on to those below it, now or already before. */
static bool pass_on(int group_fd, const char *controller)
{
    char text[1024], word[16];

    if (attr_read(group_fd, "cgroup.subtree_control", text, sizeof(text)) < 0)
        return false;
    if (has_word(text, controller))
        return true;
    if (attr_read(group_fd, "cgroup.controllers", text, sizeof(text)) < 0 || !has_word(text, controller))
        return false;
    (void)snprintf(word, sizeof(word), "+%s", controller);
    return attr_write(group_fd, "cgroup.subtree_control", word) == 0;
}

/* From the root down to the base, as far as it goes. Not through libcgroup: one controller that cannot be had
 * (cpu, while a real-time process is somewhere below) would cost us the others. */
static void add_extras(struct czone_sys *sys)
{
    for (size_t i = 0; i < N_EXTRAS; i++) {
        cleanup_free char *path = strdup(sys->base);
        bool on = path && pass_on(sys->cgroup_fd, extras[i]);

        for (char *p = path; on && p;) {
            cleanup_close int fd = -EBADF;

            p = strchr(p, '/');
            if (p)
                *p = '\0';
            fd = openat(sys->cgroup_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            on = fd >= 0 && pass_on(fd, extras[i]);
            if (p)
                *p++ = '/';
        }
    }
}

static int make_base(struct czone_sys *sys, struct czone_failure *failure)
{
    cleanup_free char *leaf = NULL;
    int r;

    if (!sys->is_cgroup2)
        return create_plain(sys->cgroup_fd, sys->base);
    if (base_is_ready(sys))
        return 0;
    r = check_mount(sys, failure);
    if (r < 0)
        return r;
    if (asprintf(&leaf, "%s/%s", sys->base, HELPER_CGROUP) < 0)
        return -ENOMEM;
    r = create_all(leaf);
    if (r < 0)
        return failure_set(failure, r, CZONE_STAGE_CGROUP, CZONE_NODE_NONE,
                           "cannot make the cgroup %s with its controllers: %s", sys->base, strerror(-r));
    return 0;
}

int hierarchy_open(struct czone_sys *sys, struct czone_failure *failure)
{
    int r;

    r = check_controllers(sys, failure);
    if (r < 0)
        return r;
    r = make_base(sys, failure);
    if (r < 0)
        return r;
    sys->base_fd = openat(sys->cgroup_fd, sys->base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (sys->base_fd < 0)
        return failure_set(failure, -errno, CZONE_STAGE_CGROUP, CZONE_NODE_NONE,
                           "cannot open the cgroup %s: %s", sys->base, strerror(errno));
    if (sys->is_cgroup2)
        add_extras(sys);
    return 0;
}

int hierarchy_create(struct czone_sys *sys, const char *name)
{
    int fd;

    /* The base has the controllers on for all its leaves: one mkdir() is all it takes, and libcgroup's
     * tables would cost more than that. */
    if (mkdirat(sys->base_fd, name, 0755) < 0)
        return -errno;
    fd = openat(sys->base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        int r = -errno;

        (void)unlinkat(sys->base_fd, name, AT_REMOVEDIR);
        return r;
    }
    return fd;
}
