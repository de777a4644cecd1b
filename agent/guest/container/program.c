/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/program.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/cgroup_signal.h"
#include "agent/guest/container/program_cgroup.h"
#include "agent/guest/container/program_refusal.h"
#include "agent/guest/container/runtime_launch.h"
#include "agent/guest/keeper/record.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "proto/cleanup.h"

/* After SIGKILL only the kernel is left to wait for: uninterruptible sleep and freeing gigabytes. */
#define EMPTY_TIMEOUT_NS (30 * NSEC_PER_SEC)
/* From clone3() to exec(): reads of the root's file system, which may hang. */
#define LAUNCH_TIMEOUT_NS (30 * NSEC_PER_SEC)
/* What a keeper has to read what is left in its pipes and to say so. */
#define DRAIN_TIMEOUT_NS (5 * NSEC_PER_SEC)

static const struct keeper_link_ops keeper_ops;
static void on_timeout(evutil_socket_t fd, short what, void *data);

static void free_event(struct event **event)
{
    if (*event != NULL)
        event_free(*event);
    *event = NULL;
}

/* For the log. Its cgroup may be gone before the log has ended, or never have been made. */
static const char *title(const struct program *program)
{
    return program->cgroup != NULL ? czone_cgroup_path(program->cgroup) : program->name;
}

static int arm(struct program *program, uint64_t timeout_ns)
{
    struct timeval timeout = clock_timeval(timeout_ns);

    if (program->timer == NULL)
        program->timer = evtimer_new(program->manager->base, on_timeout, program);
    return program->timer == NULL || event_add(program->timer, &timeout) < 0 ? -ENOMEM : 0;
}

static void disarm(struct program *program)
{
    if (program->timer != NULL)
        (void)event_del(program->timer);
}

static void tell_log_end(struct program *program)
{
    if (program->emptied)
        disarm(program);
    program->ops->log_ended(program->owner);
}

/* Nothing can be written any more, or nobody reads it. */
static void end_log(struct program *program)
{
    if (program->output.ended)
        return;
    program_log_end(&program->output);
    tell_log_end(program);
}

/* Reports the end once no process is left. The owner need not wait for the log's end to give the memory back.
 */
void program_check(struct program *program)
{
    int r;

    if (!program->stopping || program->starting || program->running)
        return;
    r = program->cgroup != NULL ? czone_cgroup_populated(program->cgroup) : 0;
    if (r > 0)
        return;
    if (r < 0)
        log_warning("cannot read cgroup.events of %s: %s", czone_cgroup_path(program->cgroup), strerror(-r));
    program->stopping = false;
    program->emptied = true;
    /* Nobody of it can write any more, though a write end may have been handed to another container. */
    if (program->output.ended)
        disarm(program); /* nothing is awaited any more */
    else if (!keeper_link_open(&program->keeper) || arm(program, DRAIN_TIMEOUT_NS) < 0)
        end_log(program);
    program->ops->emptied(program->owner, 0);
}

static void tell_exit(struct program *program, const struct program_exit *exit)
{
    /* Whatever is left begins to free its memory while we tell the world. */
    if (program->cgroup != NULL)
        (void)czone_cgroup_kill(program->cgroup);
    program->running = false;
    input_close(&program->input);
    program->ops->exited(program->owner, exit);
}

/* It does not die; its keeper goes on waiting for that. */
static void on_empty_timeout(struct program *program)
{
    struct program_exit killed = {
        .status = -1, .signal = SIGKILL, .time = clock_realtime(), .monotonic = clock_monotonic()
    };

    program->starting = false;
    if (program->running)
        tell_exit(program, &killed);
    program->stopping = false;
    program->emptied = true;
    end_log(program);
    program->ops->emptied(program->owner, -ETIMEDOUT);
}

static void refuse_start(struct program *program, int error, const char *message)
{
    struct refusal refusal = REFUSAL_INIT;

    program->starting = false;
    input_close(&program->input);
    (void)refusal_set(&refusal, error, ERROR_SYSTEM, NULL, "%s", message);
    program->ops->started(program->owner, 0, &refusal);
}

static void on_timeout(evutil_socket_t fd, short what, void *data)
{
    struct program *program = data;

    (void)fd;
    (void)what;
    if (program->stopping) {
        on_empty_timeout(program);
    } else if (program->emptied) {
        log_warning("the keeper of %s does not end its log", title(program));
        end_log(program);
    } else {
        refuse_start(program, -ETIMEDOUT,
                     "the program did not begin in time: does the file system of its root hang?");
    }
}

static void on_running(struct program *program, const struct keeper_status *status)
{
    bool told = program->running;

    program->starting = false;
    program->running = true;
    program->pid = status->pid;
    if (program->stopping) { /* it was given up meanwhile, when there was nothing to kill yet */
        if (program->cgroup != NULL)
            (void)czone_cgroup_kill(program->cgroup);
        return;
    }
    if (told)
        return;
    disarm(program);
    program_cgroup_begin(program);
    program->ops->started(program->owner, status->started_ns, NULL);
}

