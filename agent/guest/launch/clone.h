/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_CLONE_H
#define GUEST_LAUNCH_CLONE_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Creates a process: a copy of this one, without its signal handlers.
 *
 * flags: CLONE_NEW*. cgroup: fd of the directory in which it is born; -EBADF: the caller's own. ret_pidfd:
 * set in the caller only. Returns the pid, 0 in the child, or errors of clone3(2).
 */
pid_t launch_clone(uint64_t flags, int cgroup, int *ret_pidfd);

#endif
