/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/userns.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

static int cannot_make(struct launch_failure *failure, int error, const char *what)
{
    const char *hint = "";

    if (error == -ENOSPC || error == -EUSERS)
        hint = " (the limit in /proc/sys/user/max_user_namespaces, or of nesting, is reached)";
    else if (error == -EINVAL)
        return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_NAMESPACE, error, "userns",
                                  "userns: cannot %s: the kernel has no user namespaces (CONFIG_USER_NS)",
                                  what);
    return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_NAMESPACE, error, NULL, "cannot %s: %s%s",
                              what, strerror(-error), hint);
}

static int write_map(pid_t pid, const char *name, const struct launch_id_map *map)
{
    char path[64], text[LAUNCH_ID_MAP_TEXT];
    size_t length = launch_id_map_format(map, text);
    CLEANUP_FD int fd = -EBADF;

    (void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    /* All in one piece, and only once (user_namespaces(7)). */
    return write(fd, text, length) < 0 ? -errno : 0;
}

static int open_namespace(pid_t pid, const char *name)
{
    char path[64];
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* Takes from the process what is wanted of it. */
static int take(struct launch_userns *userns, pid_t pid, const struct launch_users *users, bool network,
                struct launch_failure *failure)
{
    int r = write_map(pid, "uid_map", &users->uids);

    if (r == 0)
        r = write_map(pid, "gid_map", &users->gids);
    if (r < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_NAMESPACE, r, NULL,
                                  "cannot map the ids of a user namespace: %s", strerror(-r));
    r = userns->user = open_namespace(pid, "user");
    if (r >= 0 && network)
        r = userns->network = open_namespace(pid, "net");
    return r < 0 ? cannot_make(failure, r, "open a new user namespace") : 0;
}

int launch_userns_open(struct launch_userns *userns, const struct launch_request *request, bool network,
                       struct launch_failure *failure)
{
    CLEANUP_FD int in = -EBADF, out = -EBADF, holder = -EBADF;
    int ends[2], pidfd = -EBADF, r;
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_NEWUSER,
        .pidfd = (uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    siginfo_t info;
    char byte;
    long pid;

    if (!launch_users_mapped(&request->users))
        return 0;
    network = network && request->network.kind != LAUNCH_NETWORK_HOST;
    if (network)
        args.flags |= CLONE_NEWNET;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return cannot_make(failure, -errno, "make a pipe");
    in = ends[0];
    out = ends[1];
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0) {
        /* Holds the namespaces until the pipe ends, also because its parent is no more. */
        (void)close(out);
        _exit(read(in, &byte, sizeof(byte)) == 0 ? 0 : 1);
    }
    if (pid < 0)
        return cannot_make(failure, -errno, "make a user namespace");
    holder = pidfd;
    r = take(userns, (pid_t)pid, &request->users, network, failure);
    cleanup_fd(&out);
    out = -EBADF;
    while (waitid(P_PIDFD, (id_t)holder, &info, WEXITED) < 0 && errno == EINTR)
        ;
    return r;
}

void launch_userns_close(struct launch_userns *userns)
{
    cleanup_fd(&userns->user);
    cleanup_fd(&userns->network);
    *userns = (struct launch_userns)LAUNCH_USERNS_INIT;
}

int launch_userns_shift(const struct launch_userns *userns, int tree)
{
    struct mount_attr attr = { .attr_set = MOUNT_ATTR_IDMAP, .userns_fd = (uint64_t)userns->user };

    return mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) < 0 ? -errno : 0;
}

int launch_userns_refuse(struct launch_failure *failure, int error, const char *parameter, const char *path,
                         int tree)
{
    if (error != -EINVAL)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_MOUNT, error, NULL,
                                  "cannot map the owners of %s to the container's users: %s", path,
                                  strerror(-error));
    return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_MOUNT, error, parameter,
                              "the owners of %s can't be mapped to the users of the container's user "
                              "namespace: this kernel can't do that on a file system %s, or on one that is "
                              "mounted below it (ext4, xfs, btrfs and erofs can; tmpfs since Linux 6.3; an "
                              "initramfs never): use one that can, or owners \"kept\"",
                              path, launch_mount_type(tree));
}

int launch_userns_dress(const struct launch_users *users)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    /* They return what was before and tell of no error; with the capabilities of root there is none. */
    (void)setfsgid(launch_id_outside(&users->gids, 0));
    (void)setfsuid(launch_id_outside(&users->uids, 0));
    /* Those about files went with fsuid 0. */
    if (syscall(SYS_capget, &header, data) < 0)
        return -errno;
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
        data[i].effective = data[i].permitted;
    return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
}

int launch_userns_enter(int fd)
{
    return setns(fd, CLONE_NEWUSER) < 0 ? -errno : 0;
}
