/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_ZONE_H
#define CZONE_ZONE_H

#include <czone/cgroup.h>
#include <czone/context.h>
#include <czone/job.h>
#include <czone/policy.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A zone: one contiguous run of memory blocks on a NUMA node that nobody else uses.
 *
 * The claim to a zone lives in the run directory, not in the process: dropping the last reference to a handle
 * changes nothing about the zone, and another process can open it by name (an OCI poststop hook, a daemon
 * after its restart).
 */
struct czone_zone;

/* Longest zone name, without the terminating NUL. Allowed: letters, digits, '.', '_', '-'; not starting with
 * '.'. */
#define CZONE_ZONE_NAME_MAX 63

struct czone_zone_request {
    size_t size;      /* of this struct: from the INIT macro */
    const char *name; /* unique among claims; chosen by the caller (a container id) */
    uint64_t bytes;   /* at least this much; rounded up to whole blocks */
    struct czone_tier_choice tier;
    /*
     * Only memory that lies wholly inside this range counts (size 0: anywhere). For agents that were told by
     * the host which range it plugged for this zone.
     */
    struct czone_range within;
    unsigned timeout_ms; /* for onlining; 0 stands for 10 s */
    /*
     * Path of the cgroup that the zone will be bound to (czone_cgroup_path()), or NULL. Where there is
     * nothing to be brought online (czone_zone_probe()) the claim names it from the start, and the zone is
     * BOUND: czone_zone_bind(), which is to follow, then has no claim to write. If that fails the claim stays
     * as it is: release the zone, or bind the same cgroup again. Elsewhere, and for a cgroup that another
     * zone has, this counts for nothing.
     */
    const char *cgroup;
};

#define CZONE_ZONE_REQUEST_INIT                                                                              \
    {                                                                                                        \
        .size = sizeof(struct czone_zone_request)                                                            \
    }

/* What there is to know about a zone without asking the kernel. A plain value. */
struct czone_zone_info {
    char name[CZONE_ZONE_NAME_MAX + 1];
    enum czone_zone_state state;
    czone_node_id node;
    int tier;
    enum czone_provider provider;
    struct czone_range range;
    czone_block_id first_block;
    size_t n_blocks;
    char cgroup[256]; /* below the cgroup root; "" while unbound */
};

/*
 * Whether `request` could ever be served here, and by which node now. Pure: neither claims nor reads
 * anything. Placement is deterministic: among free nodes of the allowed tiers the one with the shortest
 * sufficient run, then the lowest node, then the lowest block. FAST and SLOW look at length only within the
 * tier they settle on; with ANY the slower tier comes before the lower node. A tier that the kernel does not
 * tell counts as the slowest. It tells the tier of a node only while memory is online there, and a context
 * keeps what it has once been told: to a new context a fast node that is all offline is a slow one; name the
 * range (within) or the tier where that matters.
 *
 * ret_info->state: CZONE_ZONE_ONLINE if all of it is online as movable memory already and nothing else of its
 * node is, as far as the context knows: then a reserve has nothing to wait for. Else CZONE_ZONE_PLUGGED.
 *
 * Returns 0, or
 *   -EINVAL  bad name or cgroup, bytes of 0 or above INT64_MAX, unknown tier (failure says which)
 *   -EEXIST  a zone of this name exists
 *   -ENOSPC  no free node has such a run now (the host could plug one)
 *   -ENODEV  there is no node at all that could hold a zone: the machine has no second NUMA node (failure
 *            names the QEMU flags)
 */
int czone_zone_probe(const struct czone_ctx *ctx, const struct czone_zone_request *request,
                     struct czone_zone_info *ret_info, struct czone_failure *failure);

/*
 * Claims a node for a zone and brings its run online as movable memory. Blocks that somebody else onlined
 * into the wrong kernel zone are taken offline and put right; blocks of the node outside the run are taken
 * offline, so that nobody else's pages land there.
 *
 * Returns 0, or as czone_zone_probe(), or
 *   -EBUSY      a block could not be put into ZONE_MOVABLE, or somebody else changes the node's blocks
 *   -ETIMEDOUT  timeout_ms passed; what was done is undone
 *   -ECANCELED  the helper process was killed by somebody; what was done is undone
 *   -EACCES, -EPERM  this process may not write a block's state
 *   -ENOMEM     no memory for the new blocks' page structs, which come from the home node
 *   -EBADMSG    a claim of the run directory cannot be read (failure names the file)
 *   -ENODEV     also: no node is a home node
 *   errors of fork() and of writing the claim's file
 * On failure nothing is left claimed or online that was not before; where even the undo failed, the claim
 * stays, quarantined, for czone_zone_release(), or, if the run directory could not be written any more, as it
 * was last written. Blocks for up to timeout_ms, and as long again for the undo: see _start().
 */
int czone_zone_reserve(struct czone_ctx *ctx, const struct czone_zone_request *request,
                       struct czone_zone **ret_zone, struct czone_failure *failure);

/*
 * The same without blocking: claims at once (so errors of czone_zone_probe() come at once), onlines in a
 * helper process. When the job is done czone_job_zone() gives the zone. Dropping the job before that undoes
 * it.
 */
