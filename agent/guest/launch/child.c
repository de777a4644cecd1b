/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/child.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <linux/mempolicy.h>
#include <linux/openat2.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "agent/guest/launch/briefing.h"
#include "agent/guest/launch/extra_mounts.h"
#include "agent/guest/launch/filter.h"
#include "agent/guest/launch/identity.h"
#include "agent/guest/launch/join.h"
#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/report.h"
#include "agent/guest/launch/rlimit.h"
#include "agent/guest/launch/runtime.h"
#include "agent/guest/launch/skeleton.h"
#include "agent/guest/launch/tree.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

/* What systemd and login give: select(2) breaks above it. Programs raise it up to the hard limit themselves.
 */
#define NOFILE_SOFT 1024

#define STATUS_NOT_RUN 127

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static bool is_standby(const struct launch_child *child)
{
    return child->setting_up != NULL;
}

/* Closes all the keeper's fds but these at once, and not at exec only: a client would wait for the end of a
 * connection that a child still holds; and a leaked one is a way out (CVE-2024-21626). Negative ones count as
 * none. */
static int close_all_but(int *keep, size_t n)
{
    unsigned first = STDERR_FILENO + 1;

    qsort(keep, n, sizeof(keep[0]), by_number);
    for (size_t i = 0; i < n; i++) {
        if (keep[i] < 0)
            continue;
        if (first < (unsigned)keep[i] && close_range(first, (unsigned)keep[i] - 1, 0) < 0)
            return -errno;
        first = (unsigned)keep[i] + 1;
    }
    return close_range(first, UINT_MAX, 0) < 0 ? -errno : 0;
}

static int close_others(const struct launch_child *child)
{
    struct launch_plan *plan = child->plan;
    int keep[10 + LAUNCH_LAYERS_MAX + LAUNCH_MOUNTS_MAX] = {
        child->result,         child->tree,       launch_uplink_fd(&plan->uplink),
        plan->request->target, child->stdio->in,  child->stdio->out,
        child->stdio->err,     plan->userns.user, plan->userns.network,
        plan->layers.disk,
    };
    size_t n = 10;

    for (size_t i = 0; i < plan->layers.n; i++)
        keep[n++] = plan->layers.fds[i];
    for (size_t i = 0; i < plan->sources.n; i++)
        keep[n++] = plan->sources.fds[i];
    plan->root.fd = -EBADF; /* the tree takes its place */
    return close_all_but(keep, n);
}

/* Ignored signals stay ignored across exec, and clone3() resets only those with handlers. By the system call,
 * because the libc hides two signals, which its posix_spawn() ignores (seen with glibc 2.36). */
static int reset_signals(void)
{
    /* The kernel's struct: handler (SIG_DFL is 0), flags, restorer, mask. */
    const unsigned long action[8] = { 0 };
    sigset_t none;

    for (int number = 1; number < _NSIG; number++)
        if (syscall(SYS_rt_sigaction, number, action, NULL, _NSIG / 8) < 0 &&
            errno != EINVAL) /* KILL, STOP */
            return -errno;
    (void)sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) < 0 ? -errno : 0;
}

/* A daemon protected from the OOM killer must not hand that on. EACCES: the value is above 0 and may not be
 * lowered, which suits as well. */
static int reset_oom_score(struct launch_step *step)
{
    CLEANUP_FD int fd = -EBADF;

    launch_step_set(step, LAUNCH_STAGE_LIMITS, "write", "/proc/self/oom_score_adj");
    fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
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

/* What is the same for every process. */
static int settle(struct launch_step *step)
{
    int r;

    launch_step_set(step, LAUNCH_STAGE_LIMITS, "reset", "signals");
    r = reset_signals();
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_LIMITS, "reset", "the scheduling policy");
    if (sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 }) < 0)
        return -errno;
    launch_step_set(step, LAUNCH_STAGE_LIMITS, "set", "resource limits");
    r = reset_limits();
    return r == 0 ? reset_oom_score(step) : r;
}

/* What it uses from here on is its zone's. */
static int set_policy(const struct launch_request *request, struct launch_step *step)
{
    if (!request->policy)
        return 0;
    launch_step_set(step, LAUNCH_STAGE_POLICY, "set", "the memory policy of the zone");
    return czone_policy_apply(request->policy);
}

