/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch_child.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "agent/guest/launch_extra_mounts.h"
#include "agent/guest/launch_identity.h"
#include "agent/guest/launch_mount.h"
#include "agent/guest/launch_rlimit.h"
#include "agent/guest/launch_seccomp.h"
#include "agent/guest/launch_step.h"
#include "agent/guest/launch_tree.h"
#include "proto/cleanup.h"

/* What systemd and login give: select(2) breaks above it. Programs raise it up to the hard limit themselves.
 */
#define NOFILE_SOFT 1024

#define STATUS_NOT_RUN 127

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

/* Closes all the daemon's fds at once, and not at exec only: a client would wait for the end of a connection
 * that a child still holds; and a leaked one is a way out (CVE-2024-21626). */
static int close_others(const struct launch_child *child)
{
    struct launch_plan *plan = child->plan;
    int keep[5 + LAUNCH_LAYERS_MAX + LAUNCH_MOUNTS_MAX] = { 2, child->result, child->log, child->tree,
                                                            launch_uplink_fd(&plan->uplink) };
    size_t n = 5;

    for (size_t i = 0; i < plan->layers.n; i++)
        keep[n++] = plan->layers.fds[i];
    for (size_t i = 0; i < plan->sources.n; i++)
        keep[n++] = plan->sources.fds[i];
    plan->root.fd = -EBADF; /* the tree takes its place */
    qsort(keep, n, sizeof(keep[0]), by_number);
    for (size_t i = 0; i < n; i++) {
        unsigned first = (unsigned)keep[i] + 1, last = i + 1 < n ? (unsigned)keep[i + 1] - 1 : UINT_MAX;

        /* Those that are not there are negative, and come first. */
        if (keep[i] >= 2 && first <= last && close_range(first, last, 0) < 0)
            return -errno;
    }
    return 0;
}

/* Ignored signals stay ignored across exec, and clone3() resets only those with handlers. */
static int reset_signals(void)
{
    const struct sigaction action = { .sa_handler = SIG_DFL };
    sigset_t none;

    for (int number = 1; number < _NSIG; number++)
        if (sigaction(number, &action, NULL) < 0 && errno != EINVAL) /* KILL, STOP and the libc's own */
            return -errno;
    (void)sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/* A daemon protected from the OOM killer must not hand that on. EACCES: the value is above 0 and may not be
 * lowered, which suits as well. */
static int reset_oom_score(void)
{
    CLEANUP_FD int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    return write(fd, "0", 1) < 0 && errno != EACCES ? -errno : 0;
}

static int reset_limits(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    limit.rlim_cur = limit.rlim_max < NOFILE_SOFT ? limit.rlim_max : NOFILE_SOFT;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0 || getrlimit(RLIMIT_CORE, &limit) < 0)
        return -errno;
    limit.rlim_cur = 0;
    return setrlimit(RLIMIT_CORE, &limit) < 0 ? -errno : 0;
}

static int set_up_process(const struct launch_child *child, struct launch_step *step)
{
    const struct launch_request *request = child->plan->request;
    int r;

    launch_step_set(step, LAUNCH_STAGE_LIMITS, "close the fds of", "the daemon");
    r = close_others(child);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_LIMITS, "reset", "signals");
    r = reset_signals();
    if (r < 0)
        return r;
    if (request->policy) {
        launch_step_set(step, LAUNCH_STAGE_POLICY, "set", "the memory policy of the zone");
        r = czone_policy_apply(request->policy);
        if (r < 0)
            return r;
    }
    launch_step_set(step, LAUNCH_STAGE_LIMITS, "write", "/proc/self/oom_score_adj");
    r = reset_oom_score();
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_LIMITS, "set", "resource limits");
    return reset_limits();
}

static int set_up_namespaces(const struct launch_child *child, struct launch_step *step)
{
    const char *hostname = child->plan->request->hostname;
    int r;

    /* Not with clone3(): the namespace's root would be the daemon's cgroup. */
    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "create", "the cgroup namespace");
    if (unshare(CLONE_NEWCGROUP) < 0)
        return -errno;
    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "set the hostname to", hostname);
    if (hostname && sethostname(hostname, strlen(hostname)) < 0)
        return -errno;
    r = launch_network_enter(&child->plan->uplink, &child->plan->request->network, step);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "create", "the session");
    return setsid() < 0 ? -errno : 0;
}

