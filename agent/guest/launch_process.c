/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch.h"

#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/guest/launch_child.h"
#include "agent/guest/launch_rehearsal.h"
#include "agent/guest/launch_seccomp.h"
#include "agent/guest/launch_step.h"
#include "agent/guest/launch_tree.h"
#include "proto/cleanup.h"

struct launcher {
    struct sock_fprog filter;
};

int launcher_new(struct launcher **ret_launcher)
{
    CLEANUP_FREE struct launcher *launcher = NULL;
    int r;

    for (int fd = 0; fd <= 2; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            return -errno;
    launcher = calloc(1, sizeof(*launcher));
    if (!launcher)
        return -ENOMEM;
    r = launch_seccomp_compile(&launcher->filter);
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

int launch_check(const struct launch_request *request, struct launch_failure *failure)
{
    CLEANUP(launch_plan_clear) struct launch_plan plan = LAUNCH_PLAN_INIT;

    int r = launch_plan_make(&plan, request, failure);

    return r == 0 && plan.layers.n > 1 ? launch_rehearse(&plan, failure) : r;
}

static int system_failure(struct launch_failure *failure, enum launch_stage stage, int error,
                          const char *what)
{
    return launch_failure_set(failure, LAUNCH_SYSTEM, stage, error, NULL, "%s: %s", what, strerror(-error));
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

/* Returns the pid, 0 in the child, or a negative errno. */
static pid_t clone_process(const struct launch_request *request, int *ret_pidfd)
{
    int pidfd = -EBADF;
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
        .pidfd = (uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    long r;

    if (request->network.kind != LAUNCH_NETWORK_HOST)
        args.flags |= CLONE_NEWNET;
    if (request->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (unsigned)request->cgroup_fd;
    }
    r = syscall(SYS_clone3, &args, sizeof(args));
    if (r < 0)
        return -errno;
    if (r > 0)
        *ret_pidfd = pidfd;
    return (pid_t)r;
}

/* A pipe whose read end does not block. */
static int make_pipe(int *ret_read, int *ret_write)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0) {
        int r = -errno;

        (void)close(ends[0]);
        (void)close(ends[1]);
        return r;
    }
    *ret_read = ends[0];
    *ret_write = ends[1];
    return 0;
}

static struct launch take_launch(struct launch *launch)
{
    struct launch taken = *launch;

    *launch = (struct launch)LAUNCH_INIT;
    return taken;
}

int launch_start(struct launcher *launcher, const struct launch_request *request, struct launch *ret_launch,
                 struct launch_failure *failure)
{
    CLEANUP(launch_plan_clear) struct launch_plan plan = LAUNCH_PLAN_INIT;
    CLEANUP(launch_discard) struct launch launch = LAUNCH_INIT;
    CLEANUP_FD int tree = -EBADF, result = -EBADF, log = -EBADF;
    pid_t pid;
    int r;

    r = launch_plan_make(&plan, request, failure);
    if (r < 0)
        return r;
    if (plan.layers.n == 0)
        tree = launch_tree_copy(&plan.root);
    if (tree < 0 && plan.layers.n == 0)
        return system_failure(failure, LAUNCH_STAGE_ROOT, tree, "cannot copy the mounts of the root");
    r = make_pipe(&launch.result_fd, &result);
    if (r == 0)
        r = make_pipe(&launch.log_fd, &log);
    if (r < 0)
        return system_failure(failure, LAUNCH_STAGE_CLONE, r, "cannot make a pipe");
    pid = clone_process(request, &launch.pidfd);
    if (pid == 0)
        launch_child_run(&(struct launch_child){
            .plan = &plan, .filter = &launcher->filter, .tree = tree, .result = result, .log = log });
    if (pid < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_CLONE, pid, NULL,
                                  "cannot create the container's first process: %s%s", strerror(-pid),
                                  clone_hint(pid));
    launch.pid = pid;
    *ret_launch = take_launch(&launch);
    return 0;
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

static int report_failure(struct launch_failure *failure, struct launch_report *report)
{
    enum launch_trouble trouble;
    const char *parameter;

    if (report->refusal.trouble != LAUNCH_TROUBLE_NONE) {
        *failure = report->refusal;
        return failure->error;
    }
    report->text[sizeof(report->text) - 1] = '\0';
    classify(report, &trouble, &parameter);
    return launch_failure_set(failure, trouble, (enum launch_stage)report->stage, report->error, parameter,
                              "%s: %s%s", report->text, strerror(-report->error), child_hint(report));
}

int launch_result_read(struct launch *launch, struct launch_failure *failure)
{
    for (;;) {
        struct launch_report report;
        ssize_t n = read(launch->result_fd, &report, sizeof(report));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return 0;
        if (n < 0)
            return system_failure(failure, LAUNCH_STAGE_CLONE, -errno,
                                  "cannot read the result of the set-up");
        if (n == 0 && launch->reached_exec)
            return 1;
        if (n != sizeof(report))
            return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_CLONE, -EOWNERDEAD, NULL,
                                      "the container's first process was killed while it was set up (out of "
                                      "memory, or by a signal)");
        if (report.error < 0)
            return report_failure(failure, &report);
        launch->reached_exec = true;
    }
}

void launch_discard(struct launch *launch)
{
    if (launch->pidfd >= 0) {
        siginfo_t info;

        (void)syscall(SYS_pidfd_send_signal, launch->pidfd, SIGKILL, NULL, 0);
        while (waitid(P_PIDFD, (id_t)launch->pidfd, &info, WEXITED) < 0 && errno == EINTR)
            ;
    }
    cleanup_fd(&launch->pidfd);
    cleanup_fd(&launch->result_fd);
    cleanup_fd(&launch->log_fd);
    *launch = (struct launch)LAUNCH_INIT;
}
