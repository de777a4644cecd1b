/* SPDX-License-Identifier: Apache-2.0 */
/* How the manager hears of memory that comes and goes. */
#include <errno.h>
#include <string.h>

#include "agent/guest/clock.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/zone/lease.h"

/* While blocks go on- or offline the kernel tells of each. Nobody waits for that, and a CPU that is busy with
 * it holds up the next block: a grace period is over at once on a CPU that is idle. */
#define MONITOR_REST_NS (50 * NSEC_PER_MSEC)

static void note_added(struct manager *manager, int node)
{
    if (node >= 0 && node < (int)NODES_MAX &&
        (lease_any_arriving(manager) || host_takes_back(&manager->host)))
        manager->fresh_nodes[node / 8] |= (unsigned char)(1u << (node % 8));
}

static void on_memory_event(void *data, const struct czone_event *event)
{
    struct manager *manager = data;

    if (event->kind == CZONE_EVENT_BLOCK_ADDED)
        note_added(manager, event->block.node.n);
    else if (event->kind == CZONE_EVENT_BLOCK_REMOVED)
        signal_book_block_gone(&manager->host.book,
                               event->block.id.n * czone_inventory_block_size(manager->ctx));
    else if (event->kind == CZONE_EVENT_OVERRUN) {
        host_recount(&manager->host);
        /* Nobody knows where memory came in meanwhile. */
        if (lease_any_arriving(manager))
            memset(manager->fresh_nodes, 0xff, sizeof(manager->fresh_nodes));
    }
}

/* Returns the number of events, or a negative errno, which has been logged. */
static int take_memory_events(struct manager *manager)
{
    int r = czone_monitor_process(manager->monitor, on_memory_event, manager);

    return r < 0 ? log_fail(r, "cannot read the kernel's memory events: %s", strerror(-r)) : r;
}

void manager_sync(struct manager *manager)
{
    /* Who waits for memory to come or go hears of it from the loop, not from within our caller. */
    if (take_memory_events(manager) > 0 && manager->monitor_event != NULL)
        event_active(manager->monitor_event, EV_READ, 0);
}

void manager_follow_memory(struct manager *manager)
{
    if (manager->monitor_event == NULL || event_pending(manager->monitor_event, EV_READ, NULL))
        return;
    (void)event_del(manager->monitor_rest);
    if (event_add(manager->monitor_event, NULL) < 0)
        log_error("cannot listen to the kernel's memory events: out of memory");
}

static void on_memory(struct manager *manager)
{
    (void)take_memory_events(manager);
    host_check_departed(&manager->host);
    lease_check_arrivals(manager);
    host_offer_idle(&manager->host);
    if (host_takes_back(&manager->host))
        clearance_wake(&manager->host.clearance);
}

static void on_rested(evutil_socket_t fd, short what, void *data)
{
    struct manager *manager = data;

    (void)fd;
    (void)what;
    on_memory(manager);
    manager_follow_memory(manager);
}

static void on_monitor(evutil_socket_t fd, short what, void *data)
{
    struct manager *manager = data;
    struct timeval rest = clock_timeval(MONITOR_REST_NS);

    (void)fd;
    (void)what;
    if (manager->grace.n_holders > 0 && !lease_any_arriving(manager) &&
        event_add(manager->monitor_rest, &rest) == 0)
        (void)event_del(manager->monitor_event);
    else
        on_memory(manager);
}

int manager_watch_memory(struct manager *manager)
{
    manager->monitor_rest = evtimer_new(manager->base, on_rested, manager);
    if (manager->monitor_rest == NULL)
        return log_fail(-ENOMEM, "out of memory");
    manager->monitor_event = event_new(manager->base, czone_monitor_fd(manager->monitor),
                                       EV_READ | EV_PERSIST, on_monitor, manager);
    return manager->monitor_event == NULL || event_add(manager->monitor_event, NULL) < 0
               ? log_fail(-ENOMEM, "out of memory")
               : 0;
}