int czone_zone_reserve_start(struct czone_ctx *ctx, const struct czone_zone_request *request,
                             struct czone_job **ret_job, struct czone_failure *failure);

/* Opens an existing zone by name. Returns 0, -ENOENT or -EINVAL. Reads the claim. */
int czone_zone_open(struct czone_ctx *ctx, const char *name, struct czone_zone **ret_zone);

/* All claims, in ascending order of their range. ret_infos is one allocation: free() it. Returns the number
 * or -ENOMEM. Pure. */
int czone_zone_list(const struct czone_ctx *ctx, struct czone_zone_info **ret_infos);

struct czone_zone *czone_zone_ref(struct czone_zone *zone);
struct czone_zone *czone_zone_unref(struct czone_zone *zone);

/* Pure. */
void czone_zone_get_info(const struct czone_zone *zone, struct czone_zone_info *ret_info);

/*
 * The largest memory.max that keeps a container's own limit, not the end of the node, the first thing it
 * meets: managed pages of the zone less its high watermark (/proc/zoneinfo). Returns 0, or -EINVAL before the
 * zone is online, or errors of read().
 */
int czone_zone_usable_bytes(struct czone_zone *zone, uint64_t *ret_bytes);

/*
 * Lets a cgroup use the home nodes and this zone and no other node: writes cpuset.mems, and caps memory.max
 * at czone_zone_usable_bytes(). Pages the cgroup already has elsewhere are migrated by the kernel; bind
 * before the first process starts, or confine it until then (czone_cgroup_confine()). One cgroup per zone and
 * one zone per cgroup. Waits up to 1 s for the kernel to enter a new node into cpuset.mems.effective. What is
 * bound to each other already is bound again: a caller that takes over from one that was killed half-way
 * finishes the work with that. Returns 0, -EINVAL (zone not online), -EBUSY (zone or cgroup is bound to
 * another already), -EOPNOTSUPP (controller not enabled for this cgroup), -ETIMEDOUT (the node did not become
 * effective: not allowed to the cgroup's parent), -ESTALE (the zone is over) or errors of write() and of the
 * claim's file. On failure both attributes are as before.
 */
int czone_zone_bind(struct czone_zone *zone, struct czone_cgroup *cgroup, struct czone_failure *failure);

/*
 * The memory policy for processes of the zone: MPOL_BIND | MPOL_F_RELATIVE_NODES on the zone's index among
 * the nodes of cpuset.mems (numa_memory_policy.rst). Relative, because an absolute policy is silently rebound
 * to the home node when the zone's node goes away and returns. Returns 0 or -EINVAL (zone not bound). Pure.
 */
int czone_zone_policy(const struct czone_zone *zone, struct czone_policy *ret_policy);

/*
 * The policy that czone_zone_policy() will tell of a zone on this node, before there is one: for a process
 * that is made ready for its zone ahead of need. It may have that policy in a cgroup confined by
 * czone_cgroup_confine(); its memory is the home nodes' until the cgroup is bound. Returns 0, -ENOENT (no
 * such node) or -ENODEV (no home node beside it). Pure.
 */
int czone_node_policy(const struct czone_ctx *ctx, czone_node_id node, struct czone_policy *ret_policy);

/*
 * What czone_zone_bind() will write to cpuset.mems for a zone on this node, before there is one: for somebody
 * who has time to write it ahead. While a cgroup has processes the kernel lets whoever writes it wait until
 * all CPUs have put their lists of pages in order (cpuset_migrate_mm() in kernel/cgroup/cpuset.c), and
 * czone_zone_bind() does not write what is so already. The zone's node is not exclusive until it is claimed:
 * write it no earlier than right before that, and back if the claim or czone_zone_bind() fails; or into a
 * cgroup whose processes have a policy that keeps them to the home nodes until then (MPOL_BIND).
 *
 * ret_text, size: where the text goes, with its NUL. Returns 0, -ENOENT (no such node), -ENODEV (no home node
 * beside it) or -ENOBUFS (it is longer). Pure.
 */
int czone_node_mems(const struct czone_ctx *ctx, czone_node_id node, char *ret_text, size_t size);

/*
 * Moves a live container from zone `from` (bound) to zone `to` (online, unbound, of the same context): one
 * write to cpuset.mems; the relative policy of its processes follows. Afterwards `to` is bound and `from` is
 * online, for release. Returns 0, -EINVAL (states), -EXDEV (the nodes have different relative indices, so
 * that the policy would not follow), -ENOSPC
 * (`to` is smaller than what the cgroup uses), -ENOENT (the cgroup is gone), -EBUSY (another process has
 * changed one of the zones meanwhile), -ETIMEDOUT and -ESTALE as czone_zone_bind(), or errors of write(). On
 * failure the container is where it was. Blocks while the kernel migrates, which may not be complete:
 * czone_zone_verify() tells.
 */
int czone_zone_move(struct czone_zone *from, struct czone_zone *to, struct czone_failure *failure);

/*
 * Ends the claim of an offline zone: its node may hold another zone, or the host has taken the memory. The
 * handle stays valid for czone_zone_get_info() with state RETURNED. Returns 0, -EBUSY (not offline: release
 * first) or errors of unlink().
 */
int czone_zone_retire(struct czone_zone *zone);

#ifdef __cplusplus
}
#endif

#endif
