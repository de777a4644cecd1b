/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_LAUNCH_H
#define GUEST_LAUNCH_LAUNCH_H

/*
 * The native launcher: turns a request into a running first process of a container, or into one more process
 * of a container that runs.
 *
 *     launcher_new()            once, when the keeper starts
 *     launch_check()            when a request arrives, before any memory is asked for
 *     launch_start()            when the zone is bound to the cgroup; returns at once
 *     launch_result_read()      when result_fd is readable: runs, or why not
 *     waitid(P_PIDFD, pidfd)    when pidfd is readable: how it ended
 *
 * What the container gets: its own mount, pid, ipc, uts and cgroup namespaces, by choice network and user
 * namespaces too;
 * the root directory, or the guest's own root made read-only with a fresh /tmp and /run; a fresh /proc with
 * the usual masked and read-only paths, /sys and /sys/fs/cgroup read-only, a minimal /dev; Docker's
 * capabilities less MKNOD and NET_RAW; no_new_privs; a seccomp filter under which no process of it can change
 * a memory policy, open a vsock or create a user namespace (launch/seccomp.h). Device files of the root
 * directory are dead (nodev). 32-bit and x32 system calls end the caller with SIGSYS.
 *
 * The program is process 1 of its pid namespace. Two things follow from that (pid_namespaces(7)): a signal
 * for which it has no handler is ignored, whoever sends it, except SIGKILL and SIGSTOP from outside; and
 * orphans become its children, which it should wait for (shells do) or they stay zombies until it ends. When
 * it ends, the kernel kills all the rest of the container.
 *
 * A process that joins a container (request.target) gets the same, in the namespaces that are there; it is
 * not process 1, so what it leaves behind goes on until the container ends.
 *
 * If the process that launched dies, the kernel kills the program (PR_SET_PDEATHSIG).
 *
 * Nothing outlives a failure: mounts exist only in the child's mount namespace, and every function that fails
 * has closed what it opened.
 *
 * Threading: one thread. The child is a copy of the caller (clone3 without CLONE_VM: the caller is never
 * stopped while the container is set up), so a process with other threads must not call launch_start().
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/guest/launch/failure.h"
#include "agent/guest/launch/request.h"

/* What every launch needs and is made only once. */
struct launcher;

/* What was found out about a request: launch/plan.h. */
struct launch_plan;

/* What the launching process and the child have in common: launch/shared.h. */
struct launch_shared;

/*
 * filter: the compiled filter of launch_seccomp_compile(); borrowed. Returns 0, -ENOMEM, -EBADF if
 * one of the fds 0, 1 and 2 is closed (open /dev/null there: an fd of ours must not end up as a container's
 * stdio), or errors of launch_filter_read().
 */
int launcher_new(int filter, struct launcher **ret_launcher);

/* Accepts NULL. Returns NULL. Running containers are not affected. */
struct launcher *launcher_free(struct launcher *launcher);

/*
 * Tells everything that can be told before memory is asked for: syntax of the request, root, user, cwd,
 * program with its interpreter ("#!") or ELF loader. Changes nothing. Every path of the request is resolved
 * inside the root (openat2 RESOLVE_IN_ROOT, no magic links), so that no symbolic link of an image leads out
 * of it.
 *
 * plan: LAUNCH_PLAN_INIT; what was found out, for launch_briefing_tell(), if it suits that. The caller calls
 * launch_plan_clear() in any case. failure: set on failure only; may not be NULL. May block on the root's
 * file system.
 * Returns 0 or failure->error: -EINVAL (LAUNCH_BAD_PARAMETER and malformed user), -ENOENT, -ENOTDIR, -EACCES,
 * -ELOOP, -ENOMEM, or errors of openat2() and read().
 */
int launch_check(const struct launch_request *request, struct launch_plan *plan,
                 struct launch_failure *failure);

/* A process on its way or running. The caller owns the fds, all of them close-on-exec and, but for pidfd and
 * result_fd, non-blocking. */
struct launch {
    pid_t pid;     /* in the caller's pid namespace */
    int pidfd;     /* readable when the process has ended; reap it with waitid(P_PIDFD) in every case */
    int result_fd; /* see launch_result_read() */
    int stdin_fd;  /* write end of its stdin; -EBADF without input, or with a tty */
    int stdout_fd; /* read end; -EBADF with a tty */
    int stderr_fd; /* read end; -EBADF with a tty */
    int tty_fd;    /* master of its pty, when launch_result_read() has returned 1; else -EBADF */
    struct launch_shared *shared; /* private to launch_result_read() */
};

#define LAUNCH_INIT                                                                                          \
    {                                                                                                        \
        .pidfd = -EBADF, .result_fd = -EBADF, .stdin_fd = -EBADF, .stdout_fd = -EBADF, .stderr_fd = -EBADF,  \
        .tty_fd = -EBADF                                                                                     \
    }

/*
 * Starts the container. Checks as launch_check() does, since the root may have changed in between, then
 * clones into the cgroup and returns while the child sets itself up.
 *
 * request->cgroup_fd must be the zone's cgroup, with cpuset.mems already written: the policy is relative to
 * it. Returns 0 and sets *ret_launch, or failure->error: as launch_check(), or errors of pipe2() and clone3()
 * (-EAGAIN: pids limit; -EBUSY, -EOPNOTSUPP, -ENODEV: of the cgroup; -ESRCH: the container to join has
 * ended). On failure no process is left.
 */
int launch_start(struct launcher *launcher, const struct launch_request *request, struct launch *ret_launch,
                 struct launch_failure *failure);

/*
 * Reads what the child has said so far; never blocks. Call it when result_fd is readable (hang-up included).
 * Returns
 *   1  the program runs (exec succeeded): launch_result_close().
 *   0  not decided yet: wait for result_fd again.
 *   <0 failure->error, *failure says what failed: the process never ran the program and ends by itself (with
 *      status 127; -EOWNERDEAD: it was killed during the set-up, the OOM killer included). Close result_fd
 * and reap it through pidfd.
 */
int launch_result_read(struct launch *launch, struct launch_failure *failure);

/* Gives up what only launch_result_read() needs, once it has returned 1. */
void launch_result_close(struct launch *launch);

/* Kills the process if it is still there, waits for its end, closes the fds and leaves LAUNCH_INIT behind.
 * For error paths; accepts LAUNCH_INIT. Blocks until the kernel has ended the process. */
void launch_discard(struct launch *launch);

#endif
