/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_KEEPER_SPAWN_H
#define GUEST_KEEPER_SPAWN_H

/* How czoned starts keepers. */

#include <errno.h>
#include <sys/types.h>

/* Where a keeper finds its first connection. */
#define KEEPER_SOCKET_FD 3

/*
 * Copies the keeper's program into a sealed memfd, once when the daemon starts. All keepers share its pages,
 * an upgrade of the file does not mix versions, and a container that gets hold of /proc/PID/exe of a
 * process about to become its program finds a file that nobody can write to (CVE-2019-5736).
 *
 * Returns 0 and the fd (the caller's, close-on-exec), -ENOEXEC (not an ELF program), or errors of open(2),
 * memfd_create(2), sendfile(2). May block on the file system.
 */
int keeper_image_open(const char *path, int *ret_image);

/* A keeper that was started. The caller owns both fds; reaps it with waitid(P_PIDFD). */
struct keeper_process {
    pid_t pid;
    int pidfd;
    int socket; /* its first connection: non-blocking, close-on-exec */
};

#define KEEPER_PROCESS_INIT                                                                                  \
    {                                                                                                        \
        .pidfd = -EBADF, .socket = -EBADF                                                                    \
    }

/*
 * Starts an idle keeper in a session of its own, in the caller's cgroup, with stdin and stdout on /dev/null
 * and the caller's stderr. It says KEEPER_IDLE when it is ready, and ends by itself when the socket is closed
 * before START.
 *
 * Blocks until it has exec()ed, which takes a millisecond or two: refill pools off the hot path.
 * Returns 0 or errors of socketpair(2), posix_spawn(3), pidfd_open(2); then nothing is left.
 */
int keeper_spawn(int image, struct keeper_process *ret);

#endif
