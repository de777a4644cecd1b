/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_GUEST_KEEPER_H
#define TESTS_GUEST_KEEPER_H

/* A keeper's end of the connection to czoned, played by a test. */

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/guest/container/container.h"
#include "agent/guest/keeper/record.h"
#include "agent/guest/keeper/wire.h"
#include "agent/guest/run_dir.h"
#include "proto/cleanup.h"
#include "tests/unit/guest_machine.h"
#include "tests/unit/guest_test.h"

static inline void keeper_drop(int *fd)
{
    cleanup_fd(fd);
    *fd = -EBADF;
}

/* Listens in a run directory. A keeper's sockets are SOCK_SEQPACKET. */
static inline int keeper_listen(int run_dir, int type)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    (void)snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d/" KEEPER_SOCKET, run_dir);
    (void)unlinkat(run_dir, KEEPER_SOCKET, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 4), 0);
    return fd;
}

/* Hangs up on the peer there was. czoned is to connect, within a second. */
static inline void keeper_accept(struct machine *of, int listener, int *peer)
{
    keeper_drop(peer);
    for (int i = 0; i < 100 && *peer < 0; i++) {
        machine_run(of, 10);
        *peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    }
    ck_assert_int_ge(*peer, 0);
}

static inline void keeper_tell(struct machine *of, int peer, struct keeper_status status)
{
    status.header.kind = KEEPER_STATUS;
    ck_assert_int_eq(keeper_send(peer, &status, sizeof(status), NULL, 0), 0);
    machine_run(of, 0);
}

/* Gives a container an exec session of which a keeper tells, the first and only one. */
static inline void keeper_add_session(struct machine *of, struct container *container, int *listener,
                                      int *peer)
{
    json_t *state =
        json_loads("{\"parameters\": {\"id\": \"a\", \"args\": [\"/bin/sh\"]}, \"created\": 1}", 0, NULL);
    int folder = -EBADF, dir = -EBADF;

    ck_assert_int_eq(run_dir_make(container->dir_fd, "exec", &folder), 0);
    ck_assert_int_eq(run_dir_make(folder, "1", &dir), 0);
    ck_assert_int_eq(run_dir_write(dir, "state.json", state), 0);
    json_decref(state);
    *listener = keeper_listen(dir, SOCK_SEQPACKET);
    exec_sessions_restore(container);
    ck_assert_uint_eq(container->execs.n, 1);
    keeper_accept(of, *listener, peer);
    (void)close(folder);
    (void)close(dir);
}

#endif
