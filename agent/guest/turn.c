/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/turn.h"

#include <errno.h>
#include <stddef.h>

/* A timer, not an active event: it comes due only after the loop has looked at its fds again. */
static int arm(struct turns *turns)
{
    static const struct timeval now = { 0 };

    return event_add(turns->event, &now) < 0 ? -ENOMEM : 0;
}

static void on_turn(evutil_socket_t fd, short what, void *data)
{
    struct turns *turns = data;
    struct turn *turn = TAILQ_FIRST(&turns->waiting);

    (void)fd;
    (void)what;
    if (turn == NULL)
        return;
    turns_drop(turns, turn);
    turn->run(turn);
    /* Without memory for the timer there is no later. */
    while (!TAILQ_EMPTY(&turns->waiting) && arm(turns) < 0) {
        turn = TAILQ_FIRST(&turns->waiting);
        turns_drop(turns, turn);
        turn->run(turn);
    }
}

void turns_init(struct turns *turns)
{
    *turns = (struct turns){ 0 };
    TAILQ_INIT(&turns->waiting);
}

int turns_open(struct turns *turns, struct event_base *base)
{
    turns->event = evtimer_new(base, on_turn, turns);
    return turns->event == NULL ? -ENOMEM : 0;
}

void turns_close(struct turns *turns)
{
    while (!TAILQ_EMPTY(&turns->waiting))
        turns_drop(turns, TAILQ_FIRST(&turns->waiting));
    if (turns->event != NULL)
        event_free(turns->event);
    turns->event = NULL;
}

void turns_add(struct turns *turns, struct turn *turn)
{
    if (turn->waits)
        return;
    if (arm(turns) < 0) {
        turn->run(turn);
        return;
    }
    turn->waits = true;
    TAILQ_INSERT_TAIL(&turns->waiting, turn, link);
}

void turns_run(struct turns *turns, struct turn *turn)
{
    if (!turn->waits)
        return;
    turns_drop(turns, turn);
    turn->run(turn);
}

void turns_drop(struct turns *turns, struct turn *turn)
{
    if (!turn->waits)
        return;
    turn->waits = false;
    TAILQ_REMOVE(&turns->waiting, turn, link);
}

bool turns_waiting(const struct turns *turns)
{
    return !TAILQ_EMPTY(&turns->waiting);
}
