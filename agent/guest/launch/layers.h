/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_LAYERS_H
#define GUEST_LAUNCH_LAYERS_H

#include <errno.h>
#include <stdbool.h>

#include "agent/guest/launch/failure.h"
#include "agent/guest/launch/request.h"
#include "agent/guest/launch/step.h"

/*
 * A root made of read-only layers of the guest under a writable layer that ends with the container
 * (overlayfs).
 *
 * The layers are opened in the guest's mount namespace, where alone they can be, and stacked in the child's:
 * there the tmpfs of the writable layer belongs to the container's cgroup, and what has to be attached for
 * overlayfs to accept it is seen by nobody else and gone with the old root.
 */
struct launch_layers {
    size_t n;                   /* 0: the root is not made of layers */
    int fds[LAUNCH_LAYERS_MAX]; /* detached mounts, bottom first */
    int disk; /* detached mount of a directory for the writable layer; -EBADF: that is a tmpfs */
};

#define LAUNCH_LAYERS_INIT                                                                                   \
    {                                                                                                        \
        .disk = -EBADF                                                                                       \
    }

/*
 * Opens the layers of a request; paths: NULL-terminated, NULL: none. layers: LAUNCH_LAYERS_INIT. A path of
 * which two layers are made is refused. Returns 0 or failure->error (LAUNCH_NO_LAYER with the index;
 * LAUNCH_BAD_PARAMETER: none or too many). The caller calls launch_layers_close() in both cases.
 */
int launch_layers_open(struct launch_layers *layers, const char *const *paths,
                       struct launch_failure *failure);

void launch_layers_close(struct launch_layers *layers);

/*
 * Stacks the layers, in a mount namespace that is private to the caller. place: a directory that nothing else
 * there needs, which is covered until the old root is gone; not "/", where it would lie over that. writable:
 * with a layer on top that is on the disk, or a tmpfs of at most limit bytes (0: the kernel's default);
 * without, there must be two layers at least. Consumes the mounts, not the fds. Changes the working
 * directory. Returns the fd of the detached tree, or a negative errno, and *step says at what (-ELOOP: one
 * layer lies inside another).
 */
int launch_layers_stack(const struct launch_layers *layers, const char *place, bool writable, uint64_t limit,
                        struct launch_step *step);

#endif
