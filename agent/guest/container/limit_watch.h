/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_LIMIT_WATCH_H
#define GUEST_CONTAINER_LIMIT_WATCH_H

/*
 * Tells when a container meets its limits: container-oom with the victim, container-memory-limit,
 * container-pids-limit. The kernel announces changes of memory.events and pids.events through inotify; how
 * often they count up is the container's doing (one that reads files at its memory limit does it all the
 * time), so of the two limits at most one event each is published in LIMIT_WATCH_QUIET_NS, with the number of
 * times, and in between a container that meets its limit wakes nobody. A kill in such a time is told with the
 * end of the container, which follows at once.
 */

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/oom_log.h"
#include "agent/guest/turn.h"

struct container;
struct manager;

#define LIMIT_WATCH_QUIET_NS (10 * NSEC_PER_SEC)
/* The victim is said in the kernel's log right after it is counted: not waited for longer than this. */
#define LIMIT_WATCH_VICTIM_NS (500 * NSEC_PER_MSEC)

/* One for the daemon. */
struct limit_watches {
    int inotify_fd;
    struct event *event;
    struct oom_log log;
};

#define LIMIT_WATCHES_INIT                                                                                   \
    {                                                                                                        \
        .inotify_fd = -EBADF, .log = OOM_LOG_INIT                                                            \
    }

/* One limit that may be met again and again. */
struct limit_count {
    int64_t told;  /* how often it was met, as of the last event */
    uint64_t next; /* monotonic: no event before */
    int wd;        /* inotify's, of one change; negative: changes are not announced now */
};

/* A container's part. All zeroes: not watched. */
struct limit_watch {
    struct container *container; /* NULL: not watched */
    struct limit_count memory, pids;
    int64_t kills;          /* as of the event, of which there is one; 0: not yet */
    struct oom_text victim; /* pid 0: not known yet */
    uint64_t victim_by;     /* monotonic: published without the victim then; 0: no kill is open */
    struct event *timer;
    struct turn look; /* the first one */
};

/* Begins to hear from the kernel. Returns 0 or a negative errno, which has been logged; a log of the kernel's
 * that cannot be read is a warning, and victims stay unnamed. */
int limit_watches_open(struct manager *manager);
void limit_watches_close(struct manager *manager);

/*
 * Watches a container that has begun to run; looks when the starts that wait already have had their turns,
 * for in a burst that costs the next one. Failures are logged; then its limits are told when it ends.
 *
 * @from_now  what was counted before is not told (but kills are)
 */
void limit_watch_start(struct container *container, bool from_now);

/* Looks a last time and stops watching: before the end of the program is told. Accepts one that is not
 * watched. */
void limit_watch_end(struct container *container);

#endif
