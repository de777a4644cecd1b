/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/launch.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/guest/launch/child.h"
#include "agent/guest/launch/clone.h"
#include "agent/guest/launch/filter.h"
#include "agent/guest/launch/join.h"
#include "agent/guest/launch/rehearsal.h"
#include "agent/guest/launch/report.h"
#include "agent/guest/launch/runtime.h"
#include "agent/guest/launch/shared.h"
#include "agent/guest/launch/tree.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

struct launcher {
    struct sock_fprog filter;
};

int launcher_new(int filter, struct launcher **ret_launcher)
{
    CLEANUP_FREE struct launcher *launcher = NULL;
    int r;

    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            return -errno;
    launcher = calloc(1, sizeof(*launcher));
    if (!launcher)
        return -ENOMEM;
    r = launch_filter_read(filter, &launcher->filter);
    if (r < 0)
        return r;
    *ret_launcher = TAKE(launcher);
    return 0;
}

struct launcher *launcher_free(struct launcher *launcher)
{
    if (launcher)
        free(launcher->filter.filter);
    free(launcher);
    return NULL;
}

static int system_failure(struct launch_failure *failure, enum launch_stage stage, int error,
                          const char *what)
{
    return launch_failure_set(failure, LAUNCH_SYSTEM, stage, error, NULL, "%s: %s", what, strerror(-error));
}

/* The tree of the root as the container will see it; none with layers. */
static int copy_root(const struct launch_plan *plan, int *ret_tree, struct launch_failure *failure)
{
    const struct launch_users *users = &plan->request->users;
    bool own = plan->root.own;
    CLEANUP_FD int tree = -EBADF;
    int r;

    if (plan->layers.n > 0)
        return 0;
    tree = launch_tree_copy(&plan->root);
    if (tree < 0)
        return system_failure(failure, LAUNCH_STAGE_ROOT, tree, "cannot copy the mounts of the root");
    if (launch_users_mapped(users) && users->owners == LAUNCH_OWNERS_SHIFTED) {
        r = launch_userns_shift(&plan->userns, tree);
        if (r < 0 && !(own && r == -EINVAL))
            return launch_userns_refuse(failure, r, "root", own ? "/" : plan->request->root, tree);
    }
    *ret_tree = take_fd(&tree);
    return 0;
}

/* Which uses the layers up: what was attached once is gone with the process that did. */
static int rehearse(struct launch_plan *plan, struct launch_failure *failure)
{
    int r = launch_rehearse(plan, failure);

    launch_layers_close(&plan->layers);
    return r == 0 ? launch_layers_open(&plan->layers, plan->request->layers, failure) : r;
}

int launch_check(const struct launch_request *request, struct launch_plan *plan,
                 struct launch_failure *failure)
{
    CLEANUP_FD int tree = -EBADF;
    int r;

    plan->check = true;
    r = launch_plan_make(plan, request, failure);
    if (r == 0 && launch_users_mapped(&request->users))
        r = copy_root(plan, &tree, failure);
    return r == 0 && plan->layers.n > 1 ? rehearse(plan, failure) : r;
}

static const char *clone_hint(int error)
{
    switch (error) {
    case -EAGAIN:
        return " (the limit of processes of a cgroup, or of the guest, is reached)";
    case -EBUSY:
        return " (its cgroup hands controllers to cgroups below it, so it can't hold processes)";
    case -EPERM:
        return " (the daemon lacks CAP_SYS_ADMIN)";
    case -ENOSPC:
        return " (a limit of /proc/sys/user/max_*_namespaces is reached)";
    default:
        return "";
    }
}

/* A runtime makes the namespaces of its container itself. */
static uint64_t new_namespaces(const struct launch_request *request)
{
    uint64_t flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC;

    if (request->target >= 0 || request->runtime)
        return 0;
    /* With users of its own it belongs to these, and is there already. */
    return request->network.kind != LAUNCH_NETWORK_HOST && !launch_users_mapped(&request->users)
               ? flags | CLONE_NEWNET
               : flags;
}

