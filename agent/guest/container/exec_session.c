/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/exec_session.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "agent/guest/clock.h"
#include "agent/guest/container/container.h"
#include "agent/guest/container/exec_log.h"
#include "agent/guest/container/program_refusal.h"
#include "agent/guest/container/runtime_launch.h"
#include "agent/guest/container/store.h"
#include "agent/guest/keeper/record.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/run_dir.h"
#include "proto/cleanup.h"

#define FOLDER     "exec"
#define STATE_FILE "state.json"

static const struct keeper_link_ops keeper_ops;

const char *exec_state_name(enum exec_state state)
{
    static const char *const names[] = {
        [EXEC_STARTING] = "starting",
        [EXEC_RUNNING] = "running",
        [EXEC_EXITED] = "exited",
        [EXEC_FAILED] = "failed",
    };

    return (unsigned int)state < ELEMENTS(names) ? names[state] : "unknown";
}

bool exec_session_ended(const struct exec_session *session)
{
    return session->state == EXEC_EXITED || session->state == EXEC_FAILED;
}

bool exec_session_has_come(const struct exec_session *session, enum waiter_kind kind)
{
    return exec_session_ended(session) || (kind == WAIT_RUNNING && session->state == EXEC_RUNNING);
}

static void answer_waiters(struct exec_session *session)
{
    struct waiter *waiter, *next;

    for (waiter = TAILQ_FIRST(&session->waiters); waiter != NULL; waiter = next) {
        next = TAILQ_NEXT(waiter, link);
        if (exec_session_has_come(session, waiter->kind))
            waiter_answer(waiter);
    }
}

static void end(struct exec_session *session, enum exec_state state)
{
    session->state = state;
    session->pid = 0;
    input_close(&session->input);
    answer_waiters(session);
}

static void on_running(struct exec_session *session, const struct keeper_status *status)
{
    if (session->state != EXEC_STARTING)
        return;
    session->state = EXEC_RUNNING;
    session->pid = status->pid;
    session->started = status->started_ns;
    answer_waiters(session);
}

static void on_ended(struct exec_session *session, const struct keeper_status *status)
{
    on_running(session, status);
    if (session->state != EXEC_RUNNING)
        return;
    session->exited = status->ended_ns;
    if (status->wait_code == CLD_EXITED)
        session->exit_status = status->wait_status;
    else
        session->exit_signal = status->wait_status;
    end(session, EXEC_EXITED);
}

static void on_status(void *owner, const struct keeper_status *status)
{
    struct exec_session *session = owner;

    program_log_update(&session->output, status);
    input_update(&session->input, status);
    if (status->state == KEEPER_RUNNING)
        on_running(session, status);
    else if (status->state == KEEPER_ENDED)
        on_ended(session, status);
    exec_log_check(session);
}

static void on_failed(void *owner, const struct launch_failure *failure)
{
    struct exec_session *session = owner;
    struct launch_request launch;

    exec_request_launch(&session->request, &launch);
    (void)program_refuse(failure, &launch, &session->failure);
    program_log_end(&session->output);
    end(session, EXEC_FAILED);
}

static void fail(struct exec_session *session, const char *why)
{
    (void)refusal_set(&session->failure, -EOWNERDEAD, ERROR_SYSTEM, NULL, "%s", why);
    program_log_end(&session->output);
    end(session, EXEC_FAILED);
}

/* What the keeper wrote down before it was gone is as good as if it had told us. */
static void on_lost(void *owner)
{
    struct exec_session *session = owner;
    struct launch_failure failure;
    struct keeper_record record;
    int r = keeper_record_read(session->dir_fd, &record);

    if (!exec_session_ended(session) && r == 0 && record.status.state == KEEPER_ENDED) {
        on_ended(session, &record.status);
    } else if (!exec_session_ended(session) && r == 0 && record.status.state == KEEPER_REFUSED) {
        keeper_failed_get(&record.failed, &failure);
        on_failed(session, &failure);
    } else if (session->state == EXEC_RUNNING || (r == 0 && session->state == EXEC_STARTING)) {
        /* The kernel kills a program whose keeper has died. */
        if (r == 0)
            on_running(session, &record.status);
        session->exit_signal = SIGKILL;
        session->keeper_lost = true;
        session->exited = clock_realtime();
        end(session, EXEC_EXITED);
    } else if (session->state == EXEC_STARTING) {
        fail(session, "it was not started: czoned was restarted, or its keeper was killed");
    }
    program_log_read_end(&session->output);
    program_log_end(&session->output);
    exec_log_check(session);
}

