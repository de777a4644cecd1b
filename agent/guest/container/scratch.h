/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_SCRATCH_H
#define GUEST_CONTAINER_SCRATCH_H

/*
 * The directory with a container's writable layer on a scratch disk (launch/scratch.h), from before its
 * start until after its end.
 *
 * Where it will be is noted before it is made, as a symbolic link in the container's run directory: whoever
 * comes after a czoned that was killed finds it there, even if state.json is no good. Its name is used once
 * in a boot, and tells which boot: so several czoned can share a scratch, and what is left from before a boot
 * is known for that.
 */

#include <stdbool.h>

#include "agent/guest/container/scratch_job.h"
#include "agent/guest/launch/parts.h"
#include "agent/guest/refusal.h"
#include "agent/guest/turn.h"

struct event;

struct scratch {
    struct manager *manager;
    void (*removed)(void *owner);
    void *owner;
    int dir_fd;       /* the run directory; borrowed */
    struct turn turn; /* of the removal, until it begins */
    struct scratch_job *job;
    struct event *timer; /* the patience of who waits */
    bool over;
};

void scratch_init(struct scratch *scratch, struct manager *manager, void (*removed)(void *owner),
                  void *owner);

/*
 * Chooses a name in the scratch that a request asks for, if it does, and notes it; one that was noted before
 * is kept. Clears the scratch of what is left there from before this boot, in the background, if no other
 * container has it.
 *
 * @dir_fd  the container's run directory; borrowed
 * @parts   of the request; scratch_name is set
 *
 * Returns 0, or a negative errno with a refusal.
 */
int scratch_note(struct scratch *scratch, int dir_fd, struct launch_parts *parts, struct refusal *refusal);

/*
 * Removes what was noted, in the background; nothing may run in it any more.
 *
 * Returns whether there is nothing (more) to remove. If not, removed() follows: when it is gone or could not
 * be removed, which is logged; and once before, if that takes longer than it should be waited for. Again is
 * harmless.
 */
bool scratch_remove(struct scratch *scratch, int dir_fd);

/* The same for a container of an earlier czoned that cannot be taken over, and of which nobody waits for the
 * end. */
void scratch_salvage(struct manager *manager, int dir_fd);

/* Frees what it holds; a removal that is under way is left to itself. */
void scratch_done(struct scratch *scratch);

#endif
