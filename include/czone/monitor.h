/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_MONITOR_H
#define CZONE_MONITOR_H

#include <czone/inventory.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Memory hot-plug as it happens: kernel uevents of the memory and node subsystems. Opaque; holds a reference
 * to its context. */
struct czone_monitor;

enum czone_event_kind {
    CZONE_EVENT_BLOCK_ADDED,
    CZONE_EVENT_BLOCK_REMOVED,
    CZONE_EVENT_BLOCK_ONLINE,
    CZONE_EVENT_BLOCK_OFFLINE,
    CZONE_EVENT_OVERRUN, /* uevents were lost; the context has been refreshed from sysfs */
};

struct czone_event {
    enum czone_event_kind kind;
    struct czone_block block; /* as it is after the event; not with OVERRUN */
};

typedef void (*czone_event_fn)(void *data, const struct czone_event *event);

/* Opens the uevent socket. Returns 0, -EPERM or -EACCES (no netlink here) or errors of socket(). */
int czone_monitor_new(struct czone_ctx *ctx, struct czone_monitor **ret_monitor);
struct czone_monitor *czone_monitor_unref(struct czone_monitor *monitor);

/* Readable when czone_monitor_process() has something to do. Borrowed. */
int czone_monitor_fd(const struct czone_monitor *monitor);

/*
 * Takes all pending uevents, brings the context's inventory up to date, then calls fn (may be NULL) for each
 * change, in order. fn may call any library function but not drop the monitor. Returns the number of events
 * or a negative errno, after which it is to be called again as ever: nothing is lost. Waits for nothing
 * but, when uevents were lost, the lock of the run directory, which is held for file operations only.
 */
int czone_monitor_process(struct czone_monitor *monitor, czone_event_fn fn, void *data);

#ifdef __cplusplus
}
#endif

#endif
