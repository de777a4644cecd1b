/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAUNCH_RUN_H
#define TESTS_LAUNCH_RUN_H

/* Real launches for tests: a root that holds the probe, a request, and a run from start to end. */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "agent/guest/launch/briefing.h"
#include "agent/guest/launch/launch.h"
#include "agent/guest/launch/seccomp.h"
#include "agent/guest/launch/shared.h"
#include "agent/guest/launch/standby.h"
#include "tests/unit/launch_fixture.h"

/* Emulated guests are slow; a launch takes milliseconds elsewhere. */
#define RUN_DEADLINE_MS 30000

struct run {
    struct fixture fixture;
    struct launcher *launcher;
    struct launch_request request;
    const char *args[16];
    int standby_filters[2];
    struct launch_briefing briefing;
    struct launch_standby standby;
    struct launch launch;
    struct launch_failure failure;
    siginfo_t end;
    char log[65536]; /* what the container said, NUL-terminated */
};

/* briefing NULL: is only to be checked. Returns as launch_check() and launch_briefing_tell(). */
static inline int run_plan(struct run *run, struct launch_briefing *briefing)
{
    struct launch_plan plan = LAUNCH_PLAN_INIT;
    int r = launch_check(&run->request, &plan, &run->failure);

    if (r == 0 && briefing)
        r = launch_briefing_tell(briefing, &plan, run->request.policy, NULL);
    launch_plan_clear(&plan);
    return r;
}

static inline int run_check(struct run *run)
{
    return run_plan(run, NULL);
}

/* As czoned and a keeper do: one tells it what to run, the other is its parent. */
static inline void run_prepare(struct run *run)
{
    struct launch_standby_kit kit = { .cgroup = run->request.cgroup_fd, .socket = &(int){ -EBADF } };

    kit.setting_up = run->standby_filters[0];
    kit.running = run->standby_filters[1];
    ck_assert_int_eq(launch_briefing_open(&run->briefing, kit.socket, &kit.memory), 0);
    ck_assert_int_eq(launch_standby_start(&kit, &run->standby), 0);
    (void)close(kit.memory);
}

/* As launch_start(): by a process that stands by, where LAUNCH_PREPARED is set and that suits. */
static inline int run_launch(struct run *run)
{
    int r;

    if (getenv("LAUNCH_PREPARED") == NULL || !launch_briefing_suits(&run->request))
        return launch_start(run->launcher, &run->request, &run->launch, &run->failure);
    run_prepare(run);
    r = run_plan(run, &run->briefing);
    if (r < 0)
        launch_standby_drop(&run->standby);
    else
        (void)launch_standby_run(&run->standby, &run->launch);
    launch_briefing_close(&run->briefing);
    return r;
}

static inline void run_set_up(struct run *run)
{
    const char *probe = getenv("LAUNCH_PROBE");
    int filter = -EBADF;

    memset(run, 0, sizeof(*run));
    ck_assert_msg(geteuid() == 0, "run the launch tests as root: containers need it");
    ck_assert_msg(probe != NULL, "LAUNCH_PROBE must name the program launch_probe");
    fixture_set_up(&run->fixture);
    fixture_copy(&run->fixture, "/probe", 0755, probe);
    fixture_dir(&run->fixture, "/etc");
    fixture_file(&run->fixture, "/etc/passwd", 0644,
                 "root:x:0:0::/root:/bin/sh\njoe:x:1000:1000::/home/joe:/probe\n");
    fixture_file(&run->fixture, "/etc/group", 0644, "wheel:x:10:joe\n");
    run->standby = (struct launch_standby)LAUNCH_STANDBY_INIT;
    run->briefing = (struct launch_briefing)LAUNCH_BRIEFING_INIT;
    ck_assert_int_eq(launch_seccomp_compile(&filter), 0);
    ck_assert_int_eq(launch_seccomp_compile_standby(&run->standby_filters[0], &run->standby_filters[1]), 0);
    ck_assert_int_eq(launcher_new(filter, &run->launcher), 0);
    (void)close(filter);
    run->launch = (struct launch)LAUNCH_INIT;
    run->request = (struct launch_request)LAUNCH_REQUEST_INIT;
    run->request.root = run->fixture.root;
    run->request.args = run->args;
    run->args[0] = "/probe";
}

static inline void run_tear_down(struct run *run)
{
    launch_discard(&run->launch);
    run->launcher = launcher_free(run->launcher);
    launch_standby_drop(&run->standby);
    launch_briefing_close(&run->briefing);
    (void)close(run->standby_filters[0]);
    (void)close(run->standby_filters[1]);
    fixture_tear_down(&run->fixture);
}

static inline void run_wait_readable(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

    ck_assert_msg(poll(&poll_fd, 1, RUN_DEADLINE_MS) == 1, "nothing happened for %d ms", RUN_DEADLINE_MS);
}

/* Starts and waits for the result: 1, or a negative errno with run->failure. */
static inline int run_start(struct run *run)
{
    int r;

    r = run_launch(run);
    if (r < 0)
        return r;
    do {
        run_wait_readable(run->launch.result_fd);
        r = launch_result_read(&run->launch, &run->failure);
    } while (r == 0);
    return r;
}

/* Adds what is there to the log; takes the fd out of the poll at its end. */
static inline void run_read_some(struct run *run, size_t *used, struct pollfd *slot)
{
    ssize_t n = read(slot->fd, run->log + *used, sizeof(run->log) - 1 - *used);

    ck_assert(n >= 0 || errno == EIO); /* a terminal ends with EIO */
    if (n <= 0)
        slot->fd = -1;
    else
        *used += (size_t)n;
}

/* Reads all output and waits for the end. */
static inline void run_finish(struct run *run)
{
    struct pollfd outputs[] = {
        { .fd = run->launch.stdout_fd, .events = POLLIN },
        { .fd = run->launch.stderr_fd, .events = POLLIN },
        { .fd = run->launch.tty_fd, .events = POLLIN },
    };
    size_t used = 0;

    while (outputs[0].fd >= 0 || outputs[1].fd >= 0 || outputs[2].fd >= 0) {
        ck_assert_int_gt(poll(outputs, 3, RUN_DEADLINE_MS), 0);
        for (int i = 0; i < 3; i++)
            if (outputs[i].fd >= 0 && outputs[i].revents)
                run_read_some(run, &used, &outputs[i]);
    }
    run->log[used] = '\0';
    run_wait_readable(run->launch.pidfd);
    ck_assert_int_eq(waitid(P_PIDFD, (id_t)run->launch.pidfd, &run->end, WEXITED | WNOWAIT), 0);
}

/* Runs the probe's check of that name and expects it to succeed. */
static inline void run_probe(struct run *run, const char *check)
{
    run->args[1] = check;
    ck_assert_msg(run_start(run) == 1, "%s", run->failure.message);
    run_finish(run);
    ck_assert_msg(run->end.si_code == CLD_EXITED && run->end.si_status == 0, "%s: code %d, status %d: %s",
                  check, run->end.si_code, run->end.si_status, run->log);
}

/* Runs `probe do ACTION...` (NULL-terminated) and expects that output. */
static inline void run_actions(struct run *run, const char *const *actions, const char *output)
{
    run->args[1] = "do";
    for (size_t i = 0; i == 0 || actions[i - 1]; i++)
        run->args[2 + i] = actions[i];
    ck_assert_msg(run_start(run) == 1, "%s", run->failure.message);
    run_finish(run);
    ck_assert_str_eq(run->log, output);
    launch_discard(&run->launch);
}

#endif
