/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/rehearsal.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "agent/guest/launch/mount.h"
#include "agent/guest/launch/path.h"
#include "proto/cleanup.h"

static int rehearsal_failure(struct launch_failure *failure, int error, const char *what, const char *on)
{
    return launch_failure_set(
        failure, LAUNCH_SYSTEM, LAUNCH_STAGE_LAYERS, error, NULL, "cannot %s %s: %s%s", what, on,
        strerror(-error), error == -ENODEV ? " (this kernel has no overlayfs: load the module overlay)" : "");
}

/* Overlayfs only says that there are two of which one lies inside the other. */
static int refuse_nested(const char *const *layers, int error, struct launch_failure *failure)
{
    char inner[PATH_MAX], outer[PATH_MAX];

    for (size_t i = 0; layers[i]; i++)
        for (size_t k = 0; layers[k]; k++)
            if (i != k && realpath(layers[i], inner) && realpath(layers[k], outer) &&
                launch_path_is_inside(inner, outer)) {
                (void)launch_failure_set(failure, LAUNCH_NO_LAYER, LAUNCH_STAGE_LAYERS, error, "layers",
                                         "layer %s: it lies inside layer %s", layers[i], layers[k]);
                failure->index = i;
                return error;
            }
    return launch_failure_set(failure, LAUNCH_NO_LAYER, LAUNCH_STAGE_LAYERS, error, "layers",
                              "one of the layers lies inside another");
}

/* Turns what the child answers into what the caller of the request can do something about. */
static void act(struct launch_plan *plan, struct launch_failure *failure)
{
    struct launch_step step = { .stage = LAUNCH_STAGE_LAYERS };
    int r;

    launch_step_set(&step, LAUNCH_STAGE_LAYERS, "isolate", "the mounts");
    r = launch_mount_isolate();
    if (r == 0)
        r = launch_layers_stack(&plan->layers, "/sys", false, 0, &step);
    if (r == -ELOOP) {
        (void)refuse_nested(plan->request->layers, r, failure);
        return;
    }
    if (r < 0) {
        (void)rehearsal_failure(failure, r, step.what, step.on);
        return;
    }
    r = launch_plan_look_up_again(plan, r, failure);
    if (r < 0 && launch_plan_may_still_come(plan, failure))
        *failure = (struct launch_failure){ 0 };
}

/* The failure goes home as it is: its strings are static, and at the same place in both processes. */
static _Noreturn void run(struct launch_plan *plan, int result)
{
    struct launch_failure failure = { 0 };

    act(plan, &failure);
    _exit(write(result, &failure, sizeof(failure)) == (ssize_t)sizeof(failure) ? 0 : 1);
}

static int read_answer(int result, struct launch_failure *failure)
{
    struct launch_failure answer;
    ssize_t n;

    do
        n = read(result, &answer, sizeof(answer));
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(answer))
        return rehearsal_failure(failure, n < 0 ? -errno : -EOWNERDEAD, "look into", "the layers");
    if (answer.error < 0)
        *failure = answer;
    return answer.error;
}

int launch_rehearse(struct launch_plan *plan, struct launch_failure *failure)
{
    CLEANUP_FD int in = -EBADF, out = -EBADF, child = -EBADF;
    int ends[2], pidfd = -EBADF, r;
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_NEWNS,
        .pidfd = (uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    siginfo_t info;
    long pid;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return rehearsal_failure(failure, -errno, "make", "a pipe");
    in = ends[0];
    out = ends[1];
    pid = syscall(SYS_clone3, &args, sizeof(args));
    if (pid == 0)
        run(plan, out);
    if (pid < 0)
        return rehearsal_failure(failure, -errno, "create a process to look into", "the layers");
    child = pidfd;
    cleanup_fd(&out);
    out = -EBADF;
    r = read_answer(in, failure);
    while (waitid(P_PIDFD, (id_t)child, &info, WEXITED) < 0 && errno == EINTR)
        ;
    return r;
}
