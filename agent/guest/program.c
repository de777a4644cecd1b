/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/program.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "agent/guest/clock.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "proto/cleanup.h"

/* After SIGKILL only the kernel is left to wait for: uninterruptible sleep and freeing gigabytes. */
#define EMPTY_TIMEOUT_NS (30 * NSEC_PER_SEC)
/* From clone3() to exec(): reads of the root's file system, which may hang. */
#define LAUNCH_TIMEOUT_NS (30 * NSEC_PER_SEC)
/* The kernel's most pids (PID_MAX_LIMIT, 4 Mi), eight bytes each. */
#define PIDS_TEXT_MAX ((size_t)64 << 20)
/* Read per turn of the loop, so that one container that floods its log does not stop the others. */
#define LOG_READ_SIZE 16384

int program_refuse(const struct launch_failure *failure, const struct spawn_request *request,
                   struct refusal *refusal)
{
    static const struct {
        enum launch_trouble trouble;
        const char *id;
    } ids[] = {
        { LAUNCH_NO_PROGRAM, ERROR_NO_SUCH_PROGRAM }, { LAUNCH_NO_ROOT, ERROR_NO_SUCH_ROOT },
        { LAUNCH_NO_USER, ERROR_NO_SUCH_USER },       { LAUNCH_NO_LAYER, ERROR_NO_SUCH_LAYER },
        { LAUNCH_NO_SOURCE, ERROR_NO_SUCH_SOURCE },
    };
    const char *id = ERROR_SYSTEM, *subject = NULL;

    for (size_t i = 0; i < ELEMENTS(ids); i++)
        if (ids[i].trouble == failure->trouble)
            id = ids[i].id;
    if (failure->trouble == LAUNCH_NO_PROGRAM)
        subject = request->argv[0];
    else if (failure->trouble == LAUNCH_NO_ROOT)
        subject = request->root != NULL ? request->root : "/";
    else if (failure->trouble == LAUNCH_NO_USER)
        subject = request->user;
    else if (failure->trouble == LAUNCH_NO_LAYER)
        subject = request->parts.layers[failure->index];
    else if (failure->trouble == LAUNCH_NO_SOURCE)
        subject = request->parts.mounts[failure->index].source;
    return refusal_set(refusal, failure->error, id, subject, "%s", failure->message);
}

static void free_event(struct event **event)
{
    if (*event != NULL)
        event_free(*event);
    *event = NULL;
}

static void close_fd(int *fd)
{
    cleanup_fd(fd);
    *fd = -EBADF;
}

/* Nothing can be written to these any more, or nobody reads it. */
static void end_output(struct program *program, struct event **event, int *fd)
{
    free_event(event);
    close_fd(fd);
    if (program->log_ended || program->launch.stdout_fd >= 0 || program->launch.stderr_fd >= 0)
        return;
    program->log_ended = true;
    program->ops->wrote(program->owner);
}

static void end_log(struct program *program)
{
    end_output(program, &program->out_event, &program->launch.stdout_fd);
    end_output(program, &program->err_event, &program->launch.stderr_fd);
}

/* Returns whether there may be more. */
static bool read_log(struct program *program, struct event **event, int *fd)
{
    char buffer[LOG_READ_SIZE];
    ssize_t n = *fd >= 0 ? read(*fd, buffer, sizeof(buffer)) : 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n <= 0) {
        end_output(program, event, fd);
        return false;
    }
    log_ring_write(program->log, buffer, (size_t)n);
    program->ops->wrote(program->owner);
    return true;
}

static void on_out(evutil_socket_t fd, short what, void *data)
{
    struct program *program = data;

    (void)fd;
    (void)what;
    (void)read_log(program, &program->out_event, &program->launch.stdout_fd);
}

static void on_err(evutil_socket_t fd, short what, void *data)
{
    struct program *program = data;

    (void)fd;
    (void)what;
    (void)read_log(program, &program->err_event, &program->launch.stderr_fd);
}

/* Reports the end once no process is left. */
void program_check(struct program *program)
{
    int r;

    if (!program->stopping || !program->reaped)
        return;
    r = program->cgroup != NULL ? czone_cgroup_populated(program->cgroup) : 0;
    if (r > 0)
        return;
    if (r < 0)
        log_warning("cannot read cgroup.events of %s: %s", czone_cgroup_path(program->cgroup), strerror(-r));
    /* A pipe holds at most its own size: this ends. */
    while (read_log(program, &program->out_event, &program->launch.stdout_fd))
        ;
    while (read_log(program, &program->err_event, &program->launch.stderr_fd))
        ;
    end_log(program);
    free_event(&program->timer);
    program->stopping = false;
    program->ops->emptied(program->owner, 0);
}

/* For the first process of a program that nobody waits for any more. */
static void on_late_exit(evutil_socket_t pidfd, short what, void *data)
{
    siginfo_t status = { 0 };

    (void)what;
    (void)data;
    (void)waitid(P_PIDFD, (id_t)pidfd, &status, WEXITED | WNOHANG);
    (void)close(pidfd);
}

