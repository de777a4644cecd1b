/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/limit_watch.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/guest/container/cgroup_text.h"
#include "agent/guest/container/container.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "proto/cleanup.h"

/* A line per kind of event, of which the kernel has seven. */
#define EVENTS_TEXT_MAX 1024

/* Of a file of events; "" where the kernel has none. */
static void read_events(const struct container *container, const char *attribute, char text[EVENTS_TEXT_MAX])
{
    if (container->program.cgroup == NULL ||
        czone_cgroup_read(container->program.cgroup, attribute, text, EVENTS_TEXT_MAX) < 0)
        text[0] = '\0';
}

/* A count among them; `otherwise` where there is none. */
static int64_t count_in(const char *events, const char *key, int64_t otherwise)
{
    int64_t count;

    return cgroup_text_key(events, key, &count) < 0 ? otherwise : count;
}

/* The limit itself, or -1 (absent on the wire). */
static int64_t read_limit(struct container *container, const char *attribute)
{
    char text[64];
    int64_t limit;

    if (container->program.cgroup == NULL ||
        czone_cgroup_read(container->program.cgroup, attribute, text, sizeof(text)) < 0 ||
        cgroup_text_number(text, &limit) < 0 || limit == CGROUP_TEXT_MAX)
        return -1;
    return limit;
}

/* Whether the cgroup of a victim is the container's, or inside of it. */
static bool is_inside(const struct oom_text *victim, const char *path)
{
    size_t n = strlen(path);

    return victim->cgroup_length > n && victim->cgroup[0] == '/' &&
           memcmp(victim->cgroup + 1, path, n) == 0 &&
           (victim->cgroup_length == n + 1 || victim->cgroup[n + 1] == '/');
}

static void on_victim(void *data, const struct oom_text *victim)
{
    struct manager *manager = data;
    struct container *container;

    TAILQ_FOREACH(container, &manager->containers, link) {
        struct limit_watch *watch = &container->limits;

        if (watch->container == NULL || watch->victim.pid != 0 || container->program.cgroup == NULL ||
            !is_inside(victim, czone_cgroup_path(container->program.cgroup)))
            continue;
        watch->victim = *victim;
        watch->victim.cgroup = NULL; /* it was the record's */
        return;
    }
}

static void publish_kill(struct limit_watch *watch, int64_t kills)
{
    struct container *container = watch->container;
    const struct oom_text *victim = &watch->victim;
    char message[200];

    if (victim->pid != 0)
        (void)snprintf(message, sizeof(message),
                       "out of memory: the kernel killed process %d (%s) and with it the container",
                       victim->pid, victim->process);
    else
        (void)snprintf(message, sizeof(message), "out of memory: the kernel killed the container");
    manager_publish(
        container->manager,
        &(struct event_fact){ EVENT_FACT("container-oom"), .container = container->id, .pid = victim->pid,
                              .process = victim->pid != 0 ? victim->process : NULL, .message = message });
    watch->kills = kills;
    watch->victim = (struct oom_text){ 0 };
    watch->victim_by = 0;
}

/* Kills are told with the victim if the kernel's log has it; waits a moment for it unless this is the end. */
static void check_kills(struct limit_watch *watch, const char *events, bool last)
{
    struct container *container = watch->container;
    int64_t kills = count_in(events, "oom_kill", watch->kills);

    /* One is the end of the whole container (memory.oom.group): the kernel then counts and logs its victim
     * once more, among all the others. */
    if (kills == 0 || watch->kills > 0)
        return;
    oom_log_read(&container->manager->limits.log, on_victim, container->manager);
    if (watch->victim_by == 0)
        watch->victim_by = clock_monotonic() + LIMIT_WATCH_VICTIM_NS;
    if (watch->victim.pid != 0 || last || container->manager->limits.log.fd < 0 ||
        clock_monotonic() >= watch->victim_by)
        publish_kill(watch, kills);
}

