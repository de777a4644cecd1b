/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_H
#define GUEST_LAUNCH_H

/*
 * The native launcher: turns a request into a running first process of a container.
 *
 *     launcher_new()            once, when the daemon starts
 *     launch_check()            when a request arrives, before any memory is asked for
 *     launch_start()            when the zone is bound to the cgroup; returns at once
 *     launch_result_read()      when result_fd is readable: runs, or why not
 *     waitid(P_PIDFD, pidfd)    when pidfd is readable: how it ended
 *
 * What the container gets: its own mount, pid, ipc, uts and cgroup namespaces (the network is the guest's);
 * the root directory, or the guest's own root made read-only with a fresh /tmp and /run; a fresh /proc with
 * the usual masked and read-only paths, /sys and /sys/fs/cgroup read-only, a minimal /dev; Docker's
 * capabilities less MKNOD and NET_RAW; no_new_privs; a seccomp filter under which no process of it can change
 * a memory policy, open a vsock or create a user namespace (launch_seccomp.h). Device files of the root
 * directory are dead (nodev). 32-bit and x32 system calls end the caller with SIGSYS.
 *
 * The program is process 1 of its pid namespace. Two things follow from that (pid_namespaces(7)): a signal
 * for which it has no handler is ignored, whoever sends it, except SIGKILL and SIGSTOP from outside; and
 * orphans become its children, which it should wait for (shells do) or they stay zombies until it ends. When
 * it ends, the kernel kills all the rest of the container.
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

#include "agent/guest/launch_request.h"

/* What is wrong, as far as the caller of a request is concerned. */
enum launch_trouble {
    LAUNCH_TROUBLE_NONE,
    LAUNCH_BAD_PARAMETER, /* failure.parameter is malformed or does not fit the root (cwd, env, hostname) */
    LAUNCH_NO_PROGRAM, /* args[0], its interpreter or its ELF loader is not an executable file in the root */
    LAUNCH_NO_ROOT,    /* root is no directory, or /dev, /proc or /sys in it is something else */
    LAUNCH_NO_USER,    /* user is malformed or not in the root's /etc/passwd */
    LAUNCH_NO_LAYER,   /* layers[index] is missing, damaged, or neither a directory nor an image */
    LAUNCH_NO_SOURCE,  /* the source of mounts[index] is missing */
    LAUNCH_SYSTEM,     /* the kernel refused something */
};

/* What was being done. Stable names by launch_stage_name(). */
enum launch_stage {
    LAUNCH_STAGE_NONE,
    LAUNCH_STAGE_REQUEST, /* reading the request */
    LAUNCH_STAGE_ROOT,    /* opening the root, resolving in it */
    LAUNCH_STAGE_USER,
    LAUNCH_STAGE_PROGRAM,
    LAUNCH_STAGE_CLONE, /* pipes and clone3(); from here on in the child */
    LAUNCH_STAGE_POLICY,
    LAUNCH_STAGE_NAMESPACE,
    LAUNCH_STAGE_NETWORK,
    LAUNCH_STAGE_LAYERS,
    LAUNCH_STAGE_MOUNT,
    LAUNCH_STAGE_PIVOT,
    LAUNCH_STAGE_STDIO,
    LAUNCH_STAGE_LIMITS,
    LAUNCH_STAGE_IDENTITY, /* user, groups, capabilities */
    LAUNCH_STAGE_CWD,
    LAUNCH_STAGE_SECCOMP,
    LAUNCH_STAGE_EXEC,
};

/* The detail of one failure, in memory of the caller. A plain value: nothing in it is allocated. */
struct launch_failure {
    enum launch_trouble trouble;
    enum launch_stage stage;
    int error;             /* negative errno, the same as the function returned */
    const char *parameter; /* name of the request's field: "args", "root", "user"…; NULL with LAUNCH_SYSTEM */
    size_t index;          /* of the element that is meant, where the field is a list */
    char message[512];     /* one sentence: what failed, on what, why, what to do; no newline, valid UTF-8 */
};

/* "mount", "exec"… Static string; "unknown" for a value out of range. */
const char *launch_stage_name(enum launch_stage stage);

/* What every launch needs and is made only once: the compiled seccomp filter, the list of capabilities. */
struct launcher;

/*
 * Returns 0, -ENOMEM, -EBADF if one of the fds 0, 1 and 2 is closed (open /dev/null there: an fd of ours must
 * not end up as a container's stdio), or an error of libseccomp.
 */
int launcher_new(struct launcher **ret_launcher);

/* Accepts NULL. Returns NULL. Running containers are not affected. */
struct launcher *launcher_free(struct launcher *launcher);

/*
 * Tells everything that can be told before memory is asked for: syntax of the request, root, user, cwd,
 * program with its interpreter ("#!") or ELF loader. Changes nothing. Every path of the request is resolved
 * inside the root (openat2 RESOLVE_IN_ROOT, no magic links), so that no symbolic link of an image leads out
 * of it.
 *
 * failure: set on failure only; may not be NULL. May block on the root's file system.
 * Returns 0 or failure->error: -EINVAL (LAUNCH_BAD_PARAMETER and malformed user), -ENOENT, -ENOTDIR, -EACCES,
 * -ELOOP, -ENOMEM, or errors of openat2() and read().
 */
int launch_check(const struct launch_request *request, struct launch_failure *failure);

/* A process on its way or running. The caller owns the three fds, all of them close-on-exec. */
struct launch {
    pid_t pid;         /* in the caller's pid namespace */
    int pidfd;         /* readable when the process has ended; reap it with waitid(P_PIDFD) in every case */
    int result_fd;     /* non-blocking; see launch_result_read() */
    int log_fd;        /* non-blocking read end of the container's stdout and stderr (one pipe) */
    bool reached_exec; /* private to launch_result_read() */
};

#define LAUNCH_INIT                                                                                          \
    {                                                                                                        \
        .pidfd = -EBADF, .result_fd = -EBADF, .log_fd = -EBADF                                               \
    }

/*
 * Starts the container. Checks as launch_check() does, since the root may have changed in between, then
 * clones into the cgroup and returns while the child sets itself up.
 *
 * request->cgroup_fd must be the zone's cgroup, with cpuset.mems already written: the policy is relative to
 * it. Returns 0 and sets *ret_launch, or failure->error: as launch_check(), or errors of pipe2() and clone3()
 * (-EAGAIN: pids limit; -EBUSY, -EOPNOTSUPP, -ENODEV: of the cgroup). On failure no process is left.
 */
int launch_start(struct launcher *launcher, const struct launch_request *request, struct launch *ret_launch,
                 struct launch_failure *failure);

/*
 * Reads what the child has said so far; never blocks. Call it when result_fd is readable (hang-up included).
 * Returns
 *   1  the program runs (exec succeeded): close result_fd.
 *   0  not decided yet: wait for result_fd again.
 *   <0 failure->error, *failure says what failed: the process never ran the program and ends by itself (with
 *      status 127; -EOWNERDEAD: it was killed during the set-up, the OOM killer included). Close result_fd
 * and reap it through pidfd.
 */
int launch_result_read(struct launch *launch, struct launch_failure *failure);

/* Kills the process if it is still there, waits for its end, closes the fds and leaves LAUNCH_INIT behind.
 * For error paths; accepts LAUNCH_INIT. Blocks until the kernel has ended the process. */
void launch_discard(struct launch *launch);

#endif
