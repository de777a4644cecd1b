/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_SYS_BACKEND_H
#define CZONE_SYS_BACKEND_H

#include <sys/types.h>

#include <czone/context.h>
#include <czone/inventory.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * The one seam between libczone and the kernel. Everything the library learns from the machine or does to it
 * goes through one of these functions, so that a test puts its own in place, and another kernel interface
 * needs one file.
 *
 * This header is for authors of backends. It is kept stable per minor version, not per major like the rest of
 * czone/.
 *
 * Rules for every function:
 *   - returns 0 (or what its text says) on success, a negative errno on failure; ret_ parameters are written
 *     on success only;
 *   - is called by one thread at a time per state; never concurrently with another function of that state,
 *     except the ones marked HELPER, which run in the forked helper process beside the parent;
 *   - HELPER functions are async-signal-safe: no allocation, no stdio, no lock.
 */

/* What a backend keeps while it is open. Each backend defines it for itself. */
struct czone_sys;

/* An open source of uevents; likewise. */
struct czone_sys_uevents;

/* A node as the kernel describes it. */
struct czone_sys_node {
    czone_node_id id;
    bool has_cpu; /* an online CPU belongs to it */
    int tier;     /* as czone_node.tier */
};

/* The page accounting of one node, in bytes. */
struct czone_sys_usage {
    uint64_t total;          /* MemTotal of nodeN/meminfo */
    uint64_t free;           /* MemFree of nodeN/meminfo */
    uint64_t parked;         /* free pages in per-CPU lists, which MemFree does not contain */
    uint64_t managed;        /* pages the page allocator has of this node */
    uint64_t high_watermark; /* reclaim goes on until this much is free */
    uint64_t slack;          /* how far "total less free less parked" may be off and mean nothing */
};

/* What a node can hold, in bytes: two figures of czone_sys_usage. */
struct czone_sys_capacity {
    uint64_t managed;
    uint64_t high_watermark; /* as it was when the node's own memory changed last, or later */
};

/* What a block is to become. */
enum czone_sys_target { CZONE_SYS_OFFLINE, CZONE_SYS_ONLINE_MOVABLE, CZONE_SYS_ONLINE_KERNEL };

/* Memory of one cgroup (with everything below it) on one node, in bytes. */
struct czone_sys_charge {
    uint64_t anon;
    uint64_t file;   /* page cache, shmem included */
    uint64_t shmem;  /* part of file */
    uint64_t kernel; /* slab, page tables, stacks */
};

enum czone_sys_uevent_kind {
    CZONE_SYS_UEVENT_OTHER, /* nothing to do with memory blocks */
    CZONE_SYS_UEVENT_ADD,
    CZONE_SYS_UEVENT_REMOVE,
    CZONE_SYS_UEVENT_ONLINE,
    CZONE_SYS_UEVENT_OFFLINE,
};

struct czone_sys_uevent {
    enum czone_sys_uevent_kind kind;
    czone_block_id block; /* not with OTHER */
};

struct czone_backend {
    size_t size; /* of this struct, as the author of the backend knew it */
    const char *name;

    /*
     * Opens the machine: directories, the cgroup base with the controllers in it. options has every root
     * filled in. post: every other function may be called until close(). Returns 0 or as czone_ctx_new(). */
    int (*open)(const struct czone_ctx_options *options, struct czone_sys **ret_sys,
                struct czone_failure *failure);
    void (*close)(struct czone_sys *sys); /* accepts NULL */

    /* Bytes per memory block: a power of two, the same as long as the machine runs. */
    int (*block_size)(struct czone_sys *sys, uint64_t *ret_bytes);

    /* All possible nodes, ascending. *ret_nodes: free() it. */
    int (*nodes)(struct czone_sys *sys, struct czone_sys_node **ret_nodes, size_t *ret_n);

    /* All blocks present, ascending. *ret_blocks: free() it. */
    int (*blocks)(struct czone_sys *sys, struct czone_block **ret_blocks, size_t *ret_n);

    /* One block as it is now; -ENOENT: not present; -EAGAIN: present, but not on a node yet. */
    int (*block)(struct czone_sys *sys, czone_block_id id, struct czone_block *ret_block);

    /* -ENOENT: the node has no memory now. */
    int (*usage)(struct czone_sys *sys, czone_node_id node, struct czone_sys_usage *ret_usage);

    /* The same, quickly: it is asked for each time a zone is bound. -ENOENT. */
    int (*capacity)(struct czone_sys *sys, czone_node_id node, struct czone_sys_capacity *ret_capacity);

    /* Pages migrated since boot, machine-wide. */
    int (*migrated)(struct czone_sys *sys, uint64_t *ret_pages);