/* It does not die now; when it does at last it shall not stay a zombie. */
static void leave_first(struct program *program)
{
    int pidfd = program->launch.pidfd;

    if (program->reaped || pidfd < 0)
        return;
    free_event(&program->pid_event);
    program->launch.pidfd = -EBADF;
    program->reaped = true;
    if (event_base_once(program->manager->base, pidfd, EV_READ, on_late_exit, NULL, NULL) < 0)
        (void)close(pidfd);
}

static void on_empty_timeout(struct program *program)
{
    siginfo_t killed = { .si_code = CLD_KILLED };

    leave_first(program);
    end_log(program);
    if (program->running) {
        program->running = false;
        killed.si_status = SIGKILL;
        program->ops->exited(program->owner, &killed);
    }
    program->stopping = false;
    program->ops->emptied(program->owner, -ETIMEDOUT);
}

static void on_timeout(evutil_socket_t fd, short what, void *data)
{
    struct program *program = data;
    struct refusal refusal = REFUSAL_INIT;

    (void)fd;
    (void)what;
    if (program->stopping) {
        on_empty_timeout(program);
        return;
    }
    free_event(&program->result_event);
    close_fd(&program->launch.result_fd);
    (void)refusal_set(&refusal, -ETIMEDOUT, ERROR_SYSTEM, NULL,
                      "the program did not begin within %u s: does the file system of its root hang?",
                      (unsigned int)(LAUNCH_TIMEOUT_NS / NSEC_PER_SEC));
    program->ops->started(program->owner, &refusal);
}

static int arm(struct program *program, uint64_t timeout_ns)
{
    struct timeval timeout = clock_timeval(timeout_ns);

    if (program->timer == NULL)
        program->timer = evtimer_new(program->manager->base, on_timeout, program);
    return program->timer == NULL || event_add(program->timer, &timeout) < 0 ? -ENOMEM : 0;
}

static void on_result(evutil_socket_t fd, short what, void *data)
{
    struct program *program = data;
    struct launch_failure failure = { 0 };
    struct refusal refusal = REFUSAL_INIT;
    int r;

    (void)fd;
    (void)what;
    r = launch_result_read(&program->launch, &failure);
    if (r == 0)
        return;
    free_event(&program->result_event);
    close_fd(&program->launch.result_fd);
    if (program->stopping)
        return; /* it was given up meanwhile */
    if (r > 0) {
        free_event(&program->timer);
        program->running = true;
        program->ops->started(program->owner, NULL);
        return;
    }
    (void)program_refuse(&failure, program->request, &refusal);
    program->ops->started(program->owner, &refusal);
}

static void on_exit_of_first(evutil_socket_t fd, short what, void *data)
{
    struct program *program = data;
    siginfo_t status = { 0 };

    (void)what;
    if (waitid(P_PIDFD, (id_t)fd, &status, WEXITED | WNOHANG) < 0)
        log_error("cannot wait for process %d: %s", (int)program->launch.pid, strerror(errno));
    else if (status.si_pid == 0)
        return; /* not yet */
    free_event(&program->pid_event);
    close_fd(&program->launch.pidfd);
    /* Both fds may become readable in one turn of the loop: first whether it ran, then how it ended. */
    if (program->result_event != NULL)
        on_result(program->launch.result_fd, EV_READ, program);
    program->reaped = true;
    /* Whatever is left begins to free its memory while we tell the world. */
    if (program->cgroup != NULL)
        (void)czone_cgroup_kill(program->cgroup);
    if (program->running) {
        program->running = false;
        program->ops->exited(program->owner, &status);
    }
    program_stop(program);
}

static int add_event(struct program *program, struct event **event, int fd, event_callback_fn callback)
{
    *event = event_new(program->manager->base, fd, EV_READ | EV_PERSIST, callback, program);
    return *event == NULL || event_add(*event, NULL) < 0 ? -ENOMEM : 0;
}

static int write_limits(struct program *program, int64_t pids)
{
    char text[32];
    int r;

    (void)snprintf(text, sizeof(text), "%" PRId64, pids);
    r = czone_cgroup_write(program->cgroup, "pids.max", text);
    /* A container that lost one process to the OOM killer is in no state that anybody expects. */
    return r < 0 ? r : czone_cgroup_write(program->cgroup, "memory.oom.group", "1");
}

static int prepare_cgroup(struct program *program, struct czone_zone *zone, const char *name, int64_t pids,
                          struct czone_policy *ret_policy, struct refusal *refusal)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    int r;

    r = czone_cgroup_create(program->manager->ctx, name, &program->cgroup, &failure);
    if (r == 0)
        r = czone_zone_bind(zone, program->cgroup, &failure);
    if (r < 0)
        return refusal_system(refusal, r, &failure);
    r = write_limits(program, pids);
    if (r < 0)
        return refusal_set(refusal, r, ERROR_SYSTEM, NULL, "cannot set the limits of cgroup %s: %s",
                           czone_cgroup_path(program->cgroup), strerror(-r));
    r = czone_zone_policy(zone, ret_policy);
    if (r < 0)
        return refusal_set(refusal, r, ERROR_SYSTEM, NULL, "the zone of cgroup %s has no memory policy: %s",
                           czone_cgroup_path(program->cgroup), strerror(-r));
    return 0;
}

