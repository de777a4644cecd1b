/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/standby.h"

#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/guest/launch/child.h"
#include "agent/guest/launch/clone.h"
#include "agent/guest/launch/report.h"
#include "agent/guest/launch/stdio.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

/* The tree, or layers and a disk, and sources; one place more than can be taken. The kernel takes 253
 * (SCM_MAX_FD). */
#define FDS_MAX (3 + LAUNCH_LAYERS_MAX + LAUNCH_MOUNTS_MAX)

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

static struct launch_standby take_standby(struct launch_standby *standby)
{
    struct launch_standby taken = *standby;

    *standby = (struct launch_standby)LAUNCH_STANDBY_INIT;
    return taken;
}

int launch_standby_start(int cgroup, struct launch_standby *ret_standby)
{
    CLEANUP(launch_standby_drop) struct launch_standby standby = LAUNCH_STANDBY_INIT;
    CLEANUP(launch_stdio_close) struct launch_stdio stdio = LAUNCH_STDIO_INIT;
    CLEANUP_FD int result = -EBADF;
    struct launch *launch = &standby.launch;
    pid_t pid;
    int r;

    r = launch_shared_new(&launch->shared);
    if (r == 0)
        r = launch_report_open(&launch->result_fd, &result);
    if (r == 0)
        r = launch_stdio_open(true, &stdio, launch);
    if (r < 0)
        return r;
    launch_shared_touch(launch->shared); /* not once it is the child's too */
    pid = launch_clone(CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC, cgroup, &launch->pidfd);
    if (pid == 0)
        launch_child_stand_by(result, &stdio, launch->shared);
    if (pid < 0)
        return pid;
    launch->pid = pid;
    *ret_standby = take_standby(&standby);
    return 0;
}

/* Its first report says whether it is ready; one that was by then is not read, but waits with those that come
 * after. */
static bool wait_ready(struct launch_standby *standby)
{
    struct pollfd slot = { .fd = standby->launch.result_fd, .events = POLLIN };
    struct launch_report report = { 0 };
    int fd, r;

    if (standby->launch.shared->ready)
        return true;
    do {
        if (poll(&slot, 1, -1) < 0 && errno != EINTR)
            return false;
        r = launch_report_receive(slot.fd, &report, &fd);
    } while (r == -EAGAIN);
    return r > 0 && report.error == 0;
}

bool launch_standby_can(const struct launch_request *request)
{
    return request->target < 0 && (request->root || request->layers) && !request->runtime &&
           !launch_users_mapped(&request->users) && request->network.kind == LAUNCH_NETWORK_HOST;
}

bool launch_standby_suits(struct launch_standby *standby, const struct launch_request *request)
{
    return standby->launch.pidfd >= 0 && !standby->briefed && launch_standby_can(request) &&
           wait_ready(standby);
}

/* Where the fds of a plan are that the child needs: those that there are. */
static size_t find_fds(struct launch_plan *plan, int *tree, int *places[FDS_MAX])
{
    size_t n = 0;

    places[n] = tree;
    n += *tree >= 0;
    places[n] = &plan->layers.disk;
    n += plan->layers.disk >= 0;
    for (size_t i = 0; i < plan->layers.n; i++)
        places[n++] = &plan->layers.fds[i];
    for (size_t i = 0; i < plan->sources.n; i++) {
        places[n] = &plan->sources.fds[i];
        n += plan->sources.fds[i] >= 0;
    }
    return n;
}

static int send_fds(int socket, int *const *places, size_t n)
{
    char word = 0;
    struct iovec part = { .iov_base = &word, .iov_len = sizeof(word) };
    union control control = { 0 };
    struct msghdr message = { .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = &control,
                              .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
    ssize_t sent;

    control.header = (struct cmsghdr){ .cmsg_level = SOL_SOCKET,
                                       .cmsg_type = SCM_RIGHTS,
                                       .cmsg_len = CMSG_LEN(n * sizeof(int)) };
    for (size_t i = 0; i < n; i++)
        memcpy(CMSG_DATA(&control.header) + i * sizeof(int), places[i], sizeof(int));
    do
        sent = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
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

int launch_standby_brief(struct launch_standby *standby, struct launch_plan *plan, int tree,
                         const struct sock_fprog *filter)
{
    int *places[FDS_MAX];
    size_t n = find_fds(plan, &tree, places);
    int r;

    r = launch_shared_write(standby->launch.shared, plan, filter);
    if (r == 0)
        r = send_fds(standby->launch.result_fd, places, n);
    if (r < 0)
        return r == -ENOBUFS ? r : -EPIPE;
    standby->briefed = true;
    return 0;
}

const struct launch_request *launch_standby_briefing(const struct launch_standby *standby)
{
    return standby->briefed ? &standby->launch.shared->request : NULL;
}

int launch_standby_run(struct launch_standby *standby, struct launch *ret_launch)
{
    struct launch_shared *shared = standby->launch.shared;
    const char word = 0;
    ssize_t sent;

    do
        sent = send(standby->launch.result_fd, &word, sizeof(word), MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    /* It may have ended by then because the request does not fit the finished root: that is the answer. */
    if (sent < 0 && !launch_report_awaits(standby->launch.result_fd))
        return -EPIPE;
    /* It has most likely been woken on this CPU, where it would wait for what we do next. */
    (void)sched_yield();
    close_stdio(&shared->request, &standby->launch);
    *ret_launch = standby->launch;
    *standby = (struct launch_standby)LAUNCH_STANDBY_INIT;
    return 0;
}

void launch_standby_drop(struct launch_standby *standby)
{
    launch_discard(&standby->launch);
    *standby = (struct launch_standby)LAUNCH_STANDBY_INIT;
}

/* Returns how many came, or a negative errno. */
static int receive_fds(int socket, int fds[FDS_MAX])
{
    char word;
    struct iovec part = { .iov_base = &word, .iov_len = sizeof(word) };
    union control control = { 0 };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    size_t n;
    ssize_t received;

    do
        received = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return -errno;
    if (received == 0)
        return -EPIPE;
    if (message.msg_controllen == 0)
        return 0;
    n = (control.header.cmsg_len - CMSG_LEN(0)) / sizeof(int);
    memcpy(fds, CMSG_DATA(&control.header), n * sizeof(int));
    return (int)n;
}

int launch_standby_wait(int result, struct launch_shared *shared, int *ret_tree)
{
    int *places[FDS_MAX], fds[FDS_MAX] = { 0 }, tree, n;
    struct launch_plan *plan = &shared->plan;

    n = receive_fds(result, fds);
    if (n < 0)
        return n;
    tree = plan->layers.n == 0 ? 0 : -EBADF;
    if (find_fds(plan, &tree, places) != (size_t)n)
        return -EBADMSG;
    for (int i = 0; i < n; i++)
        *places[i] = fds[i];
    *ret_tree = tree;
    return 0;
}

int launch_standby_wait_run(int result)
{
    ssize_t received;
    char word;

    do
        received = recv(result, &word, sizeof(word), 0);
    while (received < 0 && errno == EINTR);
    if (received < 0)
        return -errno;
    return received == 0 ? -EPIPE : 0;
}
