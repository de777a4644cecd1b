/* SPDX-License-Identifier: Apache-2.0 */
/* A container from a request, up to its program if there is memory for it: one piece of a turn. */
#include "agent/guest/container/container.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "agent/guest/container/program_cgroup.h"
#include "agent/guest/container/store.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"

/* Six random bytes: nobody guesses a made-up id. */
static int choose_id(struct manager *manager, struct container *container)
{
    char id[sizeof(container->id)];
    uint64_t number = 0;

    if (container->request.id != NULL) {
        (void)snprintf(container->id, sizeof(container->id), "%s", container->request.id);
        return 0;
    }
    /* Into a buffer of its own: the container is in the manager's list already and would find itself. */
    do {
        if (getrandom(&number, 6, 0) != 6)
            return -errno;
        (void)snprintf(id, sizeof(id), "c%012" PRIx64, number);
    } while (manager_find(manager, id) != NULL);
    (void)snprintf(container->id, sizeof(container->id), "%s", id);
    return 0;
}

/* Another place that is as good, and that a cgroup may use already. */
static bool prefer_open(struct container *container, struct lease_wish *wish, struct czone_zone_info *place)
{
    struct manager *manager = container->manager;

    return cgroup_pool_prefer(&manager->cgroups, place->range.size, place->tier, &wish->place) &&
           lease_has_place(manager, wish, place);
}

/* Whoever waits for its memory is not planned for yet: that can take long, and others have use for the
 * standby. */
static void plan_ahead(struct container *container, struct launch_plan *plan)
{
    const struct spawn_request *request = &container->request;
    struct lease_wish wish = { .name = container->id,
                               .bytes = (uint64_t)request->memory,
                               .tier = request->choice };
    struct czone_zone_info place;

    manager_sync(container->manager);
    if (!lease_has_place(container->manager, &wish, &place))
        return;
    if (prefer_open(container, &wish, &place))
        container->place = wish.place;
    program_cgroup_plan(&container->program, request, plan, place.node);
}

/* What is left of a container that was not removed must not be taken for this one's. */
static int make_dir(struct container *container)
{
    int r = container_store_make(container);

    if (r == 0)
        program_set_dir(&container->program, container->dir_fd);
    return r;
}

static int refuse_dir(const struct container *container, int error, struct refusal *refusal)
{
    return refusal_set(refusal, error, ERROR_SYSTEM, NULL,
                       "cannot make a directory for container %s in the run directory: %s", container->id,
                       strerror(-error));
}

/* Its directory, with all that the next czoned needs to know. */
static int record(struct container *container, struct refusal *refusal)
{
    int r = make_dir(container);

    if (r == 0)
        r = container_store_begin(container);
    return r < 0 ? refuse_dir(container, r, refusal) : 0;
}

static int create(struct container *container, struct launch_plan *plan, struct refusal *refusal)
{
    int r = choose_id(container->manager, container);

    if (r < 0)
        return refusal_set(refusal, r, ERROR_SYSTEM, NULL, "cannot make an id up: %s", strerror(-r));
    /* At once: the sooner the standby knows, the sooner it is ready. */
    plan_ahead(container, plan);
    lease_pick_name(container->manager, container->id, container->zone);
    r = record(container, refusal);
    return r == 0 ? container_lease(container, refusal) : r;
}

static void begin(struct container *container)
{
    struct manager *manager = container->manager;

    log_hold();
    manager_publish(manager, &(struct event_fact){ .event = "container-created",
                                                   .node = -1,
                                                   .container = container->id,
                                                   .zone = container->zone,
                                                   .bytes = (int64_t)container->memory });
    /* Only now: who follows the events knows whose zone that is. */
    lease_move(container->lease, CZONE_ZONE_WANTED, NULL);
    lease_look(container->lease);
    /* It has its turn: this one. */
    turns_run(&manager->turns, &container->start);
    /* What could not start at once waits for memory, who knows where: then the plan was in vain. */
    program_cgroup_drop(&container->program);
    log_release();
}

int container_create(struct manager *manager, struct spawn_request *request, struct launch_plan *plan,
                     struct container **ret_container, struct refusal *refusal)
{
    struct container *container = container_alloc(manager);
    int r;

    if (container == NULL)
        return refusal_set(refusal, -ENOMEM, ERROR_SYSTEM, NULL, "out of memory");
    container->request = *request;
    *request = (struct spawn_request)SPAWN_REQUEST_INIT;
    r = create(container, plan, refusal);
    if (r < 0) {
        container_store_remove(container);
        (void)container_free(container);
        return r;
    }
    begin(container);
    *ret_container = container;
    return 0;
}
