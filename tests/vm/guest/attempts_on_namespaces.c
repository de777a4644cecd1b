/* SPDX-License-Identifier: Apache-2.0 */
/* Into namespaces of one's own, in which one is privileged, and into those of others. */
#include "attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* The fds a program may have inherited. */
#define FDS 1024

static int unshare_user(const char *argument)
{
    (void)argument;
    return attempt_result(unshare(CLONE_NEWUSER));
}

static int unshare_mount(const char *argument)
{
    (void)argument;
    return attempt_result(unshare(CLONE_NEWNS));
}

/* CVE-2022-0492: a cgroup namespace in which the release agent may be set. */
static int unshare_user_and_cgroup(const char *argument)
{
    (void)argument;
    return attempt_result(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWCGROUP));
}

static int ended(long pid)
{
    if (pid < 0)
        return -errno;
    if (pid == 0)
        _exit(0);
    return attempt_result(waitpid((pid_t)pid, NULL, 0));
}

static int clone_user(const char *argument)
{
    (void)argument;
    return ended(syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}

static int clone3_user(const char *argument)
{
    struct clone_args args = { .flags = CLONE_NEWUSER, .exit_signal = SIGCHLD };

    (void)argument;
    return ended(syscall(SYS_clone3, &args, sizeof(args)));
}

static int enter(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : attempt_result(setns(fd, 0));
}

/* Only who is in the user namespace that rules a namespace, or in one above, may ask which that is. */
static int find_ruler(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    return fd < 0 ? -errno : attempt_result(ioctl(fd, NS_GET_USERNS));
}

/* An fd that somebody forgot to close and that is a namespace, or a directory of /proc with one in it. */
static int enter_inherited(const char *argument)
{
    (void)argument;
    for (int fd = STDERR_FILENO + 1; fd < FDS; fd++) {
        int inner = openat(fd, "1/ns/uts", O_RDONLY | O_CLOEXEC);

        if (setns(fd, 0) == 0 || (inner >= 0 && setns(inner, 0) == 0))
            return 0;
        if (inner >= 0)
            (void)close(inner);
    }
    return -EBADF;
}

const struct attempt attempts_on_namespaces[] = {
    { "unshare-user", unshare_user },
    { "unshare-mount", unshare_mount },
    { "unshare-user-and-cgroup", unshare_user_and_cgroup },
    { "clone-user", clone_user },
    { "clone3-user", clone3_user },
    { "setns", enter },
    { "rule", find_ruler },
    { "setns-inherited", enter_inherited },
    { NULL, NULL },
};
