/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LISTENER_H
#define GUEST_LISTENER_H

/*
 * Where connections come in: inherited sockets (sd_listen_fds(3)), or own ones. A vsock peer must be the host
 * (CID 2): anything else on that port is a process of this guest, such as a container. Unix sockets are
 * guarded by their file's mode.
 */

#include <event2/event.h>

#include "agent/guest/options.h"

struct manager;

struct listener {
    struct listeners *listeners;
    struct event *event;
    int fd;
    char path[ADDRESS_PATH_MAX + 1]; /* of an own Unix socket, removed at the end; "" for others */
};

struct listeners {
    struct manager *manager;
    struct listener items[OPTIONS_LISTEN_MAX];
    size_t n;
    struct event *retry; /* armed while accept() has failed for want of fds or memory */
    uint64_t refused;    /* peers turned away since the last line about it */
    uint64_t refused_logged_at;
};

/*
 * Opens what the options say, else takes what was inherited, else the default addresses. A default that the
 * kernel does not have (no vsock) is left out with a warning as long as another works.
 *
 * Returns 0 or a negative errno; what is wrong has been logged.
 */
int listeners_open(struct listeners *listeners, struct manager *manager);

/* Stops listening; own Unix sockets vanish from the file system. */
void listeners_close(struct listeners *listeners);

/* A place has become free: go on if accept() had to stop. */
void listeners_resume(struct listeners *listeners);

#endif
