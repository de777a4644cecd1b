/* SPDX-License-Identifier: Apache-2.0 */
/* Kernel uevents (Documentation/ABI/testing/sysfs-uevent, lib/kobject_uevent.c) through libnl. */
#include <errno.h>
#include <linux/netlink.h>
#include <netlink/errno.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <string.h>
#include <sys/socket.h>

#include "../cleanup.h"
#include "attr.h"
#include "machine.h"

/* The kernel's own events; udev resends them to another group. */
#define KERNEL_GROUP 1

/* Room for the events of a few TiB that are plugged at once. */
#define RECEIVE_BUFFER (1 << 20)

struct czone_sys_uevents {
    struct nl_sock *socket;
};

static int to_errno(int error)
{
    switch (-error) {
    case 0:
        return 0;
    case NLE_AGAIN:
        return -EAGAIN;
    case NLE_NOMEM: /* libnl's number for ENOBUFS, too */
        return -ENOBUFS;
    case NLE_PERM:
        return -EPERM;
    case NLE_NOACCESS:
        return -EACCES;
    default:
        return -EIO;
    }
}

int uevents_open(struct czone_sys *sys, struct czone_sys_uevents **ret_uevents)
{
    struct czone_sys_uevents *uevents;
    int r, size = RECEIVE_BUFFER;

    (void)sys;
    uevents = calloc(1, sizeof(*uevents));
    if (!uevents)
        return -ENOMEM;
    uevents->socket = nl_socket_alloc();
    if (!uevents->socket) {
        free(uevents);
        return -ENOMEM;
    }
    nl_join_groups(uevents->socket, KERNEL_GROUP);
    r = nl_connect(uevents->socket, NETLINK_KOBJECT_UEVENT);
    if (r == 0)
        r = nl_socket_set_nonblocking(uevents->socket);
    if (r < 0) {
        uevents_close(uevents);
        return to_errno(r);
    }
    /* Beyond the limit for everybody where that is allowed; an overrun is told and survived. */
    if (setsockopt(nl_socket_get_fd(uevents->socket), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) < 0)
        (void)nl_socket_set_buffer_size(uevents->socket, RECEIVE_BUFFER, 0);
    *ret_uevents = uevents;
    return 0;
}

int uevents_fd(const struct czone_sys_uevents *uevents)
{
    return nl_socket_get_fd(uevents->socket);
}

static enum czone_sys_uevent_kind kind_of(const char *action)
{
    static const struct {
        const char *action;
        enum czone_sys_uevent_kind kind;
    } kinds[] = {
        { "add", CZONE_SYS_UEVENT_ADD },
        { "remove", CZONE_SYS_UEVENT_REMOVE },
        { "online", CZONE_SYS_UEVENT_ONLINE },
        { "offline", CZONE_SYS_UEVENT_OFFLINE },
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(action, kinds[i].action) == 0)
            return kinds[i].kind;
    return CZONE_SYS_UEVENT_OTHER;
}

void uevent_parse(const char *message, size_t size, struct czone_sys_uevent *ret_event)
{
    struct czone_sys_uevent event = { .kind = CZONE_SYS_UEVENT_OTHER };
    const char *action = "", *path = "", *subsystem = "", *end = message + size, *name;

    /* "ACTION@PATH" and then "KEY=value", each ended by a NUL. */
    for (const char *p = message; p < end;) {
        size_t n = strnlen(p, (size_t)(end - p));

        if (p + n == end)
            break; /* not terminated */
        if (strncmp(p, "ACTION=", 7) == 0)
            action = p + 7;
        else if (strncmp(p, "DEVPATH=", 8) == 0)
            path = p + 8;
        else if (strncmp(p, "SUBSYSTEM=", 10) == 0)
            subsystem = p + 10;
        p += n + 1;
    }
    name = strrchr(path, '/');
    if (strcmp(subsystem, "memory") == 0 && name && attr_number(name + 1, "memory", &event.block.n) == 0)
        event.kind = kind_of(action);
    *ret_event = event;
}

int uevents_next(struct czone_sys_uevents *uevents, struct czone_sys_uevent *ret_event)
{
    for (;;) {
        cleanup_free unsigned char *message = NULL;
        struct sockaddr_nl sender = { 0 };
        int n;

        n = nl_recv(uevents->socket, &sender, &message, NULL);
        if (n == -NLE_AGAIN || n == 0)
            return 0;
        if (n < 0)
            return to_errno(n);
        /* Port 0 is the kernel; anybody with the right to send could forge the rest. */
        if (sender.nl_pid != 0)
            continue;
        uevent_parse((const char *)message, (size_t)n, ret_event);
        if (ret_event->kind != CZONE_SYS_UEVENT_OTHER)
            return 1;
    }
}

void uevents_close(struct czone_sys_uevents *uevents)
{
    if (!uevents)
        return;
    nl_socket_free(uevents->socket);
    free(uevents);
}
