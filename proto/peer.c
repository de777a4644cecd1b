/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/peer.h"

#include <errno.h>
#include <sys/socket.h>

#include <linux/vm_sockets.h>

int peer_of_socket(int fd, struct peer *ret)
{
    union {
        struct sockaddr any;
        struct sockaddr_storage storage;
        struct sockaddr_vm vm;
    } address = { 0 };
    socklen_t length = sizeof(address);
    struct ucred credentials;
    socklen_t credentials_length = sizeof(credentials);

    if (getpeername(fd, &address.any, &length) < 0)
        return -errno;
    if (address.any.sa_family == AF_VSOCK) {
        *ret = (struct peer){ .vsock = true, .cid = address.vm.svm_cid, .port = address.vm.svm_port };
        return 0;
    }
    if (address.any.sa_family != AF_UNIX)
        return -EAFNOSUPPORT;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &credentials_length) < 0)
        return -errno;
    *ret = (struct peer){ .pid = credentials.pid, .uid = credentials.uid, .gid = credentials.gid };
    return 0;
}
