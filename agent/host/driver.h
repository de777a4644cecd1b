/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_DRIVER_H
#define HOST_DRIVER_H

/*
 * The seam between the daemon and a VMM: bring memory in for one zone, take a range back, say what is there.
 * The daemon above decides whether a guest may have it; a driver below decides which device it comes from and
 * speaks the VMM's protocol. Nothing that a guest sent gets here but numbers.
 *
 * The verbs say what is wanted, not how, so that they fit every VMM that can do it: a free virtio-mem device
 * resized or a dimm added (QEMU), a memory zone resized (Cloud Hypervisor), one pool for all (Firecracker:
 * plug grows it, unplug shrinks it).
 *
 * One thread, one event loop; no function blocks. A job's `done` is called exactly once, from the loop, never
 * from inside the function that started the job, and the job is gone when it returns.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/host/tier.h"
#include "proto/reason.h"

/* Longest name of a device, with its NUL. Names come from the VMM's command line. */
#define DRIVER_NAME_MAX 64u

/* Why a request was not fulfilled; the names on the wire are in io.czone.Host.varlink. */
enum refusal {
    REFUSAL_NONE,
    REFUSAL_LIMIT,         /* more than this host gives */
    REFUSAL_RATE,          /* too many requests */
    REFUSAL_NO_DEVICE,     /* nothing free that fits */
    REFUSAL_VMM,           /* the VMM refused, or is gone */
    REFUSAL_TIMEOUT,       /* the guest did not follow */
    REFUSAL_UNKNOWN_RANGE, /* no memory of ours is there */
};

/* `bytes` rounded up to a multiple of `block`, a power of two; 0 if that does not fit. */
uint64_t bytes_round(uint64_t bytes, uint64_t block);

/* As on the wire: "limit", "no-device", …; "" for none. */
const char *refusal_name(enum refusal refusal);

/* Guest-physical memory, [start, start + bytes). */
struct range {
    uint64_t start;
    uint64_t bytes;
};

/* A device that memory can come from, as the VMM reported it last. */
struct driver_device {
    char name[DRIVER_NAME_MAX];
    const char *kind;  /* "virtio-mem", "pc-dimm": a constant */
    int node;          /* guest NUMA node; -1: none */
    struct range span; /* where its memory can be */
    uint64_t plugged;  /* bytes the guest has */
};

struct driver_plug {
    uint64_t bytes;             /* at least; not 0 */
    uint64_t block;             /* what is plugged is a multiple of it, and starts at one; a power of two */
    const struct tier_map *map; /* which nodes suit; must outlive the job */
    struct tier_want tier;
};

struct driver_answer {
    enum refusal refusal;
    struct range range; /* plug: what came in. unplug: what was asked for */
    uint64_t bytes;     /* plug: as range.bytes. unplug: by how much the VMM's own figure fell, also if
                           refused */
    uint64_t limit;   /* LIMIT: the most this host gives; NO_DEVICE: the largest free device, 0: not known */
    const char *kind; /* as in struct driver_device; NULL if none was chosen */
    char device[DRIVER_NAME_MAX];
    int node;
    struct reason message; /* with a refusal: what failed, on what, why, what to do */
};

struct driver;
struct driver_job;

typedef void (*driver_done)(const struct driver_answer *answer, void *userdata);

struct driver_hooks {
    /* The VMM is there and its devices are known. Also after it was lost and came back. */
    void (*ready)(void *userdata);
    /* The VMM is gone, or cannot be reached yet. Jobs have failed or are about to. The driver goes on trying
     * by itself. */
    void (*lost)(const struct reason *reason, void *userdata);
};

struct driver_ops {
    const char *name; /* for people and for the guest: "qemu" */

    /* Closes the VMM's socket and frees. Jobs end without `done`; memory stays as it is. Accepts NULL. */
    struct driver *(*free)(struct driver *driver);

    /* Begins to connect. Before: nothing. After: `ready` or `lost` will be called. Returns 0 or a negative
     * errno. */
    int (*start)(struct driver *driver);

    /* May jobs be started? */
    bool (*is_ready)(const struct driver *driver);

    /* The device of this index, 0 and up, as last reported. Returns false beyond the last one. */
    bool (*device)(const struct driver *driver, size_t index, struct driver_device *ret);

    /* Bytes that are plugged for zones, or that a running job may still plug: what a limit on the total
     * counts. It comes from the VMM, so a restarted daemon counts the same. */
    uint64_t (*committed)(const struct driver *driver);

    /*
     * Brings in memory, on a device that had none.
     *
     * After, answer without refusal: range.bytes >= plug->bytes are plugged by the VMM's own figure; the
     * guest has yet to online them. Answer with refusal: nothing was changed, or it was undone as far as the
     * guest follows.
     *
     * Returns 0 and a job, or -ENOTCONN (not ready), -ENOMEM.
     */
    int (*plug)(struct driver *driver, const struct driver_plug *plug, driver_done done, void *userdata,
                struct driver_job **ret_job);

    /*
     * Takes memory back that the guest has offline already. The range is the guest's word: it must lie wholly
     * within one device with that much plugged, by what the VMM reports now, or the answer is
     * REFUSAL_UNKNOWN_RANGE and nothing was touched.
     *
     * After, answer without refusal: the VMM's figure fell by answer.bytes == range->bytes, or nothing was
     * plugged there any more and the answer repeats that (an earlier daemon died between the VMM's word and
     * its own). With REFUSAL_TIMEOUT: the figure fell by answer.bytes, and no more is asked of the guest
     * where the VMM can take a request back.
     *
     * Returns as plug().
     */
    int (*unplug)(struct driver *driver, const struct range *range, driver_done done, void *userdata,
                  struct driver_job **ret_job);

    /* Wants a plug undone before it is done; `done` is still called, with a refusal if it was undone in time.
     * No effect on an unplug. */
    void (*cancel)(struct driver *driver, struct driver_job *job);
};

/* What every driver begins with. */
struct driver {
    const struct driver_ops *ops;
};

#endif
