/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and terminals. */
#include "attempt.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#ifdef __x86_64__
#include <sys/io.h>
#endif

/* Numbers of the kernel's devices.txt. */
#define MEMORY_MAJOR 1
#define ZERO_MINOR   5
#define RAM_MAJOR    1

static int make_node(const char *path, mode_t type, dev_t device)
{
    int r = attempt_result(mknod(path, type | 0600, device));

    if (r == 0)
        (void)unlink(path);
    return r;
}

/* The memory of the machine (/dev/mem). */
static int mknod_memory(const char *path)
{
    return make_node(path, S_IFCHR, makedev(MEMORY_MAJOR, 1));
}

/* CVE-2026-24834: a disk that is the guest's or the image's. */
static int mknod_disk(const char *path)
{
    return make_node(path, S_IFBLK, makedev(RAM_MAJOR, 0));
}

/* Not an attempt: leaves /dev/zero under another name, for an image that brings device files. */
static int plant_device(const char *path)
{
    return attempt_result(mknod(path, S_IFCHR | 0666, makedev(MEMORY_MAJOR, ZERO_MINOR)));
}

/* Types into a terminal that somebody outside may read from. */
static int type_into(int fd)
{
    static const char nothing = '\0';

    return attempt_result(ioctl(fd, TIOCSTI, &nothing));
}

static int type_into_terminals(const char *argument)
{
    static const char *const paths[] = { "/dev/ttyS0", "/dev/console", "/dev/tty0", "/dev/tty" };
    int r = -ENOTTY;

    (void)argument;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        r = type_into(fd);
        if (r == 0)
            return 0;
    }
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        int fd = open(paths[i], O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);

        if (fd >= 0 && type_into(fd) == 0)
            return 0;
    }
    return r;
}

#ifdef __x86_64__
static int io_ports(const char *argument)
{
    (void)argument;
    return attempt_result(iopl(3));
}
#endif

const struct attempt attempts_on_devices[] = {
    { "mknod-memory", mknod_memory },
    { "mknod-disk", mknod_disk },
    { "plant-device", plant_device },
    { "type-into-terminals", type_into_terminals },
#ifdef __x86_64__
    { "io-ports", io_ports },
#endif
    { NULL, NULL },
};