/* A point of realtime on the clock that durations are counted by. */
static uint64_t monotonic_of(int64_t realtime)
{
    int64_t ago = clock_realtime() - realtime;
    uint64_t now = clock_monotonic();

    return ago > 0 && (uint64_t)ago < now ? now - (uint64_t)ago : now;
}

static void on_ended(struct program *program, const struct keeper_status *status)
{
    bool by_itself = status->wait_code == CLD_EXITED;
    struct program_exit exit = { .status = by_itself ? status->wait_status : -1,
                                 .signal = by_itself ? -1 : status->wait_status,
                                 .time = status->ended_ns,
                                 .monotonic = monotonic_of(status->ended_ns) };

    if (program->starting)
        on_running(program, status);
    if (program->running)
        tell_exit(program, &exit);
    program_stop(program);
}

/* Whatever it tells its owner last may be the end of the program: nothing is touched after it. */
static void on_status(void *owner, const struct keeper_status *status)
{
    struct program *program = owner;
    bool emptied = program->emptied;
    bool ended = program->output.ended;

    input_update(&program->input, status);
    program_log_update(&program->output, status);
    if (!ended && program->output.ended)
        tell_log_end(program);
    if (emptied)
        return;
    if (status->state == KEEPER_RUNNING)
        on_running(program, status);
    else if (status->state == KEEPER_ENDED)
        on_ended(program, status);
}

static void on_lost(void *owner);

/* What an earlier czoned had sent to a keeper was not read yet when we looked for that. */
static void take_other_keeper(struct program *program)
{
    keeper_link_close(&program->keeper);
    if (keeper_link_connect(&program->keeper, program->manager, program->dir_fd, &keeper_ops, program) < 0)
        on_lost(program);
}

static void on_failed(void *owner, const struct launch_failure *failure)
{
    struct program *program = owner;
    struct launch_request launch;
    struct refusal refusal = REFUSAL_INIT;

    if (failure->stage == LAUNCH_STAGE_REQUEST && failure->error == -EEXIST) {
        take_other_keeper(program);
        return;
    }
    program->starting = false;
    input_close(&program->input);
    end_log(program);
    if (program->stopping) { /* it was given up meanwhile */
        program_check(program);
        return;
    }
    disarm(program);
    spawn_request_launch(program->request, &launch);
    (void)program_refuse(failure, &launch, &refusal);
    program->ops->started(program->owner, 0, &refusal);
}

void program_lose(struct program *program)
{
    struct program_exit killed = { .status = -1,
                                   .signal = SIGKILL,
                                   .time = clock_realtime(),
                                   .monotonic = clock_monotonic(),
                                   .keeper_lost = true };

    if (program->running) {
        log_error("the keeper of %s was killed: so is the program", title(program));
        tell_exit(program, &killed);
        program_stop(program);
    } else if (program->starting && program->stopping) {
        program->starting = false;
        program_check(program);
    } else if (program->starting) {
        refuse_start(program, -EOWNERDEAD, "the program's keeper was killed while it started it");
    }
}

/* What it wrote down before it died is as good as if it had told us. */
static void on_lost(void *owner)
{
    struct program *program = owner;
    struct launch_failure failure;
    struct keeper_record record;
    bool emptied = program->emptied;
    int r;

    program_log_read_end(&program->output);
    r = keeper_record_read(program->dir_fd, &record);
    end_log(program);
    if (emptied)
        return;
    if (r == 0 && record.status.state == KEEPER_REFUSED && program->starting) {
        keeper_failed_get(&record.failed, &failure);
        on_failed(program, &failure);
        return;
    }
    if (r == 0 && record.status.state == KEEPER_ENDED) {
        on_ended(program, &record.status);
        return;
    }
    if (r == 0 && record.status.state == KEEPER_RUNNING)
        on_running(program, &record.status);
    program_lose(program);
}

static const struct keeper_link_ops keeper_ops = { on_status, on_failed, on_lost };

int program_start(struct program *program, struct czone_zone *zone, const char *name,
                  const struct spawn_request *request, int64_t pids, struct refusal *refusal)
{
    CLEANUP(runtime_launch_done) struct runtime_launch runtime = { 0 };
    struct launch_request launch;
    struct czone_policy policy;
    int r;

    program->request = request;
    r = program_cgroup_prepare(program, zone, name, pids, &policy, refusal);
    if (r < 0)
        return r;
    spawn_request_launch(request, &launch);
    r = request->runtime != OCI_RUNTIME_NATIVE
            ? runtime_launch_run(&runtime, request, program->dir_fd, program->name, &launch)
            : 0;
    launch.cgroup_fd = czone_cgroup_fd(program->cgroup);
    launch.policy = &policy;
    if (r == 0)
        r = keeper_link_start(&program->keeper, program->manager, program->dir_fd, &launch, &program->standby,
                              &keeper_ops, program);
    if (r == 0)
        r = arm(program, LAUNCH_TIMEOUT_NS);
    if (r < 0)
        return refusal_set(refusal, r, ERROR_SYSTEM, NULL, "cannot have a keeper start the program: %s",
                           strerror(-r));
    program->starting = true;
    return 0;
}

