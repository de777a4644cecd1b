/* SPDX-License-Identifier: Apache-2.0 */
#include "launch.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int launch_floor(const char *cgroup, unsigned index, uint64_t flags, char *const *argv, int out)
{
    struct clone_args args = { .flags = flags | CLONE_INTO_CGROUP, .exit_signal = SIGCHLD };
    char path[PATH_MAX], *env[] = { NULL };
    long pid;
    int fd;

    (void)snprintf(path, sizeof(path), "%s/%u", cgroup, index);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        die("cannot open", path);
    args.cgroup = (unsigned)fd;
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid < 0)
        die("cannot clone into", path);
    if (pid == 0) {
        if (dup2(out, STDOUT_FILENO) >= 0)
            (void)execve(argv[0], argv, env);
        _exit(127);
    }
    (void)close(fd);
    return (int)pid;
}

int launch_command(char *const *argv, int out)
{
    pid_t pid = fork();

    if (pid < 0)
        die("cannot fork for", argv[0]);
    if (pid == 0) {
        if (dup2(out, STDOUT_FILENO) >= 0)
            (void)execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}
