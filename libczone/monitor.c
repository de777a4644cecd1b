/* SPDX-License-Identifier: Apache-2.0 */
#include <czone/monitor.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>

#include "cleanup.h"
#include "ctx.h"

/* The kernel announces a block before it links it to its node and its dimm; how soon to look again, and how
 * often. */
#define LINK_RETRY_NS 2000000
#define LINK_TRIES    100

/* How soon to read the machine anew when that failed. */
#define REFRESH_RETRY_NS 100000000

struct events {
    struct czone_event *items;
    size_t n;
    size_t room;
};

struct czone_monitor {
    struct czone_ctx *ctx;
    struct czone_sys_uevents *uevents;
    int epoll_fd;
    int timer_fd;             /* armed while there is something to look at again */
    bool is_armed;            /* it may be: what is taken often should not cost more than it has to */
    bool needs_refresh;       /* uevents were lost and the machine could not be read anew yet */
    unsigned n_tries;         /* since the last such block came */
    czone_block_id *unlinked; /* those blocks */
    size_t n_unlinked;
    size_t unlinked_room;
};

static void monitor_cleanup(struct czone_monitor **monitor)
{
    (void)czone_monitor_unref(*monitor);
}

static int watch(struct czone_monitor *monitor, int fd)
{
    struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

    return epoll_ctl(monitor->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int czone_monitor_new(struct czone_ctx *ctx, struct czone_monitor **ret_monitor)
{
    cleanup_with(monitor_cleanup) struct czone_monitor *monitor = NULL;
    int r;

    monitor = calloc(1, sizeof(*monitor));
    if (!monitor)
        return -ENOMEM;
    monitor->ctx = czone_ctx_ref(ctx);
    monitor->epoll_fd = monitor->timer_fd = -EBADF;
    r = ctx->backend->uevents_open(ctx->sys, &monitor->uevents);
    if (r < 0)
        return r;
    monitor->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    monitor->timer_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (monitor->epoll_fd < 0 || monitor->timer_fd < 0)
        return -errno;
    r = watch(monitor, ctx->backend->uevents_fd(monitor->uevents));
    if (r == 0)
        r = watch(monitor, monitor->timer_fd);
    if (r < 0)
        return r;
    /* What happened before the socket was there. */
    r = czone_ctx_refresh(ctx, NULL);
    if (r < 0)
        return r;
    *ret_monitor = TAKE_PTR(monitor);
    return 0;
}

struct czone_monitor *czone_monitor_unref(struct czone_monitor *monitor)
{
    if (!monitor)
        return NULL;
    monitor->ctx->backend->uevents_close(monitor->uevents);
    cleanup_close_fd(&monitor->timer_fd);
    cleanup_close_fd(&monitor->epoll_fd);
    czone_ctx_unref(monitor->ctx);
    free(monitor->unlinked);
    free(monitor);
    return NULL;
}

int czone_monitor_fd(const struct czone_monitor *monitor)
{
    return monitor->epoll_fd;
}

static int add_event(struct events *events, enum czone_event_kind kind, const struct czone_block *block)
{
    if (events->n == events->room) {
        size_t room = events->room ? 2 * events->room : 32;
        struct czone_event *larger = realloc(events->items, room * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        events->items = larger;
        events->room = room;
    }
    events->items[events->n] = (struct czone_event){ .kind = kind };
    if (block)
        events->items[events->n].block = *block;
    events->n++;
    return 0;
}

static int set_timer(struct czone_monitor *monitor)
{
    struct itimerspec when = { .it_value.tv_nsec = monitor->needs_refresh    ? REFRESH_RETRY_NS
                                                   : monitor->n_unlinked > 0 ? LINK_RETRY_NS
                                                                             : 0 };
    bool arms = when.it_value.tv_nsec > 0;

    if (!arms && !monitor->is_armed)
        return 0;
    if (timerfd_settime(monitor->timer_fd, 0, &when, NULL) < 0)
        return -errno;
    monitor->is_armed = arms;
    return 0;
}

static int remember_unlinked(struct czone_monitor *monitor, czone_block_id id)
{
    for (size_t i = 0; i < monitor->n_unlinked; i++)
        if (monitor->unlinked[i].n == id.n)
            return 0;
    if (monitor->n_unlinked == monitor->unlinked_room) {
        size_t room = monitor->unlinked_room ? 2 * monitor->unlinked_room : 16;
        czone_block_id *larger = realloc(monitor->unlinked, room * sizeof(*larger));

        if (!larger)
            return -ENOMEM;
        monitor->unlinked = larger;
        monitor->unlinked_room = room;
    }
    monitor->unlinked[monitor->n_unlinked++] = id;
    monitor->n_tries = 0;
    return 0;
}

static void forget_unlinked(struct czone_monitor *monitor, czone_block_id id)
{
    for (size_t i = 0; i < monitor->n_unlinked; i++)
        if (monitor->unlinked[i].n == id.n) {
            monitor->n_unlinked--;
            memmove(&monitor->unlinked[i], &monitor->unlinked[i + 1],
                    (monitor->n_unlinked - i) * sizeof(*monitor->unlinked));
            return;
        }
}

static int take_removal(struct czone_monitor *monitor, czone_block_id id, struct events *events)
{
    const struct czone_block *known = inventory_block(monitor->ctx->inventory, id);
    struct czone_block block;
    int r;

    forget_unlinked(monitor, id);
    if (!known)
        return 0;
    block = *known;
    r = scan_block(monitor->ctx, id, false);
    if (r < 0 && r != -EAGAIN)
        return r;
    return add_event(events, CZONE_EVENT_BLOCK_REMOVED, &block);
}

/* When its first block is online; a kernel that does not tell it then never does. */
static void learn_tier(struct czone_ctx *ctx, czone_node_id node)
{
    const struct czone_block *blocks;
    size_t n = inventory_node_blocks(ctx->inventory, node, &blocks), n_movable = 0;

    for (size_t i = 0; i < n; i++)
        n_movable += blocks[i].state == CZONE_BLOCK_MOVABLE;
    if (n_movable == 1 && scan_tier(ctx, node) < 0)
        ctx_log(ctx, CZONE_LOG_WARNING, "cannot read the memory tier of node %d", node.n);
}

static int take_change(struct czone_monitor *monitor, czone_block_id id, enum czone_event_kind kind,
                       struct events *events)
{
    const struct czone_block *block = inventory_block(monitor->ctx->inventory, id);
    struct czone_block before = block ? *block : (struct czone_block){ 0 };
    bool was_known = block != NULL;
    bool is_new = kind == CZONE_EVENT_BLOCK_ADDED || !was_known;
    int r;

    r = monitor->n_tries < LINK_TRIES ? scan_block(monitor->ctx, id, is_new)
                                      : scan_block_unlinked(monitor->ctx, id);
    if (r == -EAGAIN && monitor->n_tries < LINK_TRIES)
        return remember_unlinked(monitor, id);
    forget_unlinked(monitor, id);
    if (r == -EAGAIN) /* announced and never linked: it is going again */
        return 0;
    if (r < 0)
        return r;
    block = inventory_block(monitor->ctx->inventory, id);
    if (!block) /* gone since; the uevent of that will find nothing to tell any more */
        return was_known ? add_event(events, CZONE_EVENT_BLOCK_REMOVED, &before) : 0;
    if (!was_known && kind != CZONE_EVENT_BLOCK_ADDED) {
        r = add_event(events, CZONE_EVENT_BLOCK_ADDED, block);
        if (r < 0)
            return r;
    }
    /* The kernel tells it from now on, and whoever reserves this block will not have to wait for it. */
    if (block->state == CZONE_BLOCK_MOVABLE)
        learn_tier(monitor->ctx, block->node);
    return add_event(events, kind, inventory_block(monitor->ctx->inventory, id));
}

static int take(struct czone_monitor *monitor, const struct czone_sys_uevent *uevent, struct events *events)
{
    switch (uevent->kind) {
    case CZONE_SYS_UEVENT_ADD:
        return take_change(monitor, uevent->block, CZONE_EVENT_BLOCK_ADDED, events);
    case CZONE_SYS_UEVENT_ONLINE:
        return take_change(monitor, uevent->block, CZONE_EVENT_BLOCK_ONLINE, events);
    case CZONE_SYS_UEVENT_OFFLINE:
        return take_change(monitor, uevent->block, CZONE_EVENT_BLOCK_OFFLINE, events);
    case CZONE_SYS_UEVENT_REMOVE:
        return take_removal(monitor, uevent->block, events);
    case CZONE_SYS_UEVENT_OTHER:
        break;
    }
    return 0;
}

/* Looks again for the nodes of blocks that were announced without one. */
static int take_unlinked(struct czone_monitor *monitor, struct events *events)
{
    uint64_t expirations;

    if (monitor->is_armed &&
        read(monitor->timer_fd, &expirations, sizeof(expirations)) == (ssize_t)sizeof(expirations))
        monitor->n_tries++;
    for (size_t i = 0; i < monitor->n_unlinked;) {
        czone_block_id id = monitor->unlinked[i];
        int r = take_change(monitor, id, CZONE_EVENT_BLOCK_ADDED, events);

        if (r < 0)
            return r;
        /* Found, it has left the list and another has its place. */
        i += i < monitor->n_unlinked && monitor->unlinked[i].n == id.n;
    }
    if (monitor->n_unlinked == 0)
        monitor->n_tries = 0;
    return 0;
}

/* After lost uevents. One that fails is due again the next time, for nothing else would tell what was lost.
 */
static int refresh(struct czone_monitor *monitor, struct events *events)
{
    int r;

    monitor->n_unlinked = 0;
    monitor->needs_refresh = true;
    r = czone_ctx_refresh(monitor->ctx, NULL);
    if (r < 0)
        return r;
    monitor->needs_refresh = false;
    return add_event(events, CZONE_EVENT_OVERRUN, NULL);
}

static int take_all(struct czone_monitor *monitor, struct events *events)
{
    const struct czone_backend *backend = monitor->ctx->backend;
    struct czone_sys_uevent uevent;
    int r;

    r = monitor->needs_refresh ? refresh(monitor, events) : take_unlinked(monitor, events);
    if (r < 0)
        return r;
    while ((r = backend->uevents_next(monitor->uevents, &uevent)) != 0) {
        if (r == -ENOBUFS)
            r = refresh(monitor, events);
        else if (r > 0)
            r = take(monitor, &uevent, events);
        if (r < 0)
            return r;
    }
    return 0;
}

int czone_monitor_process(struct czone_monitor *monitor, czone_event_fn fn, void *data)
{
    struct events events = { 0 };
    int r, q;

    r = take_all(monitor, &events);
    q = set_timer(monitor);
    if (r == 0)
        r = q;
    /* What was taken before a failure has changed the inventory already: tell it. */
    for (size_t i = 0; fn && i < events.n; i++)
        fn(data, &events.items[i]);
    free(events.items);
    return r < 0 ? r : (int)events.n;
}