/* Returns the pid, 0 in the child, or a negative errno. */
static pid_t clone_process(const struct launch_request *request, int *ret_pidfd)
{
    CLEANUP_FD int own = -EBADF;

    /* The zone's cgroup hands out controllers once a runtime has made others below it. */
    if (request->target >= 0 && request->runtime) {
        own = launch_runtime_cgroup(request->cgroup_fd);
        if (own < 0)
            return own;
    }
    return launch_clone(new_namespaces(request), own >= 0 ? own : request->cgroup_fd, ret_pidfd);
}

/* As clone_process(), into the container's pid namespace. */
static pid_t clone_and_join(const struct launch_request *request, int *ret_pidfd)
{
    CLEANUP(launch_join_leave) int own = -EBADF;
    pid_t pid;
    int r;

    r = launch_join_pids(request->target, &own);
    if (r < 0)
        return r;
    pid = clone_process(request, ret_pidfd);
    if (pid == 0)
        own = -EBADF; /* of the parent */
    /* In a pid namespace whose first process has ended nobody is born any more (pid_namespaces(7)). */
    return pid == -ENOMEM && launch_join_ended(request->target) ? -ESRCH : pid;
}

static int clone_failure(struct launch_failure *failure, int error, const struct launch_request *request)
{
    if (request->target >= 0 && error == -ESRCH)
        return launch_failure_set(failure, LAUNCH_GONE, LAUNCH_STAGE_CLONE, error, NULL,
                                  "the container has ended");
    return launch_failure_set(
        failure, LAUNCH_SYSTEM, LAUNCH_STAGE_CLONE, error, NULL, "cannot create %s process: %s%s",
        request->target < 0 ? "the container's first" : "a session's", strerror(-error), clone_hint(error));
}

static struct launch take_launch(struct launch *launch)
{
    struct launch taken = *launch;

    *launch = (struct launch)LAUNCH_INIT;
    return taken;
}

/* A process of its own for the plan. */
static int start_process(const struct launcher *launcher, struct launch_plan *plan, int tree,
                         struct launch *ret_launch, struct launch_failure *failure)
{
    CLEANUP(launch_discard) struct launch launch = LAUNCH_INIT;
    CLEANUP(launch_stdio_close) struct launch_stdio stdio = LAUNCH_STDIO_INIT;
    const struct launch_request *request = plan->request;
    CLEANUP_FD int result = -EBADF;
    pid_t pid;
    int r;

    r = launch_shared_new(&launch.shared);
    if (r == 0)
        r = launch_report_open(&launch.result_fd, &result);
    if (r == 0 && !request->tty)
        r = launch_stdio_open(request->input, &stdio, &launch);
    if (r < 0)
        return system_failure(failure, LAUNCH_STAGE_CLONE, r, "cannot make a pipe");
    pid =
        request->target >= 0 ? clone_and_join(request, &launch.pidfd) : clone_process(request, &launch.pidfd);
    if (pid == 0)
        launch_child_run(&(struct launch_child){
            .shared = launch.shared,
            .plan = plan,
            .filter = &launcher->filter,
            .stdio = &stdio,
            .tree = tree,
            .briefing = -EBADF,
            .result = result,
        });
    if (pid < 0)
        return clone_failure(failure, pid, request);
    launch.pid = pid;
    *ret_launch = take_launch(&launch);
    return 0;
}

int launch_start(struct launcher *launcher, const struct launch_request *request, struct launch *ret_launch,
                 struct launch_failure *failure)
{
    CLEANUP(launch_plan_clear) struct launch_plan plan = LAUNCH_PLAN_INIT;
    CLEANUP_FD int tree = -EBADF;
    int r;

    r = launch_plan_make(&plan, request, failure);
    if (r == 0 && request->target < 0 && !request->runtime)
        r = copy_root(&plan, &tree, failure);
    return r < 0 ? r : start_process(launcher, &plan, tree, ret_launch, failure);
}

