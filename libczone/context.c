/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "core/failure_set.h"
#include "ctx.h"

void ctx_log(const struct czone_ctx *ctx, enum czone_log_level level, const char *format, ...)
{
    va_list args;

    if (!ctx->log || level > ctx->log_level)
        return;
    va_start(args, format);
    ctx->log(ctx->log_data, level, format, args);
    va_end(args);
}

/* Copies what the caller knows of the options and fills in the defaults. */
static int complete_options(const struct czone_ctx_options *options, struct czone_ctx_options *ret_options,
                            struct czone_failure *failure)
{
    struct czone_ctx_options complete = CZONE_CTX_OPTIONS_INIT;

    if (options) {
        if (options->size < sizeof(size_t) || options->size > sizeof(complete))
            return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
                               "the options are of a later version of libczone than this one (%zu bytes)",
                               options->size);
        memcpy(&complete, options, options->size);
    }
    complete.size = sizeof(complete);
    if (!complete.sysfs_root)
        complete.sysfs_root = "/sys";
    if (!complete.proc_root)
        complete.proc_root = "/proc";
    if (!complete.cgroup_root)
        complete.cgroup_root = "/sys/fs/cgroup";
    if (!complete.run_root)
        complete.run_root = "/run/czone";
    if (!complete.cgroup_base)
        complete.cgroup_base = "czone";
    if (*complete.cgroup_base == '\0' || *complete.cgroup_base == '/' || strstr(complete.cgroup_base, ".."))
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
                           "the cgroup base \"%s\" is no path below the cgroup root", complete.cgroup_base);
    *ret_options = complete;
    return 0;
}

static int open_claims(struct czone_ctx *ctx, const struct czone_ctx_options *options,
                       struct czone_failure *failure)
{
    int r;

    r = ctx->backend->boot_id(ctx->sys, ctx->claims.boot_id, sizeof(ctx->claims.boot_id));
    if (r < 0)
        return failure_set(failure, r, CZONE_STAGE_SCAN, CZONE_NODE_NONE, "cannot read the boot id: %s",
                           strerror(-r));
    r = claims_open(&ctx->claims, options->run_root);
    if (r < 0)
        return failure_set(failure, r, CZONE_STAGE_CLAIM, CZONE_NODE_NONE,
                           "cannot open the run directory %s: %s", options->run_root, strerror(-r));
    r = ledger_new(&ctx->ledger);
    return r < 0 ? r : claims_refresh(&ctx->claims, &ctx->ledger, ctx->inventory, failure);
}

/* Every function that fails tells why; this is for those that only ran out of memory. */
static int explain(struct czone_failure *failure, int r)
{
    if (r < 0 && failure && failure->error == 0)
        return failure_set(failure, r, CZONE_STAGE_SCAN, CZONE_NODE_NONE, "cannot open the context: %s",
                           strerror(-r));
    return r;
}

static int open_ctx(struct czone_ctx *ctx, const struct czone_ctx_options *options,
                    struct czone_failure *failure)
{
    struct czone_ctx_options complete = CZONE_CTX_OPTIONS_INIT;
    int r;

    r = complete_options(options, &complete, failure);
    if (r < 0)
        return r;
    ctx->log = complete.log;
    ctx->log_data = complete.log_data;
    ctx->log_level = complete.log_level;
    r = ctx->backend->open(&complete, &ctx->sys, failure);
    if (r < 0)
        return r;
    r = scan_machine(ctx, failure);
    if (r < 0)
        return r;
    return open_claims(ctx, &complete, failure);
}

int czone_ctx_new_with(const struct czone_backend *backend, const struct czone_ctx_options *options,
                       struct czone_ctx **ret_ctx, struct czone_failure *failure)
{
    cleanup_with(ctx_cleanup) struct czone_ctx *ctx = NULL;
    int r;

