/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_QEMU_INVENTORY_H
#define HOST_QEMU_INVENTORY_H

/*
 * What QEMU says about its memory devices, and the choices made from it: which device a plug takes, which
 * device a range belongs to, which node a new dimm goes to. Pure: JSON in, decision out.
 *
 * Ours are: every virtio-mem device that has an id= on QEMU's command line (without one it cannot be
 * addressed), and dimms that a czone-hostd added. Other memory is seen, so that its nodes are left alone, and
 * never touched.
 */

#include <jansson.h>

#include "agent/host/driver.h"

enum qemu_type {
    QEMU_VIRTIO_MEM,
    QEMU_DIMM,
    QEMU_OTHER, /* not ours */
};

struct qemu_device {
    enum qemu_type type;
    char name[DRIVER_NAME_MAX];
    int node;
    struct range span;
    uint64_t plugged;
    uint64_t requested;           /* of virtio-mem; else as plugged */
    uint64_t block;               /* of virtio-mem: its own granularity, a power of two; else 1 */
    char memory[DRIVER_NAME_MAX]; /* of a dimm of ours: the object behind it */
    bool busy;                    /* a job is at work on it; set by the driver */
};

struct inventory {
    struct qemu_device *devices;
    size_t count;
};

void inventory_done(struct inventory *inventory);

/*
 * Reads the return of query-memory-devices.
 *
 * @ret  to be emptied with inventory_done(); set on success only. `busy` is false everywhere
 *
 * Returns 0, -EPROTO (not what QEMU's schema promises) or -ENOMEM.
 */
int inventory_decode(json_t *value, struct inventory *ret, struct reason *reason);

/* By name, NULL if it is not there or not ours. */
struct qemu_device *inventory_find(const struct inventory *inventory, const char *name);

/*
 * The virtio-mem device for a plug: nothing plugged nor requested, on a node where nothing else is, of a fit
 * tier, large enough; of those the best tier, then the smallest, then the lowest address.
 *
 * @ret_bytes    plug->bytes, rounded up to what guest and device can do
 * @ret_largest  size of the largest free device, for the refusal; 0 if none is free. Set in any case
 *
 * Returns the device or NULL.
 */
const struct qemu_device *inventory_choose(const struct inventory *inventory, const struct driver_plug *plug,
                                           uint64_t *ret_bytes, uint64_t *ret_largest);

/*
 * The device that backs a range: all of the range within one device of ours, a dimm's exactly its range.
 *
 * Returns 0, or -ENOENT with a reason: no device, or it has less than that plugged. A virtio-mem device that
 * has nothing plugged matches.
 */
int inventory_match(const struct inventory *inventory, const struct range *range,
                    const struct qemu_device **ret, struct reason *reason);

/*
 * Nodes that only have CPUs which are absent: Linux makes a node for them at boot, without memory.
 *
 * @cpus  the return of query-hotpluggable-cpus
 *
 * Returns 0 or -EPROTO.
 */
int inventory_absent_cpu_nodes(json_t *cpus, struct nodes *ret, struct reason *reason);

/* The node for a new dimm: in `nodes`, no memory device there, of a fit tier; the best tier, then the lowest.
 * Returns -1 if there is none. */
int inventory_dimm_node(const struct inventory *inventory, const struct nodes *nodes,
                        const struct driver_plug *plug);

/* The name of our dimm on a node, and the node of a dimm by its name, -1 if it is not ours. */
void dimm_name(int node, char ret[DRIVER_NAME_MAX]);
int dimm_node(const char *name);

/*
 * The name of the memory object for one dimm. Each is made with another nonce and used once: QEMU 10.0 keeps
 * the file of a memfd under its name (cpr_find_fd() in backends/hostmem-memfd.c) until RCU has let go of
 * the memory, some time after object-del has been answered. A new object of that name would be given the old
 * file, which is then closed under it.
 */
void dimm_memory_name(int node, uint64_t nonce, char ret[DRIVER_NAME_MAX]);

/* Is it a name that dimm_memory_name() has made? */
bool dimm_memory_is_ours(const char *name);

/* Is there a dimm that this object is behind? */
bool inventory_has_memory(const struct inventory *inventory, const char *memory);

#endif