static int set_up_stdio(const struct launch_child *child, int null, struct launch_step *step)
{
    const struct launch_user *user = &child->plan->user;

    launch_step_set(step, LAUNCH_STAGE_STDIO, "connect", "stdin, stdout and stderr");
    /* So that the user may open /dev/stdout. */
    if (fchown(child->log, user->uid, user->gid) < 0)
        return -errno;
    if (dup2(null, STDIN_FILENO) < 0 || dup2(child->log, STDOUT_FILENO) < 0 ||
        dup2(child->log, STDERR_FILENO) < 0)
        return -errno;
    return 0;
}

/* As the container's user, who must be allowed to be there. */
static int enter_cwd(const char *cwd)
{
    struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    CLEANUP_FD int fd = (int)syscall(SYS_openat2, AT_FDCWD, cwd, &how, sizeof(how));
    char path[PATH_MAX];

    if (fd < 0)
        return -errno;
    if (fchdir(fd) < 0)
        return -errno;
    /* The kernel's own getcwd says "(unreachable)" for a directory outside of the root (CVE-2024-21626). */
    if (syscall(SYS_getcwd, path, sizeof(path)) < 0)
        return -errno;
    return path[0] == '/' ? 0 : -EXDEV;
}

static void send_report(const struct launch_child *child, const struct launch_report *message)
{
    ssize_t n;

    do
        n = write(child->result, message, sizeof(*message));
    while (n < 0 && errno == EINTR);
    /* Nobody is left to tell that this failed. */
}

static void report(const struct launch_child *child, const struct launch_step *step, int error)
{
    struct launch_report message = { .stage = (int32_t)step->stage, .error = error };

    (void)snprintf(message.text, sizeof(message.text), "cannot %s %s", step->what, step->on ? step->on : "");
    send_report(child, &message);
}

/* What only the finished root can tell. Does not return if the request does not fit it. */
static void finish_root(const struct launch_child *child)
{
    struct launch_report message = { 0 };
    int r;

    r = launch_extra_mounts_attach(&child->plan->sources, child->plan->request, &message.refusal);
    if (r == 0 && child->plan->late) {
        r = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = launch_plan_look_up_again(child->plan, r < 0 ? -errno : r, &message.refusal);
    }
    if (r == 0)
        return;
    message.error = r;
    send_report(child, &message);
    _exit(STATUS_NOT_RUN);
}

/* The last steps as root. */
static int become_user(const struct launch_child *child, struct launch_step *step)
{
    const struct launch_request *request = child->plan->request;
    int r;

    launch_step_set(step, LAUNCH_STAGE_LIMITS, "set the resource limit", "");
    r = launch_rlimits_apply(request, &step->on);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_IDENTITY, "become user", request->user ? request->user : "0:0");
    return launch_identity_assume(&child->plan->user, request->capabilities);
}

static int run(const struct launch_child *child, struct launch_step *step)
{
    const struct launch_plan *plan = child->plan;
    int r, null;

    (void)umask(0);
    r = set_up_process(child, step);
    if (r < 0)
        return r;
    r = set_up_namespaces(child, step);
    if (r < 0)
        return r;
    r = launch_tree_enter(plan, child->tree, &null, step);
    if (r < 0)
        return r;
    finish_root(child);
    if (plan->request->read_only) {
        /* Not before: targets of mounts may have had to be made. */
        launch_step_set(step, LAUNCH_STAGE_MOUNT, "make read-only", "/");
        r = launch_mount_close("/");
        if (r < 0)
            return r;
    }
    r = set_up_stdio(child, null, step);
    if (r < 0)
        return r;
    (void)umask(plan->request->umask);
    r = become_user(child, step);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_CWD, "change to cwd", plan->cwd);
    r = enter_cwd(plan->cwd);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_SECCOMP, "load", "the system call filter");
    r = launch_seccomp_apply(child->filter);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_EXEC, "run", plan->program);
    report(child, step, 0);
    /* Every fd above 2 is close-on-exec by now, the log included: what stays is its copies. */
    (void)execve(plan->program, (char *const *)plan->request->args, plan->env);
    return -errno;
}

void launch_child_run(const struct launch_child *child)
{
    struct launch_step step = { .stage = LAUNCH_STAGE_CLONE };
    int r = run(child, &step);

    report(child, &step, r);
    _exit(STATUS_NOT_RUN);
}