/* Not with clone3(): the namespace's root would be the daemon's cgroup. */
static int unshare_cgroup(struct launch_step *step)
{
    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "create", "the cgroup namespace");
    return unshare(CLONE_NEWCGROUP) < 0 ? -errno : 0;
}

static int begin_session(struct launch_step *step)
{
    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "create", "the session");
    return setsid() < 0 ? -errno : 0;
}

static int set_up_namespaces(const struct launch_child *child, struct launch_step *step)
{
    const char *hostname = child->plan->request->hostname;
    int r = is_standby(child) ? 0 : unshare_cgroup(step);

    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "set the hostname to", hostname);
    if (hostname && sethostname(hostname, strlen(hostname)) < 0)
        return -errno;
    launch_step_set(step, LAUNCH_STAGE_NAMESPACE, "enter", "the network namespace");
    if (child->plan->userns.network >= 0 && setns(child->plan->userns.network, CLONE_NEWNET) < 0)
        return -errno;
    return launch_network_enter(&child->plan->uplink, &child->plan->request->network, step);
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

/* What only the finished root can tell. Does not return if the request does not fit it. */
static void finish_root(const struct launch_child *child)
{
    struct launch_failure refusal = { 0 };
    int r;

    r = launch_extra_mounts_attach(&child->plan->sources, child->plan->request, &refusal);
    if (r == 0 && child->plan->late) {
        r = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
        r = launch_plan_look_up_again(child->plan, r < 0 ? -errno : r, &refusal);
    }
    if (r == 0)
        return;
    (void)launch_report_refuse(child->result, &refusal);
    _exit(STATUS_NOT_RUN);
}

static int make_root(const struct launch_child *child, struct launch_step *step)
{
    const struct launch_plan *plan = child->plan;
    int r;

    r = set_up_namespaces(child, step);
    if (r == 0 && plan->userns.user >= 0) {
        launch_step_set(step, LAUNCH_STAGE_IDENTITY, "act for", "the container's root");
        r = launch_userns_dress(&plan->request->users);
    }
    if (r == 0)
        r = launch_tree_enter(plan, child->tree, child->skeleton, step);
    if (r < 0)
        return r;
    finish_root(child);
    /* Not before: targets of mounts may have had to be made. */
    launch_step_set(step, LAUNCH_STAGE_MOUNT, "make read-only", "/");
    return plan->request->read_only ? launch_mount_close("/") : 0;
}

/* The root, or the namespaces, of the container. */
static int enter_container(const struct launch_child *child, struct launch_step *step)
{
    const struct launch_request *request = child->plan->request;
    int r;

    if (request->target >= 0)
        r = launch_join_enter(request->target, step);
    else if (request->runtime)
        r = launch_runtime_enter(step);
    else
        r = make_root(child, step);
    return r == 0 && !is_standby(child) ? begin_session(step) : r;
}

/* From here on it is one of the container's processes, among others that would look into it if they could
 * (CVE-2019-5736): becoming the same user makes a process readable for its like, unless it is not dumpable.
 */
static int tie_to_keeper(struct launch_step *step)
{
    launch_step_set(step, LAUNCH_STAGE_IDENTITY, "tie the program to", "its keeper");
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 ? -errno
                                                                                                   : 0;
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
    if (launch_users_mapped(&request->users)) {
        launch_step_set(step, LAUNCH_STAGE_IDENTITY, "enter", "the user namespace");
        r = launch_userns_enter(request->target >= 0 ? request->target : child->plan->userns.user);
        if (r < 0)
            return r;
    }
    launch_step_set(step, LAUNCH_STAGE_IDENTITY, "become user", request->user ? request->user : "0:0");
    /* A runtime stays who it is; it gives up for its container what that shall not have. */
    if (!request->runtime) {
        r = is_standby(child) ? 0 : launch_identity_prepare();
        if (r == 0)
            r = launch_identity_assume(&child->plan->user, request->capabilities);
    }
    return r == 0 ? tie_to_keeper(step) : r;
}

