/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_MOUNT_H
#define GUEST_LAUNCH_MOUNT_H

#include <stdint.h>

#include "agent/guest/launch/step.h"

/*
 * The pieces of which a container's tree of mounts is made. All of them work on file descriptors: a mount is
 * made detached and attached to a directory that has been opened and looked at, so no path is walked twice
 * (CVE-2021-30465). They return an fd, or 0, or a negative errno.
 */

/* A key of fsconfig(2); value NULL: a flag. A list ends with key NULL. "source", if it is given, comes first;
 * else it is the type. */
struct launch_mount_option {
    const char *key;
    const char *value;
};

/* Makes a file system, mounted nowhere yet. attributes: MOUNT_ATTR_*. Returns its O_PATH fd. */
int launch_mount_new(const char *type, const struct launch_mount_option *options, uint64_t attributes);

/* tmpfs of the given mode ("0755"); limit: bytes, 0 for the kernel's default. */
int launch_mount_new_tmpfs(const char *mode, uint64_t limit, uint64_t attributes);

/* Gives the tmpfs mounted at path below fd another limit, as above; it has one already. */
int launch_mount_limit_tmpfs(int fd, const char *path, uint64_t limit);

/* Opens a directory or file below fd to mount something on it. Any symbolic link on the way is -ELOOP. */
int launch_mount_target(int fd, const char *path);

/* Attaches a detached mount to what launch_mount_target() opened. */
int launch_mount_attach(int mount, int target);

/* A detached copy of what is at path below fd ("" for fd itself), with all that is mounted below it;
 * attributes are set on every mount of it, and it gets private propagation. */
int launch_mount_copy(int fd, const char *path, uint64_t attributes);

/* Makes the mount at path, and none below it, read-only. */
int launch_mount_close(const char *path);

/* The same of one mount alone, without what is mounted below it. Without attributes it keeps its propagation,
 * which is private for what launch_mount_new() has made. */
int launch_mount_copy_one(int fd, const char *path, uint64_t attributes);

/* Makes every mount of this namespace private, so that nothing done here is seen outside. */
int launch_mount_isolate(void);

/* Attaches a detached tree over "/", and makes its root the working directory. The caller's root stays what
 * it was: absolute paths lead there. */
int launch_mount_cover(int tree);

/*
 * Makes what launch_mount_cover() has attached the root of the calling process, and "/" its working
 * directory, which must not have changed in between. The old root is gone afterwards, except where the kernel
 * refuses pivot_root() because the guest runs from its initramfs: there the tree covers it, from where no
 * path leads below (what switch_root(8) does), and uncovering it takes CAP_SYS_ADMIN.
 */
int launch_mount_pivot(void);

/* The same, but where pivot_root() is refused nothing is changed: -EINVAL. */
int launch_mount_change_root(void);

/* The same, but the old root stays where it is, covered: a fraction of the cost, for one in which there is
 * nothing to hide. */
int launch_mount_enter_cover(void);

/* What the file system behind fd is called, if it is one that people meet where it will not do; else "of its
 * kind". Static string. */
const char *launch_mount_type(int fd);

#endif
