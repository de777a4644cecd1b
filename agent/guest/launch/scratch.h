/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_SCRATCH_H
#define GUEST_LAUNCH_SCRATCH_H

/*
 * A directory on a disk of the guest in which containers have their writable layers, each in a directory of
 * its own. It is the caller's to remove that with the container (container/scratch.h).
 */

#include "agent/guest/launch/failure.h"
#include "agent/guest/launch/request.h"

/*
 * Checks what a request with layers says of it: it is a directory that can be written to, on a file system
 * whose files overlayfs can have above others, it lies in none of the layers, and no limit is asked for. With
 * ret_disk the container's own directory is made in it, and *ret_disk is a detached mount of that. A request
 * without scratch is fine; *ret_disk is then not set.
 *
 * Returns 0 or failure->error (LAUNCH_BAD_PARAMETER "scratch" or "writable"; LAUNCH_SYSTEM: errors of
 * mkdirat() and open_tree()). Blocks on the file system.
 */
int launch_scratch_open(const struct launch_request *request, int *ret_disk, struct launch_failure *failure);

#endif
