/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_RELEASE_H
#define CZONE_RELEASE_H

#include <stdbool.h>

#include <czone/zone.h>

#ifdef __cplusplus
extern "C" {
#endif

enum czone_leftover_kind {
    CZONE_LEFTOVER_ANON,
    CZONE_LEFTOVER_FILE,
    CZONE_LEFTOVER_SHMEM,
    CZONE_LEFTOVER_KERNEL,
    CZONE_LEFTOVER_UNKNOWN, /* used pages of the node that no cgroup accounts for */
};

/* Memory that was still in the zone after its own cgroup had been emptied. */
struct czone_leftover {
    enum czone_leftover_kind kind;
    uint64_t bytes;
    char owner[256]; /* cgroup path below the cgroup root; "" when unknown */
};

/* How a release ended, and its account. */
struct czone_release {
    enum czone_zone_state state; /* OFFLINE, or QUARANTINED */
    struct czone_range range;
    size_t n_blocks;
    size_t n_offline;                 /* blocks that are offline now */
    uint64_t empty_ns;                /* time spent dropping what the cgroup still had */
    uint64_t offline_ns;              /* time from the first write of "offline" to the last block gone */
    uint64_t migrated_pages;          /* pgmigrate_success of the whole machine, after less before */
    struct czone_leftover *leftovers; /* found before the offline; the kernel migrates them home if it can */
    size_t n_leftovers;
    struct czone_failure failure; /* with QUARANTINED: the first block that would not go, and why */
};

#define CZONE_RELEASE_INIT                                                                                   \
    {                                                                                                        \
        .failure = CZONE_FAILURE_INIT                                                                        \
    }

struct czone_release_options {
    size_t size;
    unsigned timeout_ms; /* for everything; 0 stands for 10 s */
    /*
     * Processes of the cgroup that are still ending are waited for, within timeout_ms, while the helper
     * process is made ready: to be called right after czone_cgroup_kill(). Without it they make the call
     * fail.
     */
    bool wait_for_exit;
};

#define CZONE_RELEASE_OPTIONS_INIT                                                                           \
    {                                                                                                        \
        .size = sizeof(struct czone_release_options)                                                         \
    }

/*
 * Empties a zone and takes every block offline: unbinds its cgroup, which must have no process left; drops
 * the file cache still charged to it (memory.reclaim); offlines from the highest block down. A zone that does
 * not empty before the deadline is quarantined: it keeps its claim, is never reused, and release may be
 * called again.
 *
 * zone: in any state but RETURNED. An OFFLINE one succeeds at once.
 * options: NULL for defaults.
 * Returns 0 for both outcomes above: look at ret_release->state. Otherwise
 *   -EBUSY   its cgroup still has processes, or with wait_for_exit: still had them at the deadline; nothing
 *            was changed
 *   -EINVAL  the zone is returned, by whichever process, or options->size is unknown
 *   -ECANCELED  with wait_for_exit: the helper process was killed by somebody; nothing was changed
 *   errors of fork(), of reading the kernel's files and of writing the claim's file: the zone is as it was
 * From a start that succeeded on, the cgroup is parted from the zone: its memory.max stays what the bind made
 * it. Blocks up to timeout_ms: see _start(). ret_release is the caller's: czone_release_done().
 */
int czone_zone_release(struct czone_zone *zone, const struct czone_release_options *options,
                       struct czone_release *ret_release, struct czone_failure *failure);
int czone_zone_release_start(struct czone_zone *zone, const struct czone_release_options *options,
                             struct czone_job **ret_job, struct czone_failure *failure);

/* Frees what an account holds, not the struct itself. */
void czone_release_done(struct czone_release *release);

/* "anon", "file"… Static string. Pure. */
const char *czone_leftover_kind_name(enum czone_leftover_kind kind);

#ifdef __cplusplus
}
#endif

#endif
