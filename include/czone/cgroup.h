/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CGROUP_H
#define CZONE_CGROUP_H

#include <sys/types.h>

#include <czone/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A cgroup v2 directory, held open. Opaque, reference-counted; the directory itself lives on without the
 * handle. */
struct czone_cgroup;

/*
 * Creates a leaf below the context's cgroup base with cpuset, memory and pids usable in it, cpu and io as
 * well where the kernel has them and the cgroups above pass them on. name: as a zone's name (czone/zone.h).
 * Returns 0, -EINVAL (name), -EEXIST, or errors of mkdir() and write().
 */
int czone_cgroup_create(struct czone_ctx *ctx, const char *name, struct czone_cgroup **ret_cgroup,
                        struct czone_failure *failure);

/* Opens an existing cgroup by its path below the cgroup root. Returns 0, -ENOENT, -EINVAL (absolute, "..") or
 * errors of open(). */
int czone_cgroup_open(struct czone_ctx *ctx, const char *path, struct czone_cgroup **ret_cgroup);

/* Opens the cgroup a process is in (proc PID/cgroup, the "0::" line). Returns 0, -ESRCH,
 * -EOPNOTSUPP (it is in no cgroup v2), -ENAMETOOLONG or as czone_cgroup_open(). */
int czone_cgroup_open_pid(struct czone_ctx *ctx, pid_t pid, struct czone_cgroup **ret_cgroup);

struct czone_cgroup *czone_cgroup_ref(struct czone_cgroup *cgroup);
struct czone_cgroup *czone_cgroup_unref(struct czone_cgroup *cgroup);

/* Directory fd for clone3(CLONE_INTO_CGROUP). Borrowed. */
int czone_cgroup_fd(const struct czone_cgroup *cgroup);

/* Path below the cgroup root. Borrowed. */
const char *czone_cgroup_path(const struct czone_cgroup *cgroup);

/*
 * Writes or reads one attribute file, such as "pids.max". read: NUL-terminated, trailing newline cut;
 * -ENOBUFS if it does not fit. Returns 0 or a negative errno of openat(), write() or read(). May block in the
 * kernel (cpuset.mems, memory.reclaim).
 */
int czone_cgroup_write(struct czone_cgroup *cgroup, const char *attribute, const char *value);
int czone_cgroup_read(struct czone_cgroup *cgroup, const char *attribute, char *buffer, size_t size);

/*
 * Confines a cgroup that no zone is bound to: what runs there takes memory of the home nodes only, and none
 * of a zone, also with a relative policy (without cpuset.mems it would have every node there is).
 * czone_zone_bind() takes it from there.
 *
 * Returns 0, -EBUSY (a zone is bound to it), -ENODEV (no home node is known), -ENOENT (no cpuset controller)
 * or errors of write(). May block in the kernel.
 */
int czone_cgroup_confine(struct czone_cgroup *cgroup);

/* Kills every process in it and below (cgroup.kill, Linux 5.14). Returns at once; wait for populated to
 * become 0. */
int czone_cgroup_kill(struct czone_cgroup *cgroup);

/*
 * Whether any process, zombies of it included, is left: "populated" of cgroup.events. The list of
 * cgroup.procs is empty before the memory is free; this is not. Returns 1, 0 or a negative errno.
 */
int czone_cgroup_populated(struct czone_cgroup *cgroup);

/*
 * Adds cgroup.events to an inotify instance of the caller, which becomes readable whenever that file changes.
 * One instance for all cgroups, kept open: closing it waits for a grace period of the kernel, 10 ms and more.
 * Check czone_cgroup_populated() after the call: a change before it is not told.
 *
 * @inotify_fd  from inotify_init1(); borrowed
 *
 * Returns the watch descriptor, 0 or greater, or a negative errno of inotify_add_watch(): -ENOSPC
 * (fs.inotify.max_user_watches), -ENOENT (removed). The kernel keeps the watch, and counts it, also when the
 * cgroup has been removed: end it by inotify_rm_watch().
 */
int czone_cgroup_watch(struct czone_cgroup *cgroup, int inotify_fd);

/* Waits until nothing is left in it. Returns 0, -ETIMEDOUT or a negative errno. Blocks up to timeout_ms. */
int czone_cgroup_wait_empty(struct czone_cgroup *cgroup, unsigned timeout_ms);

/* Removes the directory and empty ones below it. Returns 0 (also when it is gone already), -EBUSY (populated)
 * or errors of rmdir(). */
int czone_cgroup_remove(struct czone_cgroup *cgroup);

#ifdef __cplusplus
}
#endif

#endif