struct limit {
    const char *event, *events_attribute, *limit_attribute;
    size_t count; /* of struct limit_watch */
    bool bytes;
    const char *message;
};

enum { MEMORY, PIDS };

static const struct limit limits[] = {
    [MEMORY] = { "container-memory-limit", "memory.events", "memory.max",
                 offsetof(struct limit_watch, memory), true,
                 "it uses all the memory it may have: what it reads from files is dropped at once, and "
                 "it may be killed" },
    [PIDS] = { "container-pids-limit", "pids.events", "pids.max", offsetof(struct limit_watch, pids), false,
               "it has all the processes and threads it may have, and was refused more" },
};

static struct limit_count *count_of(struct limit_watch *watch, const struct limit *limit)
{
    return (struct limit_count *)(void *)((char *)watch + limit->count);
}

static void check_limit(struct limit_watch *watch, const struct limit *limit, const char *events, bool last)
{
    struct container *container = watch->container;
    struct limit_count *count = count_of(watch, limit);
    int64_t met = count_in(events, "max", count->told);
    uint64_t now = clock_monotonic();
    int64_t value;

    if (met <= count->told || (now < count->next && !last))
        return;
    value = read_limit(container, limit->limit_attribute);
    manager_publish(container->manager, &(struct event_fact){ .event = limit->event,
                                                              .node = -1,
                                                              .bytes = limit->bytes ? value : -1,
                                                              .container = container->id,
                                                              .count = met - count->told,
                                                              .message = limit->message });
    count->told = met;
    count->next = now + LIMIT_WATCH_QUIET_NS;
}

/* Has the next change announced. inotify takes paths only; this one names the directory that is held open.
 * Returns 0 or a negative errno. */
static int watch_once(struct limit_watch *watch, const struct limit *limit)
{
    const struct container *container = watch->container;
    struct limit_count *count = count_of(watch, limit);
    char path[80];

    if (count->wd >= 0)
        return 0;
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", czone_cgroup_fd(container->program.cgroup),
                   limit->events_attribute);
    count->wd = inotify_add_watch(container->manager->limits.inotify_fd, path, IN_MODIFY | IN_ONESHOT);
    return count->wd < 0 ? -errno : 0;
}

/* Looks again when the quiet is over, at what was not announced meanwhile. */
static void arm(struct limit_watch *watch)
{
    uint64_t now = clock_monotonic(), until = watch->victim_by;
    struct timeval timeout;

    for (size_t i = 0; i < ELEMENTS(limits); i++) {
        const struct limit_count *count = count_of(watch, &limits[i]);

        if (count->wd < 0 && count->next > now && (until == 0 || count->next < until))
            until = count->next;
    }
    if (until == 0)
        return;
    timeout = clock_timeval(until > now ? until - now : 0);
    if (event_add(watch->timer, &timeout) < 0)
        log_error("cannot arm the watch of container %s: out of memory", watch->container->id);
}

static void check(struct limit_watch *watch, bool last)
{
    char events[ELEMENTS(limits)][EVENTS_TEXT_MAX];
    uint64_t now = clock_monotonic();
    int r = 0;

    /* First, so that no change falls between the look and the watch. */
    for (size_t i = 0; !last && r == 0 && i < ELEMENTS(limits); i++)
        if (now >= count_of(watch, &limits[i])->next)
            r = watch_once(watch, &limits[i]);
    if (r < 0)
        log_warning("limits of container %s may be told late, at its end: inotify: %s", watch->container->id,
                    strerror(-r));
    for (size_t i = 0; i < ELEMENTS(limits); i++)
        read_events(watch->container, limits[i].events_attribute, events[i]);
    check_kills(watch, events[MEMORY], last);
    for (size_t i = 0; i < ELEMENTS(limits); i++)
        check_limit(watch, &limits[i], events[i], last);
    if (!last)
        arm(watch);
}

static void on_look(struct turn *turn)
{
    check((struct limit_watch *)(void *)((char *)turn - offsetof(struct limit_watch, look)), false);
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    check(data, false);
}