static const struct keeper_link_ops keeper_ops = { on_status, on_failed, on_lost };

void exec_sessions_init(struct exec_sessions *sessions)
{
    *sessions = (struct exec_sessions){ 0 };
    TAILQ_INIT(&sessions->list);
}

static struct exec_session *session_alloc(struct container *container, unsigned int number)
{
    struct exec_session *session = calloc(1, sizeof(*session));

    if (session == NULL)
        return NULL;
    session->container = container;
    session->dir_fd = -EBADF;
    session->keeper = (struct keeper_link)KEEPER_LINK_INIT;
    session->exit_status = session->exit_signal = -1;
    session->created = clock_realtime();
    (void)snprintf(session->name, sizeof(session->name), "%u", number);
    TAILQ_INIT(&session->waiters);
    input_init(&session->input, container->id, &session->keeper);
    program_log_init(&session->output, container->id, &session->keeper, -EBADF);
    session->output.limit = LOG_LIMIT_EXEC;
    TAILQ_INSERT_TAIL(&container->execs.list, session, link);
    container->execs.n++;
    if (number > container->execs.last)
        container->execs.last = number;
    return session;
}

static void session_free(struct exec_session *session)
{
    while (!TAILQ_EMPTY(&session->waiters))
        waiter_drop(TAILQ_FIRST(&session->waiters));
    program_log_done(&session->output);
    input_done(&session->input);
    keeper_link_close(&session->keeper);
    cleanup_fd(&session->dir_fd);
    exec_request_done(&session->request);
    TAILQ_REMOVE(&session->container->execs.list, session, link);
    session->container->execs.n--;
    free(session);
}

void exec_sessions_done(struct exec_sessions *sessions)
{
    while (!TAILQ_EMPTY(&sessions->list))
        session_free(TAILQ_FIRST(&sessions->list));
}

struct exec_session *exec_session_find(const struct exec_sessions *sessions, const char *name)
{
    struct exec_session *session;

    TAILQ_FOREACH(session, &sessions->list, link)
        if (strcmp(session->name, name) == 0)
            break;
    return session;
}

static int open_folder(const struct container *container, int *ret_fd)
{
    int r = run_dir_make(container->dir_fd, FOLDER, ret_fd);

    return r == -EEXIST ? run_dir_open(container->dir_fd, FOLDER, ret_fd) : r;
}

static int make_dir(struct exec_session *session)
{
    CLEANUP_JSON json_t *state = NULL;
    CLEANUP_FD int folder = -EBADF;
    int r;

    r = open_folder(session->container, &folder);
    if (r == 0)
        r = run_dir_make(folder, session->name, &session->dir_fd);
    if (r < 0)
        return r;
    session->output.dir_fd = session->dir_fd;
    state = json_pack("{s:O, s:I}", "parameters", session->request.parameters, "created",
                      (json_int_t)session->created);
    return state == NULL ? -ENOMEM : run_dir_write(session->dir_fd, STATE_FILE, state);
}

/* Their last answers. */
static void refuse(struct exec_session *session, const struct refusal *refusal)
{
    while (!TAILQ_EMPTY(&session->waiters))
        waiter_refuse(TAILQ_FIRST(&session->waiters), refusal);
    program_log_refuse(&session->output, refusal);
    input_close(&session->input);
}

void exec_sessions_forget(struct exec_sessions *sessions)
{
    struct exec_session *session;

    TAILQ_FOREACH(session, &sessions->list, link)
        keeper_link_forget(&session->keeper);
}

void exec_sessions_refuse(struct exec_sessions *sessions, const struct refusal *refusal)
{
    struct exec_session *session;

    TAILQ_FOREACH(session, &sessions->list, link)
        refuse(session, refusal);
}