/* What a standby has done before. */
static int begin(const struct launch_child *child, struct launch_step *step)
{
    int r;

    (void)umask(0);
    launch_step_set(step, LAUNCH_STAGE_LIMITS, "close the fds of", "the keeper");
    r = close_others(child);
    if (r == 0)
        r = settle(step);
    return r == 0 ? set_policy(child->plan->request, step) : r;
}

/* Past this the program decides. */
static int execute(const struct launch_child *child, struct launch_step *step)
{
    const struct launch_plan *plan = child->plan;

    launch_step_set(step, LAUNCH_STAGE_EXEC, "run", plan->program);
    /* If the keeper died before that could be death's signal. */
    if (!launch_report_heard(child->result))
        return -EPIPE;
    child->shared->reached_exec = true;
    /* Every fd above 2 is close-on-exec by now. */
    (void)execve(plan->program, (char *const *)plan->request->args, plan->env);
    return -errno;
}

static int run(const struct launch_child *child, struct launch_step *step)
{
    const struct launch_plan *plan = child->plan;
    int r;

    r = is_standby(child) ? 0 : begin(child, step);
    if (r == 0)
        r = enter_container(child, step);
    if (r == 0)
        r = launch_stdio_connect(plan->request, child->stdio, &plan->user, child->result, step);
    (void)umask(plan->request->umask);
    if (r == 0)
        r = become_user(child, step);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_CWD, "change to cwd", plan->cwd);
    r = enter_cwd(plan->cwd);
    /* Under the filter it can set none. */
    if (r == 0 && is_standby(child))
        r = set_policy(plan->request, step);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_SECCOMP, "load", "the system call filter");
    r = launch_filter_apply(child->filter);
    if (r == 0 && is_standby(child))
        r = launch_briefing_wait_run(child->briefing, child->result);
    return r == 0 ? execute(child, step) : r;
}

static _Noreturn void give_up(int result, const struct launch_step *step, int error)
{
    /* Nobody is left to tell if this fails. */
    (void)launch_report_send(result, step, error, -EBADF);
    _exit(STATUS_NOT_RUN);
}

void launch_child_run(const struct launch_child *child)
{
    struct launch_step step = { .stage = LAUNCH_STAGE_CLONE };
    int r = run(child, &step);

    give_up(child->result, &step, r);
}

/* All of it concerns nobody but the container, and no request. */
static int stand_by(const struct launch_child *child, struct launch_step *step)
{
    int keep[] = { child->result, child->briefing, child->stdio->in, child->stdio->out, child->stdio->err };
    int r;

    (void)umask(0);
    (void)prctl(PR_SET_NAME, "czone-standby", 0, 0, 0);
    launch_step_set(step, LAUNCH_STAGE_POLICY, "keep to", "the home nodes");
    r = child->home->mode == MPOL_DEFAULT ? 0 : czone_policy_apply(child->home);
    if (r == 0)
        r = tie_to_keeper(step);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_LIMITS, "close the fds of", "the keeper");
    r = close_all_but(keep, sizeof(keep) / sizeof(keep[0]));
    if (r == 0)
        r = settle(step);
    if (r == 0)
        r = unshare_cgroup(step);
    if (r == 0)
        r = launch_skeleton_build(child->skeleton, step);
    if (r == 0)
        r = begin_session(step);
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_IDENTITY, "reduce", "the capability bounding set");
    r = launch_identity_prepare();
    if (r < 0)
        return r;
    launch_step_set(step, LAUNCH_STAGE_SECCOMP, "load", "the system call filter");
    return launch_filter_apply(child->setting_up);
}

void launch_child_stand_by(struct launch_child *child)
{
    struct launch_step step = { .stage = LAUNCH_STAGE_CLONE };
    struct launch_skeleton skeleton = LAUNCH_SKELETON_INIT;
    int r;

    child->skeleton = &skeleton;
    r = stand_by(child, &step);
    if (r == 0) {
        launch_shared_touch(child->shared);
        launch_step_set(&step, LAUNCH_STAGE_POLICY, "bind the cgroup to", "the zone's node");
        r = launch_briefing_hear(child->briefing, child->result, child->shared, &child->tree);
    }
    if (r < 0)
        give_up(child->result, &step, r);
    launch_child_run(child);
}
