/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/zone/host.h"
#include "agent/guest/zone/lease.h"
#include "agent/guest/zone/memory_map.h"

/* Memory that the host did not take is offered again, ever more seldom. */
#define RETRY_FIRST_S 30u
#define RETRY_LAST_S  960u

static void offer(struct host *host, struct czone_range range)
{
    if (range.size > 0)
        (void)host_unplug(host, range, "", NULL);
}

/* A plug that its host did not live to report has left memory that is no loan: all that lies idle is offered,
 * and the host refuses what is not its own. */
static void offer_run(struct host *host, struct czone_range run)
{
    uint64_t size = czone_inventory_block_size(host->manager->ctx);
    struct czone_range part = { run.start, 0 };

    for (uint64_t start = run.start; start < run.start + run.size; start += size) {
        part.size += size;
        if (!signal_book_leaving(&host->book, (struct czone_range){ start, size }))
            continue;
        part.size -= size;
        offer(host, part);
        part = (struct czone_range){ start + size, 0 };
    }
    offer(host, part);
}

void host_offer_idle(struct host *host)
{
    const struct czone_ctx *ctx = host->manager->ctx;
    struct czone_range run = { 0 };
    const struct loan *loan;

    if (!host->offering || !host_attached(host) || lease_any_arriving(host->manager))
        return;
    host->offering = false;
    manager_sync(host->manager);
    /* Loans first: in the pieces the host knows. */
    TAILQ_FOREACH(loan, &host->loans, link)
        if (memory_map_idle(ctx, loan->range) && !signal_book_leaving(&host->book, loan->range))
            offer(host, loan->range);
    while (memory_map_next_idle(ctx, run.start + run.size, &run))
        offer_run(host, run);
}

void host_on_retry(evutil_socket_t fd, short what, void *data)
{
    struct host *host = data;

    (void)fd;
    (void)what;
    host->offering = true;
    host_offer_idle(host);
}

void host_offer_later(struct host *host, bool soon)
{
    struct timeval wait;

    if (soon) {
        (void)event_del(host->retry);
        host->retry_s = RETRY_FIRST_S;
        host->offering = true;
        host_offer_idle(host);
        return;
    }
    if (evtimer_pending(host->retry, NULL))
        return;
    wait = (struct timeval){ .tv_sec = host->retry_s };
    if (event_add(host->retry, &wait) < 0)
        log_error("cannot arm the next offer of idle memory: out of memory");
    if (host->retry_s < RETRY_LAST_S)
        host->retry_s *= 2;
}
