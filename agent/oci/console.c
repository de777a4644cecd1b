/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/console.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <termios.h>

#include "proto/cleanup.h"

/* As runc does it: one message, the name of the terminal with the fd. */
static int send_master(const char *socket_path, int master)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char name[] = "/dev/ptmx";
    struct iovec part = { .iov_base = name, .iov_len = sizeof(name) };
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = { 0 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    if (fd < 0)
        return -errno;
    if (strlen(socket_path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, socket_path, strlen(socket_path) + 1);
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(header), &master, sizeof(int));
    return sendmsg(fd, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int console_open(const char *socket_path, int *ret_slave)
{
    CLEANUP_FD int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    CLEANUP_FD int slave = -EBADF;
    struct termios termios;
    char name[64];
    int r;

    if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0)
        return -errno;
    r = ptsname_r(master, name, sizeof(name));
    if (r != 0)
        return -r;
    slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || tcgetattr(slave, &termios) < 0)
        return -errno;
    cfmakeraw(&termios);
    if (tcsetattr(slave, TCSANOW, &termios) < 0)
        return -errno;
    r = send_master(socket_path, master);
    if (r < 0)
        return r;
    *ret_slave = take_fd(&slave);
    return 0;
}
