/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_INVENTORY_H
#define CZONE_INVENTORY_H

#include <czone/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One memory block. */
struct czone_block {
    czone_block_id id;
    czone_node_id node;
    enum czone_block_state state;
    enum czone_provider provider;
};

/* What a node is to the allocator. */
enum czone_node_role {
    CZONE_NODE_HOME,    /* has online memory, and CPUs or boot memory that the kernel uses; shared by all */
    CZONE_NODE_FREE,    /* memory-only, hot-plugged, no claim: a zone may be placed here */
    CZONE_NODE_CLAIMED, /* holds a zone */
    CZONE_NODE_EMPTY,   /* possible, without memory now: the host may plug into it */
    CZONE_NODE_UNFIT,   /* its memory was there at boot, or it has CPUs, whose tasks would fill it */
};

struct czone_node {
    czone_node_id id;
    enum czone_node_role role;
    int tier;                     /* N of memory_tierN, smaller is faster
                                     (Documentation/ABI/testing/sysfs-kernel-mm-memory-tiers); -1 unknown */
    enum czone_provider provider; /* of its blocks; UNKNOWN when mixed or empty */
    size_t n_blocks;              /* present, whatever their state */
    size_t longest_run;           /* blocks in the longest contiguous run */
};

/*
 * The machine as the context knows it now, borrowed and valid until the next call that takes the context.
 * Nodes ascend by id, blocks by id. Pure: reads no file (czone_ctx_refresh() does).
 */
uint64_t czone_inventory_block_size(
    const struct czone_ctx *ctx); /* bytes; from block_size_bytes, often but not always 128 MiB */
size_t czone_inventory_nodes(const struct czone_ctx *ctx, const struct czone_node **ret_nodes);
size_t czone_inventory_blocks(const struct czone_ctx *ctx, const struct czone_block **ret_blocks);

/* "home", "free"… Static string. Pure. */
const char *czone_node_role_name(enum czone_node_role role);

#ifdef __cplusplus
}
#endif

#endif
