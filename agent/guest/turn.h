/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_TURN_H
#define GUEST_TURN_H

/*
 * Work that is long by the loop's measure (a cgroup is made, a process forked) takes its turn: one piece, the
 * oldest, each time the loop has looked at its sockets. A burst of such work then delays what is short by one
 * piece, not by the whole burst; and what is short cannot keep it from going on.
 */

#include <event2/event.h>
#include <stdbool.h>
#include <sys/queue.h>

struct turn {
    TAILQ_ENTRY(turn) link;
    bool waits;
    void (*run)(struct turn *turn); /* may free the turn, and add others */
};

#define TURN_INIT(function)                                                                                  \
    {                                                                                                        \
        .run = (function)                                                                                    \
    }

struct turns {
    TAILQ_HEAD(turn_list, turn) waiting; /* oldest first */
    struct event *event;                 /* pending while any waits */
};

/* An empty queue; needs no loop yet. */
void turns_init(struct turns *turns);

/* Returns 0 or -ENOMEM. */
int turns_open(struct turns *turns, struct event_base *base);

/* Forgets those that wait. Accepts one that was never opened. */
void turns_close(struct turns *turns);

/* Puts work, borrowed until it runs or is dropped, at the end of the queue. One that waits already keeps its
 * place. Without memory it is run at once. */
void turns_add(struct turns *turns, struct turn *turn);

/* Runs work that waits now, as a part of the piece that is being done. Accepts one that does not wait. */
void turns_run(struct turns *turns, struct turn *turn);

/* Takes work back. Accepts one that does not wait. */
void turns_drop(struct turns *turns, struct turn *turn);

/* Whether any waits. */
bool turns_waiting(const struct turns *turns);

#endif