    if (failure)
        *failure = (struct czone_failure)CZONE_FAILURE_INIT;
    if (backend->size != sizeof(*backend))
        return failure_set(failure, -EINVAL, CZONE_STAGE_REQUEST, CZONE_NODE_NONE,
                           "the backend is of another version of libczone");
    ctx = calloc(1, sizeof(*ctx));
    if (!ctx)
        return explain(failure, -ENOMEM);
    ctx->n_refs = 1;
    ctx->backend = backend;
    ctx->claims.run_fd = ctx->claims.dir_fd = ctx->claims.counter_fd = -EBADF;
    r = open_ctx(ctx, options, failure);
    if (r < 0)
        return explain(failure, r);
    *ret_ctx = TAKE_PTR(ctx);
    return 0;
}

int czone_ctx_new(const struct czone_ctx_options *options, struct czone_ctx **ret_ctx,
                  struct czone_failure *failure)
{
    return czone_ctx_new_with(czone_backend_linux(), options, ret_ctx, failure);
}

struct czone_ctx *czone_ctx_ref(struct czone_ctx *ctx)
{
    ctx->n_refs++;
    return ctx;
}

struct czone_ctx *czone_ctx_unref(struct czone_ctx *ctx)
{
    if (!ctx || --ctx->n_refs > 0)
        return NULL;
    claims_done(&ctx->claims);
    ledger_free(ctx->ledger);
    inventory_free(ctx->inventory);
    ctx->backend->close(ctx->sys);
    free(ctx);
    return NULL;
}

int czone_ctx_refresh(struct czone_ctx *ctx, struct czone_failure *failure)
{
    int r = scan_machine(ctx, failure);

    return r < 0 ? r : claims_refresh(&ctx->claims, &ctx->ledger, ctx->inventory, failure);
}

int czone_ctx_validate(const struct czone_ctx *ctx, struct czone_failure *failure)
{
    return ledger_validate(ctx->ledger, ctx->inventory, failure);
}

/* Memory of a node for zones that is online where the kernel may put its own objects. */
static int wrong_zones(const struct czone_ctx *ctx, czone_danger_fn fn, void *data)
{
    const struct czone_node *nodes;
    size_t n = inventory_nodes(ctx->inventory, &nodes);
    int n_dangers = 0;

    for (size_t i = 0; i < n; i++) {
        const struct czone_block *blocks;
        size_t n_blocks = inventory_node_blocks(ctx->inventory, nodes[i].id, &blocks), n_wrong = 0;
        char sentence[256];

        if (nodes[i].role != CZONE_NODE_FREE && nodes[i].role != CZONE_NODE_CLAIMED)
            continue;
        for (size_t k = 0; k < n_blocks; k++)
            n_wrong += blocks[k].state == CZONE_BLOCK_KERNEL;
        if (n_wrong == 0)
            continue;
        (void)snprintf(
            sentence, sizeof(sentence),
            "%zu blocks of node %d were onlined by somebody else for the kernel's own use; a "
            "reservation there tries to put them right; look for a udev rule or memhp_default_state=",
            n_wrong, nodes[i].id.n);
        fn(data, "wrong-zone", sentence);
        n_dangers++;
    }
    return n_dangers;
}

int czone_ctx_check(struct czone_ctx *ctx, czone_danger_fn fn, void *data)
{
    int r;

    r = ctx->backend->dangers(ctx->sys, fn, data);
    return r < 0 ? r : r + wrong_zones(ctx, fn, data);
}

uint64_t czone_inventory_block_size(const struct czone_ctx *ctx)
{
    return inventory_block_size(ctx->inventory);
}

size_t czone_inventory_nodes(const struct czone_ctx *ctx, const struct czone_node **ret_nodes)
{
    return inventory_nodes(ctx->inventory, ret_nodes);
}

size_t czone_inventory_blocks(const struct czone_ctx *ctx, const struct czone_block **ret_blocks)
{
    return inventory_blocks(ctx->inventory, ret_blocks);
}
