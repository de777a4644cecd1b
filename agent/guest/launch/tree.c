/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/tree.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "agent/guest/launch/dev.h"
#include "agent/guest/launch/guest_mounts.h"
#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/proc.h"
#include "agent/guest/launch/skeleton.h"
#include "agent/guest/launch/sys.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

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

/* -EBADF: it has to be made. */
struct parts {
    struct launch_skeleton mounts;
    int empty; /* a directory, read-only */
};

#define PARTS_INIT                                                                                           \
    {                                                                                                        \
        .mounts = LAUNCH_SKELETON_INIT, .empty = -EBADF                                                      \
    }

static void close_parts(struct parts *parts)
{
    launch_skeleton_close(&parts->mounts);
    cleanup_fd(&parts->empty);
}

/* One that no id of the container stands for would be the guest's: then it is that of its root. */
static gid_t tty_group(const struct launch_users *users)
{
    uint32_t group = launch_id_outside(&users->gids, LAUNCH_DEV_TTY_GROUP);

    return group != LAUNCH_ID_NONE ? group : launch_id_outside(&users->gids, 0);
}

static int mount_dev(const struct launch_request *request, int root, struct parts *parts,
                     struct launch_step *step)
{
    bool made = parts->mounts.dev >= 0;
    int r;

    if (!made)
        parts->mounts.dev = launch_dev_new(step);
    if (parts->mounts.dev < 0)
        return parts->mounts.dev;
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount a tmpfs on", "/dev");
    r = attach_at(root, "dev", parts->mounts.dev);
    if (made)
        return r == 0 ? launch_dev_limit_shm(parts->mounts.dev, request->tmpfs_limit, step) : r;
    if (r == 0)
        r = launch_dev_complete(parts->mounts.dev, tty_group(&request->users), step);
    return r == 0 ? launch_dev_add_shm(parts->mounts.dev, request->tmpfs_limit, step) : r;
}

static int mount_sys(int root, struct parts *parts, struct launch_step *step)
{
    bool made = parts->mounts.sys >= 0;
    int r;

    if (!made)
        parts->mounts.sys = launch_sys_new(step);
    if (parts->mounts.sys < 0)
        return parts->mounts.sys;
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount sysfs on", "/sys");
    r = attach_at(root, "sys", parts->mounts.sys);
    if (r < 0 || made)
        return r;
    r = launch_sys_mask(parts->mounts.sys, parts->mounts.dev, &parts->empty, step);
    return r == 0 ? launch_sys_add_cgroup(parts->mounts.sys, step) : r;
}

static int mount_proc(int root, struct parts *parts, struct launch_step *step)
{
    bool made = parts->mounts.proc >= 0;
    int r;

    if (!made)
        parts->mounts.proc = launch_proc_new(step);
    if (parts->mounts.proc < 0)
        return parts->mounts.proc;
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount proc on", "/proc");
    r = attach_at(root, "proc", parts->mounts.proc);
    return r == 0 && !made ? launch_proc_mask(parts->mounts.proc, parts->mounts.dev, &parts->empty, step) : r;
}

static int mount_scratch(int root, const char *path, const char *mode, uint64_t limit,
                         struct launch_step *step)
{
    CLEANUP_FD int tmpfs = -EBADF;

    launch_step_set(step, LAUNCH_STAGE_MOUNT, "mount a tmpfs on /", path);
    tmpfs = launch_mount_new_tmpfs(mode, limit, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    return tmpfs < 0 ? tmpfs : attach_at(root, path, tmpfs);
}

static int mount_all(const struct launch_plan *plan, int root, struct parts *parts, struct launch_step *step)
{
    uint64_t limit = plan->request->tmpfs_limit;
    int r;

    r = mount_dev(plan->request, root, parts, step);
    if (r == 0)
        r = mount_sys(root, parts, step);
    if (r == 0)
        r = mount_proc(root, parts, step);
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

/* The root is in place, and all of it mounted, before the old one is let go of. */
static int change_root(const struct launch_plan *plan, int tree, struct parts *parts,
                       struct launch_step *step)
{
    /* Layers are stacked from mounts in the skeleton, which are then not to stay. */
    bool is_bare = parts->mounts.dev >= 0 && plan->layers.n == 0;
    static const struct launch_userns none = LAUNCH_USERNS_INIT;
    const struct launch_users *users = &plan->request->users;
    int r;

    launch_step_set(step, LAUNCH_STAGE_PIVOT, "change the root to", root_name(plan));
    r = launch_mount_cover(tree);
    if (r == 0 && plan->root.own)
        r = launch_guest_mounts_copy(tree, attributes_of(&plan->root),
                                     users->owners == LAUNCH_OWNERS_SHIFTED ? &plan->userns : &none);
    if (r == 0)
        r = mount_all(plan, tree, parts, step);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_PIVOT, "change the root to", root_name(plan));
    return is_bare ? launch_mount_enter_cover() : launch_mount_pivot();
}

int launch_tree_enter(const struct launch_plan *plan, int tree, struct launch_skeleton *skeleton,
                      struct launch_step *step)
{
    CLEANUP(close_parts) struct parts parts = PARTS_INIT;
    CLEANUP_FD int stacked = -EBADF;
    int r;

    if (skeleton) {
        parts.mounts = *skeleton;
        *skeleton = (struct launch_skeleton)LAUNCH_SKELETON_INIT;
    } else {
        launch_step_set(step, LAUNCH_STAGE_PIVOT, "make the mounts private of", "the container");
        r = launch_mount_isolate();
        if (r < 0)
            return r;
    }
    if (plan->layers.n > 0) {
        stacked = launch_layers_stack(&plan->layers, skeleton ? LAUNCH_SKELETON_SCRATCH : "/sys", true,
                                      writable_limit(plan->request), step);
        if (stacked < 0)
            return stacked;
        tree = stacked;
    }
    return change_root(plan, tree, &parts, step);
}
