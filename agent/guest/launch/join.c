/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/join.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

/* The pid that a pidfd stands for; 0 when the process has been reaped. */
static int pid_of(int pidfd, pid_t *ret_pid)
{
    char path[64], text[512];
    CLEANUP_FD int fd = -EBADF;
    const char *line;
    ssize_t n;
    long pid;

    (void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    n = read(fd, text, sizeof(text) - 1);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    line = strstr(text, "\nPid:");
    if (!line)
        return -EINVAL; /* no pidfd */
    pid = strtol(line + strlen("\nPid:"), NULL, 10);
    *ret_pid = pid > 0 ? (pid_t)pid : 0;
    return 0;
}

static int open_root(int target)
{
    char path[64];
    pid_t pid = 0, still = 0;
    CLEANUP_FD int fd = -EBADF;
    int r;

    r = pid_of(target, &pid);
    if (r < 0)
        return r;
    if (pid == 0)
        return -ESRCH;
    (void)snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
    fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    /* As long as it is not reaped, the pid is nobody else's. */
    r = pid_of(target, &still);
    if (r < 0)
        return r;
    return still == pid ? take_fd(&fd) : -ESRCH;
}

int launch_join_root(struct launch_root *root, int target, struct launch_failure *failure)
{
    root->live = true;
    root->fd = open_root(target);
    if (root->fd == -ESRCH)
        return launch_failure_set(failure, LAUNCH_GONE, LAUNCH_STAGE_ROOT, -ESRCH, NULL,
                                  "the container has ended");
    if (root->fd < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_ROOT, root->fd, NULL,
                                  "cannot open the root of the running container: %s", strerror(-root->fd));
    root->location = strdup("");
    if (!root->location)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_ROOT, -ENOMEM, NULL, "out of memory");
    return 0;
}

int launch_join_pids(int target, int *ret_own)
{
    CLEANUP_FD int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);

    if (own < 0)
        return -errno;
    if (setns(target, CLONE_NEWPID) < 0)
        return -errno;
    *ret_own = take_fd(&own);
    return 0;
}

bool launch_join_ended(int target)
{
    struct pollfd end = { .fd = target, .events = POLLIN };

    return poll(&end, 1, 0) == 1;
}

void launch_join_leave(int *own)
{
    if (*own >= 0)
        (void)setns(*own, CLONE_NEWPID);
    cleanup_fd(own);
    *own = -EBADF;
}

int launch_join_enter(int target, struct launch_step *step)
{
    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "enter", "the namespaces of the container");
    return setns(target, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP | CLONE_NEWNET) < 0
               ? -errno
               : 0;
}
