/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/id_range.h"

#include <errno.h>

#include "agent/guest/container/container.h"
#include "agent/guest/launch/users.h"
#include "agent/guest/manager.h"

/* A container, not settled, that has one of these ids; not the one whose they are. only_auto: ranges that
 * callers chose don't count. */
static const struct container *find_holder(const struct manager *manager, const struct launch_users *users,
                                           bool only_auto)
{
    const struct container *container;

    TAILQ_FOREACH(container, &manager->containers, link) {
        const struct launch_parts *parts = &container->request.parts;

        if (&parts->users != users && !container->settled &&
            (!only_auto || parts->users_mode == LAUNCH_USERS_AUTO) &&
            launch_users_overlap(&parts->users, users))
            return container;
    }
    return NULL;
}

static int find_free(const struct manager *manager, struct launch_parts *parts,
                     struct launch_failure *failure)
{
    for (uint32_t first = ID_RANGE_FIRST; first < ID_RANGE_END; first += LAUNCH_AUTO_IDS) {
        launch_parts_place(parts, first);
        if (find_holder(manager, &parts->users, false) == NULL)
            return 0;
    }
    return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_REQUEST, -ENOSPC, NULL,
                              "all ids that containers can have as users of their own are taken");
}

int id_range_choose(const struct manager *manager, struct spawn_request *request,
                    struct launch_failure *failure)
{
    struct launch_parts *parts = &request->parts;
    const struct container *holder;

    if (parts->users_mode == LAUNCH_USERS_AUTO)
        return find_free(manager, parts, failure);
    holder = find_holder(manager, &parts->users, true);
    if (holder == NULL)
        return 0;
    return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EBUSY, "userns",
                              "userns: some of these ids of the guest are those of container %s, which were "
                              "chosen for it alone: take others, outside of %u to %u",
                              holder->id, ID_RANGE_FIRST, ID_RANGE_END - 1);
}
