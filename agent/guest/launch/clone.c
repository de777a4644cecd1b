/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/clone.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

pid_t launch_clone(uint64_t flags, int cgroup, int *ret_pidfd)
{
    int pidfd = -EBADF;
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD | CLONE_CLEAR_SIGHAND,
        .pidfd = (uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    long r;

    if (cgroup >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)cgroup;
    }
    r = syscall(SYS_clone3, &args, sizeof(args));
    if (r < 0)
        return -errno;
    if (r > 0)
        *ret_pidfd = pidfd;
    return (pid_t)r;
}
