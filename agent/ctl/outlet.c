/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/outlet.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/cleanup.h"

/* Not a file, which has a position; nor a socket, which cannot be opened. */
static bool may_be_opened(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && (S_ISFIFO(st.st_mode) || isatty(fd));
}

void outlet_open(struct outlet *ret, int fd)
{
    char path[64];

    *ret = (struct outlet){ .fd = fd, .own = -EBADF };
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (may_be_opened(fd))
        ret->own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

void outlet_close(struct outlet *outlet)
{
    if (outlet->own > 0)
        cleanup_fd(&outlet->own);
    *outlet = (struct outlet){ 0 };
}

int outlet_fd(const struct outlet *outlet)
{
    return outlet->own >= 0 ? outlet->own : outlet->fd;
}

ssize_t outlet_write(const struct outlet *outlet, const unsigned char *bytes, size_t length)
{
    struct pollfd room = { .fd = outlet->fd, .events = POLLOUT };
    ssize_t n;

    if (outlet->own < 0) {
        /* What POLLOUT promises of a pipe; of others this much is there as well. */
        if (poll(&room, 1, 0) == 0)
            return -EAGAIN;
        if (length > PIPE_BUF)
            length = PIPE_BUF;
    }
    do
        n = write(outlet_fd(outlet), bytes, length);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}
