/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_ROOT_H
#define GUEST_LAUNCH_ROOT_H

#include <stdbool.h>

#include "agent/guest/launch/failure.h"

/* The tree that becomes a container's root, seen from the guest. */
struct launch_root {
    int fd;         /* O_PATH directory */
    bool own;       /* the guest's own root, read-only */
    bool live;      /* the container's own mounts are in it: nothing is hidden any more */
    char *location; /* its path as the kernel sees it, without a slash at the end ("" for own) */
};

#define LAUNCH_ROOT_INIT                                                                                     \
    {                                                                                                        \
        .fd = -EBADF                                                                                         \
    }

/*
 * Opens path (NULL: the guest's own root) and checks that it can serve: a directory, not the guest's own root
 * by another name, and its /dev, /proc and /sys directories or missing (a symbolic link there has led
 * runtimes out of the root: CVE-2026-41579, CVE-2026-47766). Returns 0 or failure->error. The caller calls
 * launch_root_close() in both cases.
 */
int launch_root_open(struct launch_root *root, const char *path, struct launch_failure *failure);

/*
 * The same for a tree that is open already, a detached mount for instance: takes fd, which is closed with the
 * root, on failure too; a negative errno instead of it is the failure. What root held before is closed.
 */
int launch_root_adopt(struct launch_root *root, int fd, struct launch_failure *failure);

void launch_root_close(struct launch_root *root);

/*
 * Opens a path inside the root: ".." and absolute links stop at it, magic links are refused. Adds O_CLOEXEC.
 * Devices, fifos and sockets are opened with O_PATH only; use launch_root_open_file() to read.
 * Returns the fd or a negative errno (-ELOOP: magic link).
 */
int launch_root_resolve(const struct launch_root *root, const char *path, int flags);

/* Opens a regular file inside the root for reading. Returns the fd; -EINVAL if it is something else; or as
 * launch_root_resolve(). Never blocks on a fifo and never opens a device. */
int launch_root_open_file(const struct launch_root *root, const char *path);

/*
 * Whether the file behind fd (opened by launch_root_resolve()) lies where the container has a mount of its
 * own: /dev, /proc, /sys, and with the guest's own root /tmp and /run. What is there now is not what the
 * container will see.
 */
bool launch_root_hides(const struct launch_root *root, int fd);

/* The same for a path that does not exist yet, told by its words alone. */
bool launch_root_hides_path(const struct launch_root *root, const char *path);

#endif
