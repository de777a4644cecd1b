/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CONTEXT_H
#define CZONE_CONTEXT_H

#include <stdarg.h>

#include <czone/failure.h>

#ifdef __cplusplus
extern "C" {
#endif

/* One view of one machine: its directories, its inventory as last read, the claims in its run directory.
 * Opaque, reference-counted. */
struct czone_ctx;

enum czone_log_level { CZONE_LOG_ERR = 3, CZONE_LOG_WARNING = 4, CZONE_LOG_INFO = 6, CZONE_LOG_DEBUG = 7 };

/* Gets each log line of a context, without a newline. Called from within library calls, on their thread; must
 * not call back. */
typedef void (*czone_log_fn)(void *data, enum czone_log_level level, const char *format, va_list args);

/*
 * Options of a context. Start from CZONE_CTX_OPTIONS_INIT and set what differs: `size` tells the library
 * which fields the caller knows, later versions only add at the end.
 */
struct czone_ctx_options {
    size_t size;
    /*
     * Root directories. NULL stands for the default in brackets. All access goes through a directory fd
     * opened once, so a captured tree works like the real one. Not retained after czone_ctx_new().
     */
    const char *sysfs_root;  /* [/sys] */
    const char *proc_root;   /* [/proc] */
    const char *cgroup_root; /* [/sys/fs/cgroup] the cgroup v2 mount */
    const char *run_root;    /* [/run/czone] claims and locks; created 0700 if missing */
    /*
     * The cgroup below cgroup_root that is ours to manage (the delegated subtree), without leading slash
     * ["czone"]. Created if missing, with the cpuset, memory and pids controllers enabled on the way down.
     */
    const char *cgroup_base;
    czone_log_fn log; /* NULL: no log */
    void *log_data;   /* borrowed; passed to log */
    enum czone_log_level log_level;
};

#define CZONE_CTX_OPTIONS_INIT                                                                               \
    {                                                                                                        \
        .size = sizeof(struct czone_ctx_options), .log_level = CZONE_LOG_WARNING                             \
    }

/*
 * Opens a context and reads the machine once.
 *
 * options: NULL for all defaults.
 * Returns 0, or
 *   -EINVAL      options->size is unknown to this library, or a path is not usable
 *   -ENOENT      a root directory or the memory block interface is missing (kernel without memory hot-plug)
 *   -EOPNOTSUPP  cgroup v2 is not mounted at cgroup_root, or a needed controller is missing (cgroup v1 only)
 *   -ENOMEM, -EACCES and other errors of open() and read()
 * Blocks only for file reads.
 */
int czone_ctx_new(const struct czone_ctx_options *options, struct czone_ctx **ret_ctx,
                  struct czone_failure *failure);

struct czone_ctx *czone_ctx_ref(struct czone_ctx *ctx);
struct czone_ctx *czone_ctx_unref(struct czone_ctx *ctx);

/*
 * Reads nodes, blocks, tiers and claims anew. A context also learns from its monitor (czone/monitor.h); this
 * is for callers without one, and after an overrun of it. Zone handles stay valid. Returns 0 or a negative
 * errno as czone_ctx_new(); on failure the previous view stays. Cost: two small files per block.
 */
int czone_ctx_refresh(struct czone_ctx *ctx, struct czone_failure *failure);

/*
 * Checks the context's books: every claim on a node of its own, every run contiguous and inside its node, no
 * block in two zones, states that agree with the blocks. Reads no file. Returns 0 or -EUCLEAN;
 * failure->message names the first broken rule.
 */
int czone_ctx_validate(const struct czone_ctx *ctx, struct czone_failure *failure);

/*
 * Dangers to exclusivity, and to the return of zones, in this kernel (demotion on, NUMA balancing on, KSM
 * running, memory onlined by the kernel itself, or by somebody else into the wrong kernel zone; packets whose
 * pages are freed late; an oops).
 * Calls back once per danger with a stable id ("demotion-enabled", "numa-balancing", "ksm-running",
 * "auto-online", "deferred-packets", "kernel-oops", "wrong-zone") and a sentence that says what it does and
 * what to do about it. Returns the number of dangers, or a negative errno. Reads a few files.
 */
typedef void (*czone_danger_fn)(void *data, const char *id, const char *sentence);
int czone_ctx_check(struct czone_ctx *ctx, czone_danger_fn fn, void *data);

#ifdef __cplusplus
}
#endif

#endif