int program_start(struct program *program, struct czone_zone *zone, const char *name,
                  const struct spawn_request *request, int64_t pids, struct refusal *refusal)
{
    struct launch_failure failure = { 0 };
    struct launch_request launch;
    struct czone_policy policy;
    int r;

    r = prepare_cgroup(program, zone, name, pids, &policy, refusal);
    if (r < 0)
        return r;
    spawn_request_launch(request, &launch);
    launch.cgroup_fd = czone_cgroup_fd(program->cgroup);
    launch.policy = &policy;
    r = launch_start(program->manager->launcher, &launch, &program->launch, &failure);
    if (r < 0)
        return program_refuse(&failure, request, refusal);
    program->reaped = false;
    program->request = request;
    if (arm(program, LAUNCH_TIMEOUT_NS) < 0 ||
        add_event(program, &program->result_event, program->launch.result_fd, on_result) < 0 ||
        add_event(program, &program->pid_event, program->launch.pidfd, on_exit_of_first) < 0 ||
        add_event(program, &program->out_event, program->launch.stdout_fd, on_out) < 0 ||
        add_event(program, &program->err_event, program->launch.stderr_fd, on_err) < 0) {
        free_event(&program->result_event);
        free_event(&program->pid_event);
        free_event(&program->out_event);
        free_event(&program->err_event);
        free_event(&program->timer);
        launch_discard(&program->launch);
        program->reaped = true;
        return refusal_set(refusal, -ENOMEM, ERROR_SYSTEM, NULL, "out of memory");
    }
    return 0;
}

/* cgroup.procs, however long. */
static int read_pids(struct czone_cgroup *cgroup, char **ret_list)
{
    for (size_t size = 65536; size <= PIDS_TEXT_MAX; size *= 4) {
        CLEANUP_FREE char *list = malloc(size);
        int r;

        if (list == NULL)
            return -ENOMEM;
        r = czone_cgroup_read(cgroup, "cgroup.procs", list, size);
        if (r == -ENOBUFS)
            continue;
        if (r < 0)
            return r;
        *ret_list = list;
        list = NULL;
        return 0;
    }
    return -ENOBUFS;
}

/* One pass: a process born meanwhile is missed, as by kill(2) of a process group. A pid that is reused
 * between list and signal would hit another: it can be another's only when all pids have gone round
 * meanwhile. */
static int signal_each(struct program *program, int signal)
{
    CLEANUP_FREE char *list = NULL;
    char *next, *line;
    int r, n = 0;

    r = read_pids(program->cgroup, &list);
    for (line = r < 0 ? NULL : list; line != NULL && *line != '\0'; line = next) {
        pid_t pid = (pid_t)strtol(line, &next, 10);
        CLEANUP_FD int pidfd = pid > 0 ? pidfd_open(pid, 0) : -EBADF;

        if (next == line)
            break;
        if (*next == '\n')
            next++;
        if (pidfd >= 0 && pidfd_send_signal(pidfd, signal, NULL, 0) == 0)
            n++;
    }
    if (r < 0)
        return r;
    return n > 0 ? 0 : -ESRCH;
}

int program_signal(struct program *program, int signal)
{
    int r;

    if (program->cgroup == NULL)
        return -ESRCH;
    if (signal != SIGKILL)
        return signal_each(program, signal);
    r = czone_cgroup_kill(program->cgroup);
    if (r == 0)
        program_stop(program); /* from here on it has a deadline */
    return r;
}

/* Without a watch there is still the deadline: the end comes late, but it comes. */
static void watch_cgroup(struct program *program)
{
    int r;

    if (arm(program, EMPTY_TIMEOUT_NS) < 0)
        log_error("cannot arm the deadline of %s: out of memory", czone_cgroup_path(program->cgroup));
    r = czone_cgroup_watch(program->cgroup, program->manager->exits_fd);
    if (r < 0)
        log_error("cannot watch %s: %s", czone_cgroup_path(program->cgroup), strerror(-r));
}

void program_stop(struct program *program)
{
    int r;

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
    r = czone_cgroup_remove(program->cgroup);
    if (r < 0)
        log_error("cannot remove cgroup %s: %s", czone_cgroup_path(program->cgroup), strerror(-r));
    program->cgroup = czone_cgroup_unref(program->cgroup);
}

void program_done(struct program *program)
{
    free_event(&program->result_event);
    free_event(&program->pid_event);
    free_event(&program->out_event);
    free_event(&program->err_event);
    free_event(&program->timer);
    close_fd(&program->launch.pidfd);
    close_fd(&program->launch.result_fd);
    close_fd(&program->launch.stdout_fd);
    close_fd(&program->launch.stderr_fd);
    program->cgroup = czone_cgroup_unref(program->cgroup);
}