static void remove_session(struct exec_session *session)
{
    struct refusal refusal = REFUSAL_INIT;
    CLEANUP_FD int folder = -EBADF;
    int r = open_folder(session->container, &folder);

    if (r == 0)
        r = run_dir_remove(folder, session->name);
    if (r < 0)
        log_warning("cannot remove the directory of exec session %s of container %s: %s", session->name,
                    session->container->id, strerror(-r));
    keeper_link_forget(&session->keeper);
    (void)refusal_set(&refusal, -ENOENT, ERROR_NO_SUCH_EXEC, session->name,
                      "exec session %s of container %s was removed: newer ones took its place", session->name,
                      session->container->id);
    refuse(session, &refusal);
    session_free(session);
}

/* Returns whether there is room for one more. */
static bool make_room(struct container *container)
{
    struct exec_session *session;

    if (container->execs.n < EXEC_SESSIONS_MAX)
        return true;
    TAILQ_FOREACH(session, &container->execs.list, link) {
        if (!exec_session_ended(session))
            continue;
        remove_session(session);
        return true;
    }
    return false;
}

static int start(struct exec_session *session)
{
    CLEANUP(runtime_launch_done) struct runtime_launch runtime = { 0 };
    struct container *container = session->container;
    CLEANUP_JSON json_t *inherited = NULL;
    CLEANUP_FREE const char **env = NULL;
    struct launch_request launch;
    struct czone_policy policy;
    int r;

    r = czone_zone_policy(container->lease->zone, &policy);
    if (r == 0)
        r = container_store_env(container, &inherited);
    if (r == 0)
        r = exec_request_env(&session->request, inherited, &env);
    if (r < 0)
        return r;
    exec_request_launch(&session->request, &launch);
    if (container->request.runtime != OCI_RUNTIME_NATIVE) {
        r = runtime_launch_exec(&runtime, (enum oci_runtime)container->request.runtime, &session->request,
                                container->dir_fd, container->id, &launch);
        if (r < 0)
            return r;
    } else {
        exec_request_inherit(&container->request, &launch);
        launch.env = env;
    }
    launch.target = container->program.keeper.pidfd;
    launch.users = container->request.parts.users;
    launch.cgroup_fd = czone_cgroup_fd(container->program.cgroup);
    launch.policy = &policy;
    return keeper_link_start(&session->keeper, container->manager, session->dir_fd, &launch, NULL,
                             &keeper_ops, session);
}

int exec_session_new(struct container *container, struct exec_request *request,
                     struct exec_session **ret_session, struct refusal *refusal)
{
    struct exec_session *session;
    int r;

    if (!make_room(container)) {
        (void)refusal_set(refusal, -E2BIG, ERROR_TOO_MANY, NULL,
                          "%u exec sessions run in container %s already", EXEC_SESSIONS_MAX, container->id);
        refusal->limit = EXEC_SESSIONS_MAX;
        return -E2BIG;
    }
    session = session_alloc(container, container->execs.last + 1);
    if (session == NULL)
        return refusal_set(refusal, -ENOMEM, ERROR_SYSTEM, NULL, "out of memory");
    session->request = *request;
    *request = (struct exec_request){ 0 };
    r = make_dir(session);
    if (r == 0)
        r = start(session);
    if (r < 0) {
        (void)refusal_set(refusal, r, ERROR_SYSTEM, NULL, "cannot start a program in container %s: %s",
                          container->id, strerror(-r));
        remove_session(session);
        return r;
    }
    *ret_session = session;
    return 0;
}

