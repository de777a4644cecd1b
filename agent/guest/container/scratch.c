/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/scratch.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/container.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"

#define NOTE "scratch"
/* A zone should be empty of dirty pages when it is taken offline, but a disk that hangs, or millions of
 * files, are no reason to keep its memory. */
#define PATIENCE_NS (30 * NSEC_PER_SEC)

static int read_note(int dir_fd, char path[PATH_MAX])
{
    ssize_t n = readlinkat(dir_fd, NOTE, path, PATH_MAX - 1);

    if (n < 0)
        return -errno;
    path[n] = '\0';
    return 0;
}

static int make_note(const struct manager *manager, int dir_fd, const char *place)
{
    char path[PATH_MAX];
    uint64_t number;

    if (getrandom(&number, sizeof(number), 0) != sizeof(number))
        return -errno;
    if (snprintf(path, sizeof(path), "%s/" SCRATCH_NAME_PREFIX "%s.%0*" PRIx64, place, manager->store.boot_id,
                 SCRATCH_NUMBER_CHARS, number) >= (int)sizeof(path))
        return -ENAMETOOLONG;
    return symlinkat(path, dir_fd, NOTE) < 0 && errno != EEXIST ? -errno : 0;
}

static bool is_first(const struct scratch *scratch, const char *place)
{
    const struct container *container;

    TAILQ_FOREACH(container, &scratch->manager->containers, link)
        if (&container->scratch != scratch && !container->settled &&
            container->request.parts.scratch != NULL && strcmp(container->request.parts.scratch, place) == 0)
            return false;
    return true;
}

int scratch_note(struct scratch *scratch, int dir_fd, struct launch_parts *parts, struct refusal *refusal)
{
    struct scratch_job *job;
    char path[PATH_MAX];
    int r;

    if (parts->scratch == NULL)
        return 0;
    r = make_note(scratch->manager, dir_fd, parts->scratch);
    if (r == 0)
        r = read_note(dir_fd, path);
    if (r < 0)
        return refusal_set(refusal, r, ERROR_SYSTEM, NULL,
                           "cannot note in the run directory where on %s the layer of a container is: %s",
                           parts->scratch, strerror(-r));
    (void)snprintf(parts->scratch_name, sizeof(parts->scratch_name), "%s", strrchr(path, '/') + 1);
    if (!is_first(scratch, parts->scratch))
        return 0;
    r = scratch_job_start(scratch->manager, SCRATCH_CLEAR, parts->scratch, NULL, NULL, &job);
    if (r < 0)
        log_warning("cannot look for what is left in %s from before this boot: %s", parts->scratch,
                    strerror(-r));
    return 0;
}

static void stop_waiting(struct scratch *scratch)
{
    if (scratch->timer != NULL)
        event_free(scratch->timer);
    scratch->timer = NULL;
}

static void on_removed(void *owner, int result)
{
    struct scratch *scratch = owner;

    scratch->job = NULL;
    scratch->over = true;
    stop_waiting(scratch);
    if (result == 0)
        (void)unlinkat(scratch->dir_fd, NOTE, 0);
    scratch->removed(scratch->owner);
}

static void on_late(evutil_socket_t fd, short what, void *data)
{
    struct scratch *scratch = data;

    (void)fd;
    (void)what;
    log_warning(
        "the removal of a container's layer from a scratch disk takes long: its memory goes back meanwhile");
    scratch->removed(scratch->owner);
}

static int begin(struct scratch *scratch)
{
    struct timeval patience = clock_timeval(PATIENCE_NS);
    char path[PATH_MAX];
    int r;

    r = read_note(scratch->dir_fd, path);
    if (r < 0)
        return r;
    r = scratch_job_start(scratch->manager, SCRATCH_REMOVE, path, on_removed, scratch, &scratch->job);
    if (r < 0)
        return log_fail(r, "cannot start a helper to remove %s: %s; that is yours to do", path, strerror(-r));
    scratch->timer = evtimer_new(scratch->manager->base, on_late, scratch);
    if (scratch->timer == NULL || event_add(scratch->timer, &patience) < 0)
        log_warning("the removal of %s has no deadline: out of memory", path);
    return 0;
}

static void on_turn(struct turn *turn)
{
    struct scratch *scratch = (struct scratch *)((char *)turn - offsetof(struct scratch, turn));
    int r = begin(scratch);

    if (r < 0)
        on_removed(scratch, r);
}

bool scratch_remove(struct scratch *scratch, int dir_fd)
{
    char path[PATH_MAX];

    if (scratch->over || scratch->job != NULL || scratch->turn.waits)
        return scratch->over;
    if (read_note(dir_fd, path) < 0)
        return true;
    scratch->dir_fd = dir_fd;
    turns_add(&scratch->manager->turns, &scratch->turn);
    return false;
}

void scratch_salvage(struct manager *manager, int dir_fd)
{
    struct scratch_job *job;
    char path[PATH_MAX];
    int r;

    if (read_note(dir_fd, path) < 0)
        return;
    r = scratch_job_start(manager, SCRATCH_REMOVE, path, NULL, NULL, &job);
    if (r < 0)
        log_error("cannot start a helper to remove %s: %s; that is yours to do", path, strerror(-r));
}

void scratch_init(struct scratch *scratch, struct manager *manager, void (*removed)(void *owner), void *owner)
{
    *scratch = (struct scratch){
        .manager = manager, .removed = removed, .owner = owner, .dir_fd = -EBADF, .turn = TURN_INIT(on_turn)
    };
}

void scratch_done(struct scratch *scratch)
{
    turns_drop(&scratch->manager->turns, &scratch->turn);
    scratch_job_leave(scratch->job);
    stop_waiting(scratch);
}
