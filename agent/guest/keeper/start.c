/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/keeper/start.h"

#include <string.h>
#include <sys/stat.h>

#include "agent/guest/launch/briefing.h"
#include "agent/guest/launch/failure.h"
#include "agent/guest/launch/json.h"
#include "proto/cleanup.h"

/* Escapes make a message's 256 KiB longer, but not by more than this. */
#define REQUEST_MAX (4 << 20)

int start_prepare(struct keeper_fds *fds, struct launch_standby *ret_standby)
{
    const struct launch_standby_kit kit = {
        .cgroup = fds->fd[PREPARE_CGROUP],
        .socket = &fds->fd[PREPARE_SOCKET],
        .memory = fds->fd[PREPARE_MEMORY],
        .setting_up = fds->fd[PREPARE_SETTING_UP],
        .running = fds->fd[PREPARE_RUNNING],
    };

    return launch_standby_start(&kit, ret_standby);
}

bool start_complete(const struct keeper_start *start, const struct keeper_fds *fds)
{
    bool five = start->flags & (KEEPER_START_JOIN | KEEPER_START_TELL);
    int least = five ? START_TARGET : START_FILTER, most = least;

    if (start->flags & KEEPER_START_BRIEFED) {
        least = START_RUN_DIR;
        most = START_RECORD;
    }
    for (int i = 0; i < KEEPER_FDS_MAX; i++)
        if ((i <= least && fds->fd[i] < 0) || (i > most && fds->fd[i] >= 0))
            return false;
    return true;
}

static int read_text(int fd, char **ret_text, size_t *ret_length)
{
    CLEANUP_FREE char *text = NULL;
    struct stat st;
    ssize_t n;

    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size < 0 || st.st_size > REQUEST_MAX)
        return -EMSGSIZE;
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return -ENOMEM;
    n = pread(fd, text, (size_t)st.st_size, 0);
    if (n < 0)
        return -errno;
    *ret_text = TAKE(text);
    *ret_length = (size_t)n;
    return 0;
}

static int read_request(int fd, struct launch_json *json, struct launch_failure *failure)
{
    CLEANUP_FREE char *text = NULL;
    CLEANUP_JSON json_t *object = NULL;
    struct varlink_fault fault = { 0 };
    json_error_t error;
    size_t length = 0;
    int r;

    r = read_text(fd, &text, &length);
    if (r < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_REQUEST, r, NULL,
                                  "the keeper cannot read the launch request: %s", strerror(-r));
    object = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
    if (!object)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_REQUEST, -EBADMSG, NULL,
                                  "the launch request is not JSON: %s", error.text);
    r = launch_json_decode(json, object, &fault);
    if (r < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_REQUEST, r, NULL,
                                  "the launch request's %s %s (are czoned and czone-keeper of one version?)",
                                  fault.parameter, fault.reason.text);
    return 0;
}

static int run_standby(struct launch_standby *standby, struct launch *ret_launch, bool *ret_tty,
                       struct launch_failure *failure)
{
    if (standby->launch.pidfd < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_CLONE, -ESRCH, NULL,
                                  "no process could be made ahead in the container's cgroup");
    *ret_tty = launch_standby_run(standby, ret_launch)->tty;
    return 0;
}

/* Whether the standby will run this. If not, whatever is wrong shows again when it is launched anew. */
static bool tell_standby(const struct launch_standby *standby, const struct keeper_fds *fds,
                         const struct launch_request *request)
{
    struct launch_briefing briefing = { .socket = fds->fd[START_BRIEFING], .shared = standby->launch.shared };
    CLEANUP(launch_plan_clear) struct launch_plan plan = LAUNCH_PLAN_INIT;
    struct launch_failure failure = { 0 };

    return standby->launch.pidfd >= 0 && launch_briefing_suits(request) &&
           launch_plan_make(&plan, request, &failure) == 0 &&
           launch_briefing_tell(&briefing, &plan, request->policy, NULL) == 0;
}

static int launch_anew(const struct keeper_fds *fds, const struct launch_request *request,
                       struct launch *ret_launch, struct launch_failure *failure)
{
    struct launcher *launcher = NULL;
    int r;

    r = launcher_new(fds->fd[START_FILTER], &launcher);
    if (r < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_REQUEST, r, NULL,
                                  "the keeper cannot read the system call filter: %s", strerror(-r));
    r = launch_start(launcher, request, ret_launch, failure);
    launcher = launcher_free(launcher);
    return r;
}

int start_launch(const struct keeper_start *start, const struct keeper_fds *fds,
                 struct launch_standby *standby, struct launch *ret_launch, bool *ret_tty,
                 struct launch_failure *failure)
{
    CLEANUP(launch_json_clear) struct launch_json json = LAUNCH_JSON_INIT;
    struct launch_request *request = &json.request;
    int r;

    if (start->flags & KEEPER_START_BRIEFED)
        return run_standby(standby, ret_launch, ret_tty, failure);
    r = read_request(fds->fd[START_REQUEST], &json, failure);
    if (r < 0)
        return r;
    request->cgroup_fd = fds->fd[START_CGROUP];
    request->target = start->flags & KEEPER_START_JOIN ? fds->fd[START_TARGET] : -EBADF;
    request->policy = start->flags & KEEPER_START_POLICY ? &start->policy : NULL;
    if ((start->flags & KEEPER_START_TELL) && tell_standby(standby, fds, request))
        return run_standby(standby, ret_launch, ret_tty, failure);
    launch_standby_drop(standby); /* it is in the container's cgroup */
    *ret_tty = request->tty;
    return launch_anew(fds, request, ret_launch, failure);
}
