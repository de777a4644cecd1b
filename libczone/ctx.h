/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CTX_H
#define CZONE_CTX_H

#include <czone/sys/backend.h>

#include "claims.h"
#include "core/inventory.h"
#include "core/ledger.h"

struct czone_ctx {
    unsigned n_refs;
    const struct czone_backend *backend;
    struct czone_sys *sys;
    struct inventory *inventory; /* the machine as last read */
    struct ledger *ledger;       /* the claims as last read */
    struct claims claims;        /* where they are kept */
    czone_log_fn log;
    void *log_data;
    enum czone_log_level log_level;
};

void ctx_log(const struct czone_ctx *ctx, enum czone_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static inline void ctx_cleanup(struct czone_ctx **ctx)
{
    (void)czone_ctx_unref(*ctx);
}

/*
 * Reads the machine into a new inventory, which replaces the old one with the ledger's claims marked in it.
 * Returns 0 or errors of the backend; on failure the old one stays.
 */
int scan_machine(struct czone_ctx *ctx, struct czone_failure *failure);

/*
 * Reads one block anew. Returns 1 if something changed, 0 if all was known, or
 *   -EAGAIN  the kernel has announced the block and not linked it yet to its node, or, if is_new (it came
 * while we were watching), to the dimm that brought it: look again soon A block that is not there any more is
 * taken out of the inventory.
 */
int scan_block(struct czone_ctx *ctx, czone_block_id id, bool is_new);

/* The same for a block that stays without a dimm: it is new, so it was not there at boot, whoever brought it.
 */
int scan_block_unlinked(struct czone_ctx *ctx, czone_block_id id);

/*
 * Reads the states of a run's blocks anew, or of all known blocks of a node: a context without a monitor does
 * not learn what others have done. Returns 1 if something changed, 0 if all was known, or errors of the
 * backend.
 */
int scan_run(struct czone_ctx *ctx, czone_node_id node, czone_block_id first, size_t n);
int scan_node(struct czone_ctx *ctx, czone_node_id node);

/* Reads the tier of one node unless it is known: the kernel tells it only of nodes with memory online. */
int scan_tier(struct czone_ctx *ctx, czone_node_id node);

#endif
