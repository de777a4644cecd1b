/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_DEV_H
#define GUEST_LAUNCH_DEV_H

#include <sys/types.h>

#include "agent/guest/launch/step.h"

/* Of the group "tty" on every distribution. */
#define LAUNCH_DEV_TTY_GROUP 5

/*
 * A container's /dev: null, zero, full, random, urandom, tty, ptmx, pts, shm, mqueue, and the links fd,
 * stdin, stdout and stderr. The device files are made here, on a tmpfs nobody else has seen, and not bound
 * from the guest's: there is nothing that could be exchanged for something else (CVE-2025-31133).
 */

/* Nothing of size belongs in it: enough for its inodes, too little to hide memory in. */
#define LAUNCH_DEV_LIMIT (64 << 10)

/* Makes it, detached. The umask must be 0. Returns its fd or a negative errno. */
int launch_dev_new(struct launch_step *step);

/* Makes what belongs in it in an empty directory of a tmpfs, on which it can be mounted then. The umask must
 * be 0. Returns 0 or a negative errno. */
int launch_dev_fill(int dev, struct launch_step *step);

/* Mounts pts and mqueue in it, this one of the process's IPC namespace; it must be attached by now.
 * tty_group: of terminals, an id of the guest. */
int launch_dev_complete(int dev, gid_t tty_group, struct launch_step *step);

/* Mounts shm in it. limit: bytes, 0 for the kernel's default. */
int launch_dev_add_shm(int dev, uint64_t limit, struct launch_step *step);

/* Gives the shm that is there another limit. */
int launch_dev_limit_shm(int dev, uint64_t limit, struct launch_step *step);

#endif
