/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_EXTRA_MOUNTS_H
#define GUEST_LAUNCH_EXTRA_MOUNTS_H

#include <stdbool.h>

#include "agent/guest/launch/failure.h"
#include "agent/guest/launch/request.h"

/*
 * The mounts a request asks for. A source is opened and copied in the guest's mount namespace; a target is
 * resolved in the finished root, looked at, and mounted on by fd, so that nothing that writes to the root
 * meanwhile can lead the mount elsewhere (CVE-2021-30465) or over what guards the kernel (CVE-2025-52881).
 */
struct launch_sources {
    size_t n;
    int fds[LAUNCH_MOUNTS_MAX]; /* detached mounts; -EBADF for a tmpfs */
};

/* Whether a path of the container is where nothing may be mounted: "" (the root), /proc, /sys, /dev and
 * below, but for /dev/shm. Pure. */
bool launch_extra_mount_forbidden(const char *path);

/* Checks the mounts of a request as far as that goes without looking at any file. Returns 0 or
 * failure->error (LAUNCH_BAD_PARAMETER with the index). Pure. */
int launch_extra_mounts_check(const struct launch_request *request, struct launch_failure *failure);

/* Opens the sources. sources: zeroed. Returns 0 or failure->error (LAUNCH_NO_SOURCE with the index). The
 * caller calls launch_sources_close() in both cases. */
int launch_sources_open(struct launch_sources *sources, const struct launch_request *request,
                        struct launch_failure *failure);

void launch_sources_close(struct launch_sources *sources);

/*
 * Mounts all in the root of the calling process, whose /proc must be the container's own; creates what is
 * missing of the targets. The umask must be 0. Returns 0 or failure->error (LAUNCH_BAD_PARAMETER: the target
 * of mounts[index] can't be used; LAUNCH_SYSTEM).
 */
int launch_extra_mounts_attach(const struct launch_sources *sources, const struct launch_request *request,
                               struct launch_failure *failure);

#endif
