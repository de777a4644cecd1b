/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_USERNS_H
#define GUEST_LAUNCH_USERNS_H

/*
 * The user namespace of a container: made ahead of the process that will be in it, since the mounts are given
 * its ids (mount_setattr(2), MOUNT_ATTR_IDMAP) before anything is mounted on anything.
 *
 * The process enters it last, just before it becomes the container's user. So all that is mounted, and every
 * namespace but the network's, belongs to the guest: whatever capabilities a process of the container may
 * come by, they count for its own users only. The network namespace is made together with the user namespace
 * and belongs to it, because CAP_NET_BIND_SERVICE is asked for there.
 */

#include <stdbool.h>

#include "agent/guest/launch/failure.h"
#include "agent/guest/launch/request.h"

struct launch_userns {
    int user, network; /* namespace fds; -EBADF: none */
};

#define LAUNCH_USERNS_INIT                                                                                   \
    {                                                                                                        \
        .user = -EBADF, .network = -EBADF                                                                    \
    }

/*
 * Makes the namespace that a request with maps asks for, nothing without; network: with a network namespace
 * unless that is the guest's. By a process that is gone when this returns. userns: LAUNCH_USERNS_INIT.
 *
 * Returns 0 or failure->error: LAUNCH_BAD_PARAMETER "userns" (-EINVAL: the kernel has no user namespaces, or
 * does not take the map), LAUNCH_SYSTEM (-ENOSPC: a limit; errors of clone3(), open() and write()). The
 * caller calls launch_userns_close() in both cases.
 */
int launch_userns_open(struct launch_userns *userns, const struct launch_request *request, bool network,
                       struct launch_failure *failure);

void launch_userns_close(struct launch_userns *userns);

/* What belongs to id N on the file systems of a detached tree belongs to the container's N from here on.
 * Returns 0 or a negative errno: -EINVAL, a file system in it cannot be mapped by this kernel. */
int launch_userns_shift(const struct launch_userns *userns, int tree);

/* Tells of a tree that launch_userns_shift() has failed on. parameter, path: of the request. Returns error.
 */
int launch_userns_refuse(struct launch_failure *failure, int error, const char *parameter, const char *path,
                         int tree);

/* In the child: what it makes from here on belongs to the container's root. Returns 0 or a negative errno. */
int launch_userns_dress(const struct launch_users *users);

/* In the child: enters the namespace, with all capabilities in it and none outside. fd: the namespace's, or a
 * pidfd of a process in it. Returns 0 or a negative errno. */
int launch_userns_enter(int fd);

#endif
