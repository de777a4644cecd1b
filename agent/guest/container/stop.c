/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/stop.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/pidfd.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/reply.h"
#include "agent/guest/container/store.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"

static void on_grace_over(evutil_socket_t fd, short what, void *data)
{
    struct container *container = data;

    (void)fd;
    (void)what;
    if (container->state != CONTAINER_RUNNING)
        return;
    log_info("container %s did not end in its grace period and is killed", container->id);
    container_end(container, "stopped");
}

static int arm(struct container *container, uint64_t until)
{
    uint64_t now = clock_monotonic();
    struct timeval timeout = clock_timeval(until > now ? until - now : 0);

    if (container->stop_timer == NULL)
        container->stop_timer = evtimer_new(container_base(container), on_grace_over, container);
    return container->stop_timer == NULL || event_add(container->stop_timer, &timeout) < 0 ? -ENOMEM : 0;
}

static int begin_grace(struct container *container, int64_t grace_ms)
{
    uint64_t until = clock_monotonic() + (uint64_t)grace_ms * NSEC_PER_MSEC;
    int r;

    if (container->stop_at != 0 && container->stop_at <= until)
        return 0;
    r = arm(container, until);
    if (r < 0)
        return r;
    container->stop_at = until;
    container_store_save(container);
    return 0;
}

void container_stop_resume(struct container *container)
{
    if (container->stop_at != 0 && arm(container, container->stop_at) < 0)
        log_error("container %s will not be killed when its grace period is over: out of memory",
                  container->id);
}

/* A process that is gone is what was asked for. */
static int signal_first(const struct container *container, int signal)
{
    int pidfd = container->program.keeper.pidfd;

    if (pidfd < 0)
        return 0;
    return pidfd_send_signal(pidfd, signal, NULL, 0) < 0 && errno != ESRCH ? -errno : 0;
}

int container_stop(struct container *container, struct varlink_connection *connection, int signal,
                   int64_t grace_ms, struct refusal *refusal)
{
    bool at_once = container->state != CONTAINER_RUNNING || grace_ms == 0 || signal == SIGKILL;
    int r;

    if (container_state_ended(container->state))
        return reply_container(connection, container);
    if (!at_once) {
        r = begin_grace(container, grace_ms);
        if (r < 0)
            return r;
        r = signal_first(container, signal);
        if (r < 0)
            return refusal_set(refusal, r, ERROR_SYSTEM, NULL,
                               "cannot signal process %d of container %s, which is killed in %lld ms: %s",
                               container->program.pid, container->id, (long long)grace_ms, strerror(-r));
    }
    r = waiter_add(container, connection, WAIT_EXITED, -1);
    if (r == 0 && at_once)
        container_end(container, "stopped before it ran");
    return r;
}

void container_stop_done(struct container *container)
{
    if (container->stop_timer != NULL)
        event_free(container->stop_timer);
    container->stop_timer = NULL;
}
