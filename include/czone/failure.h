/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_FAILURE_H
#define CZONE_FAILURE_H

#include <czone/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What was being done when an operation failed. */
enum czone_stage {
    CZONE_STAGE_NONE,
    CZONE_STAGE_REQUEST, /* the arguments */
    CZONE_STAGE_SCAN,    /* reading the machine */
    CZONE_STAGE_PLACE,   /* looking for a free run of blocks */
    CZONE_STAGE_CLAIM,   /* writing the claim below the run directory */
    CZONE_STAGE_ONLINE,  /* memoryN/state = online_movable */
    CZONE_STAGE_CGROUP,  /* creating, reading or writing a cgroup */
    CZONE_STAGE_EMPTY,   /* dropping what is still charged to the zone's cgroup */
    CZONE_STAGE_OFFLINE, /* memoryN/state = offline */
};

/*
 * The detail of one failure, in memory of the caller (there is no "last error" to go stale).
 * A plain value: nothing in it is allocated.
 */
struct czone_failure {
    int error; /* negative errno, the same as the function returned */
    enum czone_stage stage;
    czone_node_id node;   /* CZONE_NODE_NONE where no node is concerned */
    czone_block_id block; /* meaningful where has_block */
    bool has_block;
    char message[256]; /* one sentence: what failed, on what, why, what to do; no newline, valid UTF-8 */
};

#define CZONE_FAILURE_INIT                                                                                   \
    {                                                                                                        \
        .node = CZONE_NODE_NONE                                                                              \
    }

/* "online", "place"… Static string. Pure. */
const char *czone_stage_name(enum czone_stage stage);

#ifdef __cplusplus
}
#endif

#endif
