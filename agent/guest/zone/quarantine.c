/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/quarantine.h"

#include <errno.h>

#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/zone/orphan.h"

#define WAIT_FIRST_S 5u
#define WAIT_LAST_S  960u

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    struct quarantine *quarantine = data;

    (void)fd;
    (void)what;
    (void)orphans_collect(quarantine->manager); /* says itself what it cannot do */
}

int quarantine_init(struct quarantine *quarantine, struct manager *manager)
{
    *quarantine = (struct quarantine){ .manager = manager, .wait_s = WAIT_FIRST_S };
    quarantine->timer = evtimer_new(manager->base, on_timer, quarantine);
    return quarantine->timer == NULL ? -ENOMEM : 0;
}

void quarantine_done(struct quarantine *quarantine)
{
    if (quarantine->timer != NULL)
        event_free(quarantine->timer);
    *quarantine = (struct quarantine){ 0 };
}

void quarantine_add(struct quarantine *quarantine, bool again)
{
    struct timeval wait;

    if (!again)
        quarantine->wait_s = WAIT_FIRST_S;
    else if (evtimer_pending(quarantine->timer, NULL))
        return; /* another's, which is sooner */
    wait = (struct timeval){ .tv_sec = quarantine->wait_s };
    if (event_add(quarantine->timer, &wait) < 0)
        log_error("cannot arm the next try to empty zones in quarantine: out of memory");
    if (quarantine->wait_s < WAIT_LAST_S)
        quarantine->wait_s *= 2;
}
