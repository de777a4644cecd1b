/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_SOCKADDR_H
#define PROTO_SOCKADDR_H

/* An address as the kernel takes it. */

#include <sys/socket.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include "proto/address.h"

union sockaddr_any {
    struct sockaddr any;
    struct sockaddr_vm vm;
    struct sockaddr_un un;
};

/* Fills in the socket address; for hvsock that of the VMM's Unix socket. Returns its length. */
socklen_t sockaddr_of_address(const struct address *address, union sockaddr_any *ret);

#endif
