/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/tree.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/guest/launch/dev.h"
#include "agent/guest/launch/guest_mounts.h"
#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

#define NOTHING_BUT_DATA (MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)

/* What tells about, or reaches, more than the container. The list of moby and crun, plus the page frames,
 * which show the memory of the neighbours. */
static const char *const proc_masked[] = {
    "acpi",       "asound",        "interrupts",  "kcore", "keys",       "kpagecgroup", "kpagecount",
    "kpageflags", "latency_stats", "sched_debug", "scsi",  "timer_list", "timer_stats",
};
static const char *const proc_read_only[] = { "bus", "fs", "irq", "sys", "sysrq-trigger" };
static const char *const sys_masked[] = { "firmware", "devices/virtual/powercap" };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static uint64_t attributes_of(const struct launch_root *root)
{
    return MOUNT_ATTR_NODEV | MOUNT_ATTR_NOSUID | (root->own ? MOUNT_ATTR_RDONLY : 0);
}

int launch_tree_copy(const struct launch_root *root)
{
    if (root->own)
        return launch_mount_copy_one(root->fd, "", attributes_of(root));
    return launch_mount_copy(root->fd, "", attributes_of(root));
}

/* Mounts on a directory of the root, which is made where it is missing (not in the guest's own root). */
static int attach_at(int root, const char *path, int mount)
{
    CLEANUP_FD int target = launch_mount_target(root, path);

    if (target == -ENOENT) {
        if (mkdirat(root, path, 0755) < 0 && errno != EEXIST)
            return -errno;
        target = launch_mount_target(root, path);
    }
    return target < 0 ? target : launch_mount_attach(mount, target);
}

/* Covers files with /dev/null and directories with an empty one. empty: -EBADF until the first directory. */
static int mask(int fs, const char *path, int dev, int *empty)
{
    CLEANUP_FD int target = launch_mount_target(fs, path);
    CLEANUP_FD int cover = -EBADF;
    struct stat st;
    int r;

    if (target == -ENOENT)
        return 0; /* not in this kernel */
    if (target < 0)
        return target;
    if (fstat(target, &st) < 0)
        return -errno;
    if (S_ISDIR(st.st_mode) && *empty < 0) {
        *empty = launch_mount_new_tmpfs("0755", 0, NOTHING_BUT_DATA | MOUNT_ATTR_RDONLY);
        return *empty < 0 ? *empty : launch_mount_attach(*empty, target);
    }
    cover =
        S_ISDIR(st.st_mode) ? launch_mount_copy_one(*empty, "", 0) : launch_mount_copy_one(dev, "null", 0);
    if (cover < 0)
        return cover;
    r = launch_mount_attach(cover, target);
    return r;
}

static int make_read_only(int fs, const char *path)
{
    CLEANUP_FD int target = launch_mount_target(fs, path);
    CLEANUP_FD int copy = -EBADF;

    if (target == -ENOENT)
        return 0;
    if (target < 0)
        return target;
    copy = launch_mount_copy(target, "", MOUNT_ATTR_RDONLY);
    return copy < 0 ? copy : launch_mount_attach(copy, target);
}

static int mount_proc(int root, int dev, int *empty, struct launch_step *step)
{
    CLEANUP_FD int proc = -EBADF;
    int r;

    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount proc on", "/proc");
    proc = launch_mount_new("proc", NULL, NOTHING_BUT_DATA);
    if (proc < 0)
        return proc;
    r = attach_at(root, "proc", proc);
    for (size_t i = 0; r == 0 && i < COUNT(proc_masked); i++) {
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "mask below /proc:", proc_masked[i]);
        r = mask(proc, proc_masked[i], dev, empty);
    }
    for (size_t i = 0; r == 0 && i < COUNT(proc_read_only); i++) {
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "make read-only below /proc:", proc_read_only[i]);
        r = make_read_only(proc, proc_read_only[i]);
    }
    return r;
}

