/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/zone/quarantine.h"

#include <errno.h>

#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/zone/orphan.h"

#define WAIT_FIRST_S 5u
#define WAIT_LAST_S  960u

static void arm(struct quarantine *quarantine, unsigned int wait_s)
{
    const struct timeval wait = { .tv_sec = wait_s };

    if (event_add(quarantine->timer, &wait) < 0)
        log_error("cannot arm the next try to empty zones in quarantine: out of memory");
}

static void arm_round(struct quarantine *quarantine)
{
    arm(quarantine, quarantine->wait_s);
    if (quarantine->wait_s < WAIT_LAST_S)
        quarantine->wait_s *= 2;
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    struct quarantine *quarantine = data;

    (void)fd;
    (void)what;
    if (quarantine->last[0] == '\0')
        quarantine->more = false;
    if (orphans_collect_next(quarantine->manager, quarantine->last))
        return; /* quarantine_tried() */
    quarantine->last[0] = '\0';
    if (quarantine->more)
        arm_round(quarantine);
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

/* Whether a round begins no later than a first one would. */
static bool is_due_soon(const struct quarantine *quarantine)
{
    const struct timeval first = { .tv_sec = WAIT_FIRST_S };
    struct timeval due, now, by;

    if (!evtimer_pending(quarantine->timer, &due) ||
        event_base_gettimeofday_cached(quarantine->manager->base, &now) < 0)
        return false;
    evutil_timeradd(&now, &first, &by);
    return !evutil_timercmp(&due, &by, >);
}

void quarantine_add(struct quarantine *quarantine, bool again)
{
    quarantine->more = true;
    if (again)
        return; /* until this round is over */
    quarantine->wait_s = WAIT_FIRST_S;
    if (quarantine->last[0] == '\0' && !is_due_soon(quarantine))
        arm_round(quarantine);
}

void quarantine_tried(struct quarantine *quarantine)
{
    arm(quarantine, 0);
}
