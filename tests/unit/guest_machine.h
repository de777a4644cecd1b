/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_GUEST_MACHINE_H
#define TESTS_GUEST_MACHINE_H

/*
 * czoned's manager on a machine made of files: node 0 with four blocks of 128 MiB since boot, nodes 1 and 2
 * possible and empty. Memory comes only by machine_plug(), and stays offline whatever is written to it.
 * Any failure is a failed check.
 */

#include <czone/sys/backend.h>

#include "agent/guest/manager.h"
#include "agent/guest/options.h"
#include "proto/client.h"

#define BLOCK (INT64_C(128) << 20)

struct machine {
    char root[64];
    struct options options;
    struct czone_backend backend;
    struct manager *manager;
    bool refuse; /* further connections are refused ones */
};

/* nodes: how many are possible, 1 to 3. */
void machine_set_up(struct machine *machine, int nodes);
void machine_tear_down(struct machine *machine);

/* This czoned is gone, as if it had crashed, and another takes over what it has left. Clients lose their
 * connections. */
void machine_restart(struct machine *machine);

/* A block of memory appears on a node, offline, and is announced. */
void machine_plug(struct machine *machine, int node, uint64_t block);

/* A block is gone, and that is announced. */
void machine_unplug(struct machine *machine, int node, uint64_t block);

/* A connection to czoned; the peer's end. */
int machine_connect(struct machine *machine);
struct varlink_client *machine_client(struct machine *machine);

/* Lets the daemon work until it has nothing more to do, or for so long. */
void machine_run(struct machine *machine, unsigned int ms);

/* One call and its first reply; parameters as JSON text. The reply is the caller's. */
struct varlink_reply machine_call(struct machine *machine, struct varlink_client *client, const char *method,
                                  const char *parameters, unsigned int flags);
/* The next reply of a stream. */
struct varlink_reply machine_next(struct machine *machine, struct varlink_client *client);

#endif
