/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int launch_path_open(int fd, const char *path, int flags, uint64_t resolve)
{
    struct open_how how = { .flags = (unsigned)(flags | O_CLOEXEC), .resolve = resolve };
    int r;

    /* -EAGAIN: a rename elsewhere raced with a ".."; the kernel asks to try again (openat2(2)). */
    for (int i = 0; i < 100; i++) {
        r = (int)syscall(SYS_openat2, fd, path, &how, sizeof(how));
        if (r >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return r < 0 ? -errno : r;
}

int launch_path_of(int fd, char *buffer, size_t size)
{
    char link[64];
    ssize_t n;

    (void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    n = readlink(link, buffer, size - 1);
    if (n < 0)
        return -errno;
    if ((size_t)n == size - 1)
        return -ENAMETOOLONG;
    buffer[n] = '\0';
    if (n == 1 && buffer[0] == '/')
        buffer[0] = '\0';
    return 0;
}

bool launch_path_is_inside(const char *path, const char *other)
{
    size_t length = strlen(other);

    if (length == 1)
        return true; /* "/" */
    return strncmp(path, other, length) == 0 && (path[length] == '/' || path[length] == '\0');
}
