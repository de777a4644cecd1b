/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/keeper/spawn.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "proto/cleanup.h"

/* Newer than the headers of Debian 12. Kernels before 6.3 know it not and refuse it. */
#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

static int make_memfd(void)
{
    int fd = memfd_create("czone-keeper", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("czone-keeper", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    return fd < 0 ? -errno : fd;
}

static int copy_file(int from, int to)
{
    struct stat st;

    if (fstat(from, &st) < 0)
        return -errno;
    for (off_t left = st.st_size; left > 0;) {
        ssize_t n = sendfile(to, from, NULL, (size_t)left);

        if (n < 0)
            return -errno;
        if (n == 0)
            return -EIO; /* it shrank */
        left -= n;
    }
    return 0;
}

int keeper_image_open(const char *path, int *ret_image)
{
    CLEANUP_FD int file = open(path, O_RDONLY | O_CLOEXEC);
    CLEANUP_FD int image = -EBADF;
    char magic[4] = "";
    int r;

    if (file < 0)
        return -errno;
    if (pread(file, magic, sizeof(magic), 0) < 0)
        return -errno;
    if (memcmp(magic, "\177ELF", sizeof(magic)) != 0)
        return -ENOEXEC;
    image = make_memfd();
    if (image < 0)
        return image;
    r = copy_file(file, image);
    if (r < 0)
        return r;
    if (fcntl(image, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return -errno;
    /* keeper_spawn() opens it by this number in a process whose own fds end with the socket. */
    r = fcntl(image, F_DUPFD_CLOEXEC, KEEPER_SOCKET_FD + 1);
    if (r < 0)
        return -errno;
    *ret_image = r;
    return 0;
}

struct spawn {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
};

/* All errors of these are -ENOMEM or a mistake of ours. */
static int describe(struct spawn *spawn, int socket)
{
    sigset_t none, all;
    int r;

    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    r = posix_spawn_file_actions_addopen(&spawn->actions, 0, "/dev/null", O_RDONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_addopen(&spawn->actions, 1, "/dev/null", O_WRONLY, 0);
    if (r == 0)
        r = posix_spawn_file_actions_adddup2(&spawn->actions, socket, KEEPER_SOCKET_FD);
    if (r == 0)
        r = posix_spawnattr_setsigmask(&spawn->attributes, &none);
    if (r == 0)
        r = posix_spawnattr_setsigdefault(&spawn->attributes, &all);
    if (r == 0)
        r = posix_spawnattr_setflags(&spawn->attributes,
                                     POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    return -r;
}

static int spawn_with(struct spawn *spawn, int image, int socket, pid_t *ret_pid)
{
    static char name[] = "czone-keeper";
    char *const args[] = { name, NULL };
    char *const env[] = { NULL };
    char path[64];
    int r;

    r = describe(spawn, socket);
    if (r < 0)
        return r;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", image);
    return -posix_spawn(ret_pid, path, &spawn->actions, &spawn->attributes, args, env);
}

static int spawn(int image, int socket, pid_t *ret_pid)
{
    struct spawn spawn;
    int r;

    r = -posix_spawn_file_actions_init(&spawn.actions);
    if (r < 0)
        return r;
    r = -posix_spawnattr_init(&spawn.attributes);
    if (r == 0) {
        r = spawn_with(&spawn, image, socket, ret_pid);
        (void)posix_spawnattr_destroy(&spawn.attributes);
    }
    (void)posix_spawn_file_actions_destroy(&spawn.actions);
    return r;
}

int keeper_spawn(int image, struct keeper_process *ret)
{
    CLEANUP_FD int ours = -EBADF, theirs = -EBADF;
    int ends[2], pidfd, r;
    pid_t pid = 0;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return -errno;
    ours = ends[0];
    theirs = ends[1];
    r = spawn(image, theirs, &pid);
    if (r < 0)
        return r;
    pidfd = pidfd_open(pid, 0);
    if (pidfd < 0) {
        r = -errno;
        (void)kill(pid, SIGKILL); /* not reaped yet, so it is still this process */
        (void)waitpid(pid, NULL, 0);
        return r;
    }
    *ret = (struct keeper_process){ .pid = pid, .pidfd = pidfd, .socket = take_fd(&ours) };
    return 0;
}
