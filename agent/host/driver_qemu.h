/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_DRIVER_QEMU_H
#define HOST_DRIVER_QEMU_H

/*
 * The driver for QEMU, over QMP. A plug takes a free virtio-mem device and sets its requested-size; if none
 * is free, it adds a pc-dimm on a node that has no memory device. What was plugged is never remembered here:
 * it is read from QEMU, so that a restarted daemon knows as much.
 *
 * QEMU's size events are a hint at most (one per second, the last wins; one hides another before QEMU 6.2):
 * the driver polls, at first every millisecond, then ever slower.
 */

#include <event2/event.h>

#include "agent/host/driver.h"

struct driver_qemu_options {
    const char *qmp_path;
    /* A plug or unplug that has made no progress for so long has failed. */
    uint64_t stall_us;
    /* Nodes that dimms may be added on; empty: those that only have absent CPUs, as QEMU tells. */
    struct nodes dimm_nodes;
};

/*
 * @hooks  must outlive the driver
 *
 * Returns 0, -ENAMETOOLONG (the socket's path) or -ENOMEM. Free with ops->free().
 */
int driver_qemu_new(struct event_base *base, const struct driver_qemu_options *options,
                    const struct driver_hooks *hooks, void *userdata, struct driver **ret);

#endif