int program_adopt(struct program *program, const char *cgroup, const struct spawn_request *request,
                  bool running)
{
    struct keeper_record record;
    int r;

    program->request = request;
    program->running = running;
    if (cgroup[0] != '\0') {
        r = czone_cgroup_open(program->manager->ctx, cgroup, &program->cgroup);
        if (r < 0 && r != -ENOENT) /* a service manager may have cleaned up */
            return r;
    }
    program->starting = !running;
    r = keeper_link_connect(&program->keeper, program->manager, program->dir_fd, &keeper_ops, program);
    if (r == 0 && running)
        return 1;
    if (r == 0) /* it answers at once, or is still busy with the start */
        return arm(program, LAUNCH_TIMEOUT_NS) < 0 ? -ENOMEM : 1;
    if (running || (r != -ENOENT && keeper_record_read(program->dir_fd, &record) == 0)) {
        on_lost(program);
        return 1;
    }
    program->starting = false;
    return 0;
}

int program_signal(struct program *program, int signal)
{
    int r;

    if (program->cgroup == NULL)
        return -ESRCH;
    if (signal != SIGKILL)
        return cgroup_signal(program->cgroup, signal);
    r = czone_cgroup_kill(program->cgroup);
    if (r == 0)
        program_stop(program); /* from here on it has a deadline */
    return r;
}

/* Without a watch there is still the deadline: the end comes late, but it comes. */
static void watch_cgroup(struct program *program)
{
    if (arm(program, EMPTY_TIMEOUT_NS) < 0)
        log_error("cannot arm the deadline of %s: out of memory", title(program));
    program->exits_wd = czone_cgroup_watch(program->cgroup, program->manager->exits_fd);
    if (program->exits_wd < 0)
        log_error("cannot watch %s: %s", czone_cgroup_path(program->cgroup), strerror(-program->exits_wd));
}

/* The kernel would keep it for good. */
static void unwatch_cgroup(struct program *program)
{
    if (program->exits_wd >= 0)
        (void)inotify_rm_watch(program->manager->exits_fd, program->exits_wd);
    program->exits_wd = -1;
}

void program_stop(struct program *program)
{
    int r;

    if (program->emptied)
        return;
    program_cgroup_drop(program); /* it was not started */
    if (!program->stopping) {
        program->stopping = true;
        if (program->cgroup != NULL) {
            watch_cgroup(program);
            r = czone_cgroup_kill(program->cgroup);
            if (r < 0)
                log_error("cannot kill %s: %s", czone_cgroup_path(program->cgroup), strerror(-r));
        }
    }
    program_check(program);
}

bool program_oom_killed(struct program *program)
{
    char events[512];
    const char *count;

    if (program->cgroup == NULL ||
        czone_cgroup_read(program->cgroup, "memory.events", events, sizeof(events)) < 0)
        return false;
    count = strstr(events, "oom_kill ");
    return count != NULL && strtoul(count + strlen("oom_kill "), NULL, 10) > 0;
}

void program_remove(struct program *program)
{
    int r;

    if (program->cgroup == NULL)
        return;
    unwatch_cgroup(program);
    r = czone_cgroup_remove(program->cgroup);
    if (r < 0)
        log_error("cannot remove cgroup %s: %s", czone_cgroup_path(program->cgroup), strerror(-r));
    program->cgroup = czone_cgroup_unref(program->cgroup);
}

void program_forget(struct program *program)
{
    keeper_link_forget(&program->keeper);
}

void program_init(struct program *program, struct manager *manager, const struct program_ops *ops,
                  void *owner, const char *name)
{
    *program = (struct program)PROGRAM_INIT;
    program->manager = manager;
    program->ops = ops;
    program->owner = owner;
    program->name = name;
    program_log_init(&program->output, name, &program->keeper, -EBADF);
    input_init(&program->input, name, &program->keeper);
}

void program_set_dir(struct program *program, int dir_fd)
{
    program->dir_fd = program->output.dir_fd = dir_fd;
}

void program_done(struct program *program)
{
    free_event(&program->timer);
    keeper_link_close(&program->keeper);
    program_cgroup_drop(program);
    unwatch_cgroup(program);
    program->cgroup = czone_cgroup_unref(program->cgroup);
}