/* What a failure in the child means for the one who made the request. */
static void classify(const struct launch_report *report, enum launch_trouble *ret_trouble,
                     const char **ret_parameter)
{
    bool path = report->error == -ENOENT || report->error == -EACCES || report->error == -ENOTDIR ||
                report->error == -ELOOP;

    *ret_trouble = LAUNCH_SYSTEM;
    *ret_parameter = NULL;
    if (report->stage == LAUNCH_STAGE_EXEC && (path || report->error == -ENOEXEC)) {
        *ret_trouble = LAUNCH_NO_PROGRAM;
        *ret_parameter = "args";
    } else if (report->stage == LAUNCH_STAGE_EXEC && report->error == -E2BIG) {
        *ret_trouble = LAUNCH_BAD_PARAMETER;
        *ret_parameter = "args";
    } else if (report->stage == LAUNCH_STAGE_CWD && path) {
        *ret_trouble = LAUNCH_BAD_PARAMETER;
        *ret_parameter = "cwd";
    }
}

static const char *child_hint(const struct launch_report *report)
{
    if (report->stage == LAUNCH_STAGE_POLICY && report->error == -EINVAL)
        return " (cpuset.mems of its cgroup must name the home node and the zone's)";
    if (report->stage == LAUNCH_STAGE_NETWORK && report->error == -EOPNOTSUPP)
        return " (this kernel has no veth: load the module)";
    if (report->stage == LAUNCH_STAGE_LAYERS && report->error == -ELOOP)
        return " (one of them lies inside another)";
    if (report->stage == LAUNCH_STAGE_LAYERS && report->error == -ENODEV)
        return " (this kernel has no overlayfs: load the module overlay)";
    if (report->stage == LAUNCH_STAGE_EXEC && report->error == -ENOEXEC)
        return " (neither a program for this machine nor a script that begins with #!)";
    if (report->stage == LAUNCH_STAGE_EXEC && report->error == -E2BIG)
        return " (args and env together are too long)";
    if (report->stage == LAUNCH_STAGE_EXEC && report->error == -EACCES)
        return " (the container's user may not run it, or it lies on a file system mounted noexec)";
    return "";
}

static int report_failure(struct launch_failure *failure, const struct launch_report *report)
{
    enum launch_trouble trouble;
    const char *parameter;

    if (report->refusal.trouble != LAUNCH_TROUBLE_NONE) {
        *failure = report->refusal;
        return failure->error;
    }
    classify(report, &trouble, &parameter);
    return launch_failure_set(failure, trouble, (enum launch_stage)report->stage, report->error, parameter,
                              "%s: %s%s", report->text, strerror(-report->error), child_hint(report));
}

/* Returns as launch_result_read(), and 0 also when there may be more to read. */
static int take_report(struct launch *launch, const struct launch_report *report, int fd,
                       struct launch_failure *failure)
{
    if (fd >= 0) {
        cleanup_fd(&launch->tty_fd);
        launch->tty_fd = fd;
    }
    return report->error < 0 ? report_failure(failure, report) : 0;
}

int launch_result_read(struct launch *launch, struct launch_failure *failure)
{
    for (;;) {
        struct launch_report report;
        int fd, r;

        r = launch_report_receive(launch->result_fd, &report, &fd);
        if (r == -EAGAIN)
            return 0;
        if (r < 0)
            return system_failure(failure, LAUNCH_STAGE_CLONE, r, "cannot read the result of the set-up");
        if (r == 0 && launch->shared->reached_exec)
            return 1;
        if (r == 0)
            return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_CLONE, -EOWNERDEAD, NULL,
                                      "the program was killed while it was set up (out of memory, or by a "
                                      "signal)");
        r = take_report(launch, &report, fd, failure);
        if (r < 0)
            return r;
    }
}

void launch_result_close(struct launch *launch)
{
    cleanup_fd(&launch->result_fd);
    launch->result_fd = -EBADF;
    launch->shared = launch_shared_free(launch->shared);
}

void launch_discard(struct launch *launch)
{
    int *const fds[] = { &launch->pidfd,     &launch->result_fd, &launch->stdin_fd,
                         &launch->stdout_fd, &launch->stderr_fd, &launch->tty_fd };

    if (launch->pidfd >= 0) {
        siginfo_t info;

        (void)syscall(SYS_pidfd_send_signal, launch->pidfd, SIGKILL, NULL, 0);
        while (waitid(P_PIDFD, (id_t)launch->pidfd, &info, WEXITED) < 0 && errno == EINTR)
            ;
    }
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        cleanup_fd(fds[i]);
    (void)launch_shared_free(launch->shared);
    *launch = (struct launch)LAUNCH_INIT;
}
