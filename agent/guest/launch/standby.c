/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/standby.h"

#include <linux/mempolicy.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <czone/policy.h>

#include "agent/guest/launch/child.h"
#include "agent/guest/launch/clone.h"
#include "agent/guest/launch/filter.h"
#include "agent/guest/launch/report.h"
#include "agent/guest/launch/stdio.h"
#include "proto/cleanup.h"

static struct launch_standby take_standby(struct launch_standby *standby)
{
    struct launch_standby taken = *standby;

    *standby = (struct launch_standby)LAUNCH_STANDBY_INIT;
    return taken;
}

/* Of a standby, before it is born. */
struct cradle {
    struct launch_stdio stdio;
    struct sock_fprog setting_up, running;
    struct czone_policy home;
    int result;
};

#define CRADLE_INIT                                                                                          \
    {                                                                                                        \
        .stdio = LAUNCH_STDIO_INIT, .result = -EBADF                                                         \
    }

static void clear_cradle(struct cradle *cradle)
{
    launch_stdio_close(&cradle->stdio);
    free(cradle->setting_up.filter);
    free(cradle->running.filter);
    cleanup_fd(&cradle->result);
}

/* Keeps to the nodes that we may use, whose cgroup is confined to the home nodes: the standby's may be open
 * to a zone, and home may be full. Kernels without NUMA have no policies. */
static int learn_home(struct czone_policy *home)
{
    home->mode = MPOL_BIND | MPOL_F_STATIC_NODES;
    if (syscall(SYS_get_mempolicy, NULL, home->nodes, (unsigned long)CZONE_POLICY_MAX_NODES, NULL,
                MPOL_F_MEMS_ALLOWED) == 0)
        return 0;
    home->mode = MPOL_DEFAULT;
    return errno == ENOSYS ? 0 : -errno;
}

static int fill_cradle(struct cradle *cradle, const struct launch_standby_kit *kit, struct launch *launch)
{
    int r;

    r = launch_filter_read(kit->setting_up, &cradle->setting_up);
    if (r == 0)
        r = launch_filter_read(kit->running, &cradle->running);
    if (r == 0)
        r = learn_home(&cradle->home);
    if (r == 0)
        r = launch_shared_open(kit->memory, &launch->shared);
    if (r == 0)
        r = launch_report_open(&launch->result_fd, &cradle->result);
    return r == 0 ? launch_stdio_open(true, &cradle->stdio, launch) : r;
}

int launch_standby_start(const struct launch_standby_kit *kit, struct launch_standby *ret_standby)
{
    CLEANUP(launch_standby_drop) struct launch_standby standby = LAUNCH_STANDBY_INIT;
    CLEANUP(clear_cradle) struct cradle cradle = CRADLE_INIT;
    struct launch *launch = &standby.launch;
    pid_t pid;
    int r;

    r = fill_cradle(&cradle, kit, launch);
    if (r < 0)
        return r;
    pid = launch_clone(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC, kit->cgroup, &launch->pidfd);
    if (pid == 0)
        launch_child_stand_by(&(struct launch_child){ .shared = launch->shared,
                                                      .plan = &launch->shared->plan,
                                                      .setting_up = &cradle.setting_up,
                                                      .home = &cradle.home,
                                                      .filter = &cradle.running,
                                                      .stdio = &cradle.stdio,
                                                      .tree = -EBADF,
                                                      .briefing = *kit->socket,
                                                      .result = cradle.result });
    if (pid < 0)
        return pid;
    launch->pid = pid;
    cleanup_fd(kit->socket);
    *kit->socket = -EBADF;
    launch_shared_admit(launch->shared);
    *ret_standby = take_standby(&standby);
    return 0;
}

/* Those that the request has no use for. */
static void close_stdio(const struct launch_request *request, struct launch *launch)
{
    int *const fds[] = { &launch->stdin_fd, &launch->stdout_fd, &launch->stderr_fd };
    size_t n = request->tty ? 3 : request->input ? 0 : 1;

    for (size_t i = 0; i < n; i++) {
        cleanup_fd(fds[i]);
        *fds[i] = -EBADF;
    }
}

const struct launch_request *launch_standby_run(struct launch_standby *standby, struct launch *ret_launch)
{
    struct launch_shared *shared = standby->launch.shared;
    const char word = 0;
    ssize_t sent;

    /* One that has ended is read about in its result. */
    do
        sent = send(standby->launch.result_fd, &word, sizeof(word), MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    /* It has most likely been woken on this CPU, where it would wait for what we do next. */
    (void)sched_yield();
    close_stdio(&shared->request, &standby->launch);
    *ret_launch = standby->launch;
    *standby = (struct launch_standby)LAUNCH_STANDBY_INIT;
    return &shared->request;
}

void launch_standby_drop(struct launch_standby *standby)
{
    launch_discard(&standby->launch);
    *standby = (struct launch_standby)LAUNCH_STANDBY_INIT;
}