/* Takes note that a watch is used up. Returns whether the event is about these limits at all. */
static bool is_announced(struct limit_watch *watch, const struct inotify_event *event)
{
    bool ours = false;

    for (size_t i = 0; i < ELEMENTS(limits); i++) {
        struct limit_count *count = count_of(watch, &limits[i]);

        if (count->wd < 0 || (event->wd != count->wd && !(event->mask & IN_Q_OVERFLOW)))
            continue;
        count->wd = -1;
        ours = true;
    }
    return ours;
}

static void on_inotify(evutil_socket_t fd, short what, void *data)
{
    struct manager *manager = data;
    _Alignas(struct inotify_event) char buffer[4096];
    ssize_t n = read(fd, buffer, sizeof(buffer));
    const struct inotify_event *event;

    (void)what;
    for (ssize_t at = 0; at + (ssize_t)sizeof(*event) <= n; at += (ssize_t)(sizeof(*event) + event->len)) {
        struct container *container;

        event = (const struct inotify_event *)(const void *)(buffer + at);
        TAILQ_FOREACH(container, &manager->containers, link)
            if (container->limits.container != NULL && is_announced(&container->limits, event))
                check(&container->limits, false);
    }
}

int limit_watches_open(struct manager *manager)
{
    struct limit_watches *watches = &manager->limits;
    int r;

    watches->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (watches->inotify_fd < 0)
        return log_fail(-errno, "cannot make an inotify instance: %s", strerror(errno));
    watches->event = event_new(manager->base, watches->inotify_fd, EV_READ | EV_PERSIST, on_inotify, manager);
    if (watches->event == NULL || event_add(watches->event, NULL) < 0)
        return log_fail(-ENOMEM, "out of memory");
    r = oom_log_open(&watches->log, OOM_LOG_PATH);
    if (r < 0)
        log_warning("cannot read the kernel's log, events of the kind container-oom will not name the "
                    "victim: %s: %s",
                    OOM_LOG_PATH, strerror(-r));
    return 0;
}

void limit_watches_close(struct manager *manager)
{
    struct limit_watches *watches = &manager->limits;

    if (watches->event != NULL)
        event_free(watches->event);
    watches->event = NULL;
    cleanup_fd(&watches->inotify_fd);
    watches->inotify_fd = -EBADF;
    oom_log_close(&watches->log);
}

void limit_watch_start(struct container *container, bool from_now)
{
    struct limit_watch *watch = &container->limits;

    *watch = (struct limit_watch){ .memory.wd = -1, .pids.wd = -1, .look = TURN_INIT(on_look) };
    watch->timer = evtimer_new(container_base(container), on_timer, watch);
    if (watch->timer == NULL || container->program.cgroup == NULL) {
        log_error("the limits of container %s are not watched", container->id);
        return;
    }
    watch->container = container;
    for (size_t i = 0; from_now && i < ELEMENTS(limits); i++) {
        char events[EVENTS_TEXT_MAX];

        read_events(container, limits[i].events_attribute, events);
        count_of(watch, &limits[i])->told = count_in(events, "max", 0);
    }
    turns_add(&container->manager->turns, &watch->look);
}

/* The kernel would keep those that were not used up for good. */
static void unwatch(struct limit_watch *watch)
{
    for (size_t i = 0; i < ELEMENTS(limits); i++) {
        int wd = count_of(watch, &limits[i])->wd;

        if (wd >= 0)
            (void)inotify_rm_watch(watch->container->manager->limits.inotify_fd, wd);
    }
}

void limit_watch_end(struct container *container)
{
    struct limit_watch *watch = &container->limits;

    if (watch->container != NULL) {
        turns_drop(&container->manager->turns, &watch->look);
        check(watch, true);
        unwatch(watch);
    }
    if (watch->timer != NULL)
        event_free(watch->timer);
    *watch = (struct limit_watch){ .memory.wd = -1, .pids.wd = -1 };
}
