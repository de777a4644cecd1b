/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "proto/address.h"
#include "proto/cleanup.h"
#include "proto/dial.h"
#include "proto/sockaddr.h"

static int listen_fail(const struct address *address, int error, struct reason *reason)
{
    char text[ADDRESS_TEXT_MAX];
    const char *advice = "";

    if (error == -EAFNOSUPPORT)
        advice = ": this kernel has no AF_VSOCK, load the module vsock";
    else if (error == -ENOENT)
        advice = ": make its directory first";
    else if (error == -EADDRINUSE)
        advice = ": somebody listens there already";
    return reason_fail(reason, error, "cannot listen on %s: %s%s", address_format(address, text),
                       strerror(-error), advice);
}

/* Removes the socket of a listener that is gone. Whoever accepts, or has a full backlog, is alive. */
static int remove_stale(const struct address *address, struct reason *reason)
{
    CLEANUP(dial_close) struct dial dial = DIAL_INIT;
    struct stat status;
    int r;

    if (lstat(address->path, &status) < 0)
        return errno == ENOENT ? 0 : listen_fail(address, -errno, reason);
    if (!S_ISSOCK(status.st_mode))
        return reason_fail(reason, -ENOTSOCK, "cannot listen on %s: a file that is no socket is in the way",
                           address->path);
    r = dial_start(&dial, address, NULL);
    if (r == -ENOENT)
        return 0;
    if (r != -ECONNREFUSED)
        return listen_fail(address, -EADDRINUSE, reason);
    if (unlink(address->path) < 0 && errno != ENOENT)
        return listen_fail(address, -errno, reason);
    return 0;
}

/* Nobody can connect before listen(2): until then the mode can be set in peace. */
static int bind_unix(int fd, const struct address *address, const union sockaddr_any *name, socklen_t length,
                     mode_t mode, struct reason *reason)
{
    int r = address->abstract ? 0 : remove_stale(address, reason);

    if (r < 0)
        return r;
    if (bind(fd, &name->any, length) < 0)
        return listen_fail(address, -errno, reason);
    if (!address->abstract && chmod(address->path, mode) < 0)
        return listen_fail(address, -errno, reason);
    return 0;
}

int address_listen(const struct address *address, int backlog, mode_t mode, int *ret_fd,
                   struct reason *reason)
{
    CLEANUP_FD int fd = -EBADF;
    union sockaddr_any name;
    socklen_t length = sockaddr_of_address(address, &name);
    int r;

    if (address->type == ADDRESS_HVSOCK)
        return reason_fail(reason, -EINVAL,
                           "cannot listen on hvsock: it is the VMM's; the guest listens on vsock");
    fd = socket(name.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return listen_fail(address, -errno, reason);
    if (address->type == ADDRESS_UNIX)
        r = bind_unix(fd, address, &name, length, mode, reason);
    else
        r = bind(fd, &name.any, length) < 0 ? listen_fail(address, -errno, reason) : 0;
    if (r < 0)
        return r;
    if (listen(fd, backlog) < 0)
        return listen_fail(address, -errno, reason);
    *ret_fd = take_fd(&fd);
    return 0;
}
