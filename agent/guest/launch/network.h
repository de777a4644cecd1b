/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_NETWORK_H
#define GUEST_LAUNCH_NETWORK_H

#include "agent/guest/launch/failure.h"
#include "agent/guest/launch/request.h"
#include "agent/guest/launch/step.h"

struct nl_sock;

/*
 * A container's network. All of it is done by the child in its own network namespace, with a socket that was
 * opened in the guest's: whatever ends the child, also half-way, ends the namespace, and with the namespace
 * the kernel removes the pair of devices whose one end is in it.
 */
struct launch_uplink {
    struct nl_sock *socket; /* of the guest's network; NULL without a veth */
};

/* Checks syntax, and that the bridge is one; opens the socket. uplink: zeroed. Returns 0 or failure->error
 * (LAUNCH_BAD_PARAMETER "network"). The caller calls launch_uplink_close() in both cases. */
int launch_uplink_open(struct launch_uplink *uplink, const struct launch_network *network,
                       struct launch_failure *failure);

void launch_uplink_close(struct launch_uplink *uplink);

/* The fd of its socket, or -EBADF. */
int launch_uplink_fd(const struct launch_uplink *uplink);

/* In the child, before its root is changed: sets up the network of the calling process, which is new. Returns
 * 0 or a negative errno, and *step says at what. */
int launch_network_enter(const struct launch_uplink *uplink, const struct launch_network *network,
                         struct launch_step *step);

#endif
