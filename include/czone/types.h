/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_TYPES_H
#define CZONE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Units are types, so that a node is never passed for a block. */

/* Number of a NUMA node, as in /sys/devices/system/node/nodeN. */
typedef struct {
    int32_t n;
} czone_node_id;

/* Number of a memory block, as in /sys/devices/system/memory/memoryN: physical address / block size. */
typedef struct {
    uint64_t n;
} czone_block_id;

#define CZONE_NODE_NONE ((czone_node_id){ -1 })

/* A range of guest-physical addresses, in bytes; end is exclusive: start + size. */
struct czone_range {
    uint64_t start;
    uint64_t size;
};

/* What brought a block into the machine. Told by /proc/iomem, so UNKNOWN when that hides addresses (no
 * CAP_SYS_ADMIN). */
enum czone_provider {
    CZONE_PROVIDER_UNKNOWN,
    CZONE_PROVIDER_BOOT,       /* there when the kernel booted */
    CZONE_PROVIDER_VIRTIO_MEM, /* "System RAM (virtio_mem)" */
    CZONE_PROVIDER_DIMM,       /* ACPI hot-plug: pc-dimm */
    CZONE_PROVIDER_DAX,        /* "System RAM (kmem)": device-dax */
};

/* State of one block: memoryN/state, and for online ones the kernel zone in memoryN/valid_zones. */
enum czone_block_state {
    CZONE_BLOCK_OFFLINE,
    CZONE_BLOCK_MOVABLE, /* online in ZONE_MOVABLE: what a zone consists of */
    CZONE_BLOCK_KERNEL,  /* online in another kernel zone: kernel objects may pin it */
    CZONE_BLOCK_GOING_OFFLINE,
};

/* Where a zone is in its life; czone_zone_state_may_follow() has the arrows. */
enum czone_zone_state {
    CZONE_ZONE_WANTED,      /* asked for, no memory yet (used by agents that wait for the host) */
    CZONE_ZONE_PLUGGED,     /* claimed; blocks present, not all online */
    CZONE_ZONE_ONLINE,      /* every block of the run online as movable memory */
    CZONE_ZONE_BOUND,       /* a cgroup may use it, or is about to */
    CZONE_ZONE_DRAINING,    /* being emptied and taken offline */
    CZONE_ZONE_OFFLINE,     /* every block offline; the host may take it */
    CZONE_ZONE_RETURNED,    /* the claim is over */
    CZONE_ZONE_QUARANTINED, /* would not empty before the deadline; not reused, release may be tried again */
};

/* Which tier of memory a zone may come from; see czone/inventory.h for how tiers are ordered. */
enum czone_tier_preference {
    CZONE_TIER_ANY,  /* best fit over all tiers; the slower tier wins a tie, so that fast memory stays free */
    CZONE_TIER_FAST, /* the fastest tier that fits */
    CZONE_TIER_SLOW, /* the slowest tier that fits */
    CZONE_TIER_NAMED, /* this tier only */
};

struct czone_tier_choice {
    enum czone_tier_preference preference;
    int tier; /* with CZONE_TIER_NAMED: N of /sys/devices/virtual/memory_tiering/memory_tierN */
};

/*
 * Reads "any", "fast", "slow", "memory_tierN" or "N".
 * Returns 0, or -EINVAL for anything else (a tier that does not exist is found out by the placement). Pure.
 */
int czone_tier_choice_parse(const char *text, struct czone_tier_choice *ret_choice);

/* Names for people and protocols: "movable", "virtio-mem", "bound"… Static strings; "unknown" for a value out
 * of range. Pure. */
const char *czone_provider_name(enum czone_provider provider);
const char *czone_block_state_name(enum czone_block_state state);
const char *czone_zone_state_name(enum czone_zone_state state);

/* Whether a zone in state `from` may go to state `to` next. Pure. */
bool czone_zone_state_may_follow(enum czone_zone_state from, enum czone_zone_state to);

#ifdef __cplusplus
}
#endif

#endif