static int mount_sys(int root, int dev, int *empty, struct launch_step *step)
{
    CLEANUP_FD int sys = -EBADF, cgroup = -EBADF;
    int r;

    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount sysfs on", "/sys");
    sys = launch_mount_new("sysfs", NULL, NOTHING_BUT_DATA | MOUNT_ATTR_RDONLY);
    if (sys < 0)
        return sys;
    r = attach_at(root, "sys", sys);
    for (size_t i = 0; r == 0 && i < COUNT(sys_masked); i++) {
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "mask below /sys:", sys_masked[i]);
        r = mask(sys, sys_masked[i], dev, empty);
    }
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount cgroup2 on", "/sys/fs/cgroup");
    cgroup = launch_mount_new("cgroup2", NULL, NOTHING_BUT_DATA | MOUNT_ATTR_RDONLY);
    return cgroup < 0 ? cgroup : attach_at(sys, "fs/cgroup", cgroup);
}

static int mount_scratch(int root, const char *path, const char *mode, uint64_t limit,
                         struct launch_step *step)
{
    CLEANUP_FD int tmpfs = -EBADF;

    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount a tmpfs on /", path);
    tmpfs = launch_mount_new_tmpfs(mode, limit, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return tmpfs < 0 ? tmpfs : attach_at(root, path, tmpfs);
}

/* One that no id of the container stands for would be the guest's: then it is that of its root. */
static gid_t tty_group(const struct launch_users *users)
{
    uint32_t group = launch_id_outside(&users->gids, LAUNCH_DEV_TTY_GROUP);

    return group != LAUNCH_ID_NONE ? group : launch_id_outside(&users->gids, 0);
}

static int mount_all(const struct launch_plan *plan, int root, int dev, struct launch_step *step)
{
    CLEANUP_FD int empty = -EBADF;
    uint64_t limit = plan->request->tmpfs_limit;
    int r;

    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount a tmpfs on", "/dev");
    r = attach_at(root, "dev", dev);
    if (r == 0)
        r = launch_dev_complete(dev, limit, tty_group(&plan->request->users), step);
    if (r == 0)
        r = mount_proc(root, dev, &empty, step);
    if (r == 0)
        r = mount_sys(root, dev, &empty, step);
    if (r == 0 && plan->root.own)
        r = mount_scratch(root, "tmp", "1777", limit, step);
    if (r == 0 && plan->root.own)
        r = mount_scratch(root, "run", "0755", limit, step);
    return r;
}

static uint64_t writable_limit(const struct launch_request *request)
{
    return request->writable_limit ? request->writable_limit : request->tmpfs_limit;
}

static const char *root_name(const struct launch_plan *plan)
{
    if (plan->layers.n > 0)
        return "the layers";
    return plan->root.own ? "the guest's own, read-only" : plan->request->root;
}

int launch_tree_enter(const struct launch_plan *plan, int tree, struct launch_step *step)
{
    static const struct launch_userns none = LAUNCH_USERNS_INIT;
    const struct launch_users *users = &plan->request->users;
    CLEANUP_FD int dev = -EBADF, root = -EBADF, stacked = -EBADF;
    int r;

    launch_step_set(step, LAUNCH_STAGE_PIVOT, "make the mounts private of", "the container");
    r = launch_mount_isolate();
    if (r < 0)
        return r;
    if (plan->layers.n > 0) {
        stacked = launch_layers_stack(&plan->layers, true, writable_limit(plan->request), step);
        if (stacked < 0)
            return stacked;
        tree = stacked;
    }
    launch_step_set(step, LAUNCH_STAGE_PIVOT, "change the root to", root_name(plan));
    r = launch_mount_cover(tree);
    if (r == 0 && plan->root.own)
        r = launch_guest_mounts_copy(tree, attributes_of(&plan->root),
                                     users->owners == LAUNCH_OWNERS_SHIFTED ? &plan->userns : &none);
    if (r == 0)
        r = launch_mount_pivot();
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_PIVOT, "open", "/");
    root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return -errno;
    dev = launch_dev_new(step);
    if (dev < 0)
        return dev;
    return mount_all(plan, root, dev, step);
}