int exec_session_signal(struct exec_session *session, int signal)
{
    if (session->state != EXEC_RUNNING || session->keeper.pidfd < 0)
        return -ESRCH;
    return pidfd_send_signal(session->keeper.pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

/* Whoever asked for one that has not begun does not know of it, and shall not find that it did later. */
static int connect_again(struct exec_session *session)
{
    struct manager *manager = session->container->manager;
    int r;

    r = keeper_link_connect(&session->keeper, manager, session->dir_fd, &keeper_ops, session);
    if (r == -ENOENT && keeper_bar(session->dir_fd) == -EEXIST)
        r = keeper_link_connect(&session->keeper, manager, session->dir_fd, &keeper_ops, session);
    return r;
}

static int load(struct exec_session *session, int folder)
{
    CLEANUP_JSON json_t *state = NULL;
    int r;

    r = run_dir_open(folder, session->name, &session->dir_fd);
    if (r == 0)
        r = run_dir_read(session->dir_fd, STATE_FILE, &state);
    if (r == 0)
        r = exec_request_decode(&session->request, json_object_get(state, "parameters"), NULL);
    if (r < 0)
        return r;
    session->output.dir_fd = session->dir_fd;
    session->created = json_integer_value(json_object_get(state, "created"));
    if (connect_again(session) < 0)
        on_lost(session);
    return 0;
}

struct restoring {
    struct container *container;
    int folder;
};

static void restore(void *data, const char *name)
{
    struct restoring *restoring = data;
    struct exec_session *session;
    int r;

    session = session_alloc(restoring->container, (unsigned int)strtoul(name, NULL, 10));
    if (session == NULL) {
        log_error("exec session %s of container %s is not known any more: out of memory", name,
                  restoring->container->id);
        return;
    }
    r = strcmp(session->name, name) == 0 ? load(session, restoring->folder) : -EBADMSG;
    if (r == 0)
        return;
    log_error("exec session %s of container %s cannot be taken over: %s", name, restoring->container->id,
              strerror(-r));
    session_free(session);
    (void)run_dir_remove(restoring->folder, name);
}

/* "10" stands before "9" in the directory. */
static void sort(struct exec_sessions *sessions)
{
    struct exec_list sorted = TAILQ_HEAD_INITIALIZER(sorted);
    struct exec_session *session, *other;

    while ((session = TAILQ_FIRST(&sessions->list)) != NULL) {
        TAILQ_REMOVE(&sessions->list, session, link);
        TAILQ_FOREACH(other, &sorted, link)
            if (strverscmp(other->name, session->name) > 0)
                break;
        if (other != NULL)
            TAILQ_INSERT_BEFORE(other, session, link);
        else
            TAILQ_INSERT_TAIL(&sorted, session, link);
    }
    TAILQ_CONCAT(&sessions->list, &sorted, link);
}

void exec_sessions_restore(struct container *container)
{
    struct restoring restoring = { .container = container, .folder = -EBADF };

    if (run_dir_open(container->dir_fd, FOLDER, &restoring.folder) < 0)
        return; /* there never was one */
    (void)run_dir_each(restoring.folder, restore, &restoring);
    cleanup_fd(&restoring.folder);
    sort(&container->execs);
}

/* Sets a member; a negative value is one that is absent on the wire. */
static int set(json_t *object, const char *name, int64_t value)
{
    return value < 0 ? 0 : json_object_set_new(object, name, json_integer(value));
}

json_t *exec_session_to_json(const struct exec_session *session)
{
    CLEANUP_JSON json_t *object = NULL;

    object =
        json_pack("{s:s, s:s, s:s, s:O, s:i, s:b, s:I}", "exec", session->name, "id", session->container->id,
                  "state", exec_state_name(session->state), "args", session->request.args, "pid",
                  session->pid, "tty", (int)session->request.tty, "created", (json_int_t)session->created);
    if (object == NULL || set(object, "started", session->started != 0 ? session->started : -1) < 0 ||
        set(object, "exited", session->exited != 0 ? session->exited : -1) < 0 ||
        set(object, "exit_status", session->exit_status) < 0 ||
        set(object, "exit_signal", session->exit_signal) < 0 ||
        (session->keeper_lost && json_object_set_new(object, "keeper_lost", json_true()) < 0))
        return NULL;
    if (session->state == EXEC_FAILED &&
        json_object_set_new(
            object, "failure",
            json_pack("{s:s, s:s}", "id", session->failure.id, "message", session->failure.reason.text)) < 0)
        return NULL;
    return TAKE(object);
}