    /* As czone_ctx_check(), for the dangers that do not follow from the blocks. */
    int (*dangers)(struct czone_sys *sys, czone_danger_fn fn, void *data);

    /* Folds the kernel's per-CPU counters, so that the next numbers are exact. A kindness: may fail. */
    int (*settle)(struct czone_sys *sys);

    /* Differs from boot to boot and is the same within one; at most size - 1 characters. */
    int (*boot_id)(struct czone_sys *sys, char *buffer, size_t size);

    /*
     * Forks a helper. Whatever the kernel allocates or migrates on its behalf goes to `home_nodes` (a list
     * such as "0" or "0-1"). In it every signal but SIGKILL is blocked, and every descriptor is closed except
     * keep[] (in any order) and those of this state; it dies with its parent, and no wait() for all children
     * sees it. Returns 0 in the helper, its pid in the parent with *ret_pidfd, which the caller owns.
     */
    pid_t (*fork)(struct czone_sys *sys, const char *home_nodes, const int *keep, size_t n_keep,
                  int *ret_pidfd);

    /* HELPER. The state of a block of `node` as it is now; -ENOENT when it is not present or on another node.
     */
    int (*block_peek)(struct czone_sys *sys, czone_block_id id, czone_node_id node,
                      enum czone_block_state *ret_state);

    /*
     * HELPER. Brings one block to `target`; 0 as well when it is there already. May block without end; a
     * signal ends it. Returns -EBUSY or -EAGAIN (pages that would not go: may succeed later), -EINTR,
     * -ENOMEM, -ENOENT (no such block).
     */
    int (*block_set)(struct czone_sys *sys, czone_block_id id, enum czone_sys_target target);

    /* Directory fd, owned by the caller, of a cgroup by its path below the root ("" is the root). -ENOENT. */
    int (*cgroup_open)(struct czone_sys *sys, const char *path);

    /* Creates a leaf of the cgroup base and tells its path below the root. Returns its directory fd, owned by
     * the caller, or -EEXIST. */
    int (*cgroup_create)(struct czone_sys *sys, const char *name, char *path, size_t size);

    /* Removes a cgroup by its path and the empty ones below. 0 also when it was gone; -EBUSY: populated. */
    int (*cgroup_remove)(struct czone_sys *sys, const char *path);

    /* As czone_cgroup_write() and czone_cgroup_read(). cgroup_write is also HELPER. */
    int (*cgroup_write)(struct czone_sys *sys, int cgroup_fd, const char *attribute, const char *value);
    int (*cgroup_read)(struct czone_sys *sys, int cgroup_fd, const char *attribute, char *buffer,
                       size_t size);

    /*
     * Memory on the n nodes from `first` on, one element each. -ENOENT or -ENODEV: the cgroup is gone, or
     * has no memory controller.
     */
    int (*cgroup_charges)(struct czone_sys *sys, int cgroup_fd, czone_node_id first, size_t n,
                          struct czone_sys_charge *ret_charges);

    /* Calls fn for each cgroup directly below; a result other than 0 ends the walk and is returned. */
    int (*cgroup_children)(struct czone_sys *sys, int cgroup_fd, int (*fn)(void *data, const char *name),
                           void *data);

    /* As czone_cgroup_watch(). */
    int (*cgroup_watch)(struct czone_sys *sys, int cgroup_fd, int inotify_fd);

    /* Path below the root of the cgroup a process is in. -ESRCH. */
    int (*cgroup_of)(struct czone_sys *sys, pid_t pid, char *buffer, size_t size);

    /* Opens the source of uevents; its fd is readable when uevents_next() has something. -EPERM, -EACCES. */
    int (*uevents_open)(struct czone_sys *sys, struct czone_sys_uevents **ret_uevents);
    int (*uevents_fd)(const struct czone_sys_uevents *uevents);
    /* 1: an event; 0: none pending; -ENOBUFS: some were lost. Never blocks. */
    int (*uevents_next)(struct czone_sys_uevents *uevents, struct czone_sys_uevent *ret_event);
    void (*uevents_close)(struct czone_sys_uevents *uevents); /* accepts NULL */
};

/* The backend for Linux: sysfs, proc and cgroup v2 below the root directories of the options. */
const struct czone_backend *czone_backend_linux(void);

/* czone_ctx_new() with another backend; `backend` must outlive the context. -EINVAL: its size is unknown. */
int czone_ctx_new_with(const struct czone_backend *backend, const struct czone_ctx_options *options,
                       struct czone_ctx **ret_ctx, struct czone_failure *failure);

#ifdef __cplusplus
}
#endif

#endif
