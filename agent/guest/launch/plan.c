/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/plan.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/launch/join.h"
#include "agent/guest/launch/program.h"
#include "agent/guest/launch/rlimit.h"
#include "agent/guest/launch/scratch.h"
#include "agent/guest/launch/users.h"
#include "proto/cleanup.h"

/* __NEW_UTS_LEN of the kernel. */
#define HOSTNAME_MAX 64

static int bad_parameter(struct launch_failure *failure, const char *parameter, const char *message)
{
    return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, parameter, "%s",
                              message);
}

static bool hostname_valid(const char *name)
{
    size_t length = strlen(name);

    if (length == 0 || length > HOSTNAME_MAX || name[0] == '-' || name[0] == '.')
        return false;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c >= 0x80 || (!isalnum(c) && c != '-' && c != '.'))
            return false;
    }
    return true;
}

static int check_request(const struct launch_request *request, struct launch_failure *failure)
{
    if (!request->args || !request->args[0] || !request->args[0][0])
        return bad_parameter(failure, "args", "args must begin with the name of a program");
    for (const char *const *p = request->env; p && *p; p++) {
        const char *equals = strchr(*p, '=');

        if (!equals || equals == *p)
            return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "env",
                                      "env: '%s' is not of the form NAME=value", *p);
    }
    if (request->hostname && !hostname_valid(request->hostname))
        return bad_parameter(failure, "hostname",
                             "hostname must be 1 to 64 letters, digits, '-' and '.', and begin with a letter "
                             "or digit");
    if (request->cwd && request->cwd[0] != '/')
        return bad_parameter(failure, "cwd", "cwd must be an absolute path inside the container");
    if (request->cwd && strncmp(request->cwd, "/proc", 5) == 0 && strchr("/", request->cwd[5]))
        return bad_parameter(failure, "cwd", "cwd can't be below /proc");
    return 0;
}

static int check_cwd(const struct launch_plan *plan, struct launch_failure *failure)
{
    CLEANUP_FD int fd = -EBADF;

    if (strcmp(plan->cwd, "/") == 0)
        return 0; /* it has been opened as one */
    if (launch_root_hides_path(&plan->root, plan->cwd))
        return 0; /* known only in the container */
    fd = launch_root_resolve(&plan->root, plan->cwd, O_PATH | O_DIRECTORY);
    if (fd < 0)
        return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_CWD, fd, "cwd",
                                  "cwd %s is not a directory in the container's root: %s", plan->cwd,
                                  strerror(-fd));
    return 0;
}

/* Value of a variable, or NULL. The last one counts, as in most shells. */
static const char *env_get(const char *const *env, const char *name)
{
    const char *value = NULL;
    size_t length = strlen(name);

    for (; env && *env; env++)
        if (strncmp(*env, name, length) == 0 && (*env)[length] == '=')
            value = *env + length + 1;
    return value;
}

static int make_env(struct launch_plan *plan)
{
    const char *const *env = plan->request->env;
    size_t n = 0, n_added = 0;

    while (env && env[n])
        n++;
    plan->env = calloc(n + 3, sizeof(char *));
    if (!plan->env)
        return -ENOMEM;
    if (n > 0)
        memcpy(plan->env, env, n * sizeof(char *));
    if (!env_get(env, "PATH")) {
        plan->added[n_added] = strdup("PATH=" LAUNCH_DEFAULT_PATH);
        if (!plan->added[n_added])
            return -ENOMEM;
        plan->env[n++] = plan->added[n_added++];
    }
    if (!env_get(env, "HOME")) {
        if (asprintf(&plan->added[n_added], "HOME=%s", plan->user.home) < 0) {
            plan->added[n_added] = NULL;
            return -ENOMEM;
        }
        plan->env[n++] = plan->added[n_added];
    }
    return 0;
}

static int look_up(struct launch_plan *plan, struct launch_failure *failure)
{
    const struct launch_request *request = plan->request;
    const char *search;
    int r;

    r = launch_user_find(&plan->root, request->user, &plan->user, failure);
    if (r < 0)
        return r;
    r = launch_user_add_groups(&plan->user, request->groups, request->n_groups);
    if (r < 0)
        return launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_USER, r, "groups",
                                  "a process can have %d groups at most, those of /etc/group included",
                                  LAUNCH_GROUPS_MAX);
    r = launch_users_check_user(&request->users, &plan->user, failure);
    if (r == 0)
        r = check_cwd(plan, failure);
    if (r < 0)
        return r;
    if (make_env(plan) < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_REQUEST, -ENOMEM, NULL,
                                  "out of memory");
    search = env_get((const char *const *)plan->env, "PATH");
    return launch_program_find(&plan->root, request->args[0], search, plan->cwd, &plan->program, failure);
}

static void forget_findings(struct launch_plan *plan)
{
    free(plan->program);
    free(plan->env);
    for (size_t i = 0; i < 2; i++) {
        free(plan->added[i]);
        plan->added[i] = NULL;
    }
    plan->program = NULL;
    plan->env = NULL;
}

/* Opens what the root is made of. */
static int open_root(struct launch_plan *plan, struct launch_failure *failure)
{
    int r;

    if (!plan->request->layers && plan->request->writable_limit)
        return bad_parameter(failure, "writable", "there is nothing to write above without layers");
    if (!plan->request->layers && plan->request->scratch)
        return bad_parameter(failure, "scratch", "there is nothing to write above without layers");
    if (!plan->request->layers)
        return launch_root_open(&plan->root, plan->request->root, failure);
    if (plan->request->root)
        return bad_parameter(failure, "layers", "a container has either a root or layers");
    r = launch_layers_open(&plan->layers, plan->request->layers, failure);
    if (r == 0)
        r = launch_scratch_open(plan->request, plan->check ? NULL : &plan->layers.disk, failure);
    if (r < 0 || plan->layers.n > 1)
        return r;
    r = fcntl(plan->layers.fds[0], F_DUPFD_CLOEXEC, 0);
    return launch_root_adopt(&plan->root, r < 0 ? -errno : r, failure);
}

/* What is in layers and sources gets the owners that it has in the container. */
static int shift_owners(struct launch_plan *plan, struct launch_failure *failure)
{
    const struct launch_request *request = plan->request;
    bool layers = request->users.owners == LAUNCH_OWNERS_SHIFTED;

    if (!launch_users_mapped(&request->users))
        return 0;
    for (size_t i = 0; layers && i < plan->layers.n; i++) {
        int r = launch_userns_shift(&plan->userns, plan->layers.fds[i]);

        if (r < 0)
            return launch_userns_refuse(failure, r, "layers", request->layers[i], plan->layers.fds[i]);
    }
    for (size_t i = 0; i < plan->sources.n; i++) {
        bool shifted = plan->sources.fds[i] >= 0 && request->mounts[i].owners == LAUNCH_OWNERS_SHIFTED;
        int r = shifted ? launch_userns_shift(&plan->userns, plan->sources.fds[i]) : 0;

        if (r < 0)
            return launch_userns_refuse(failure, r, "mounts", request->mounts[i].source,
                                        plan->sources.fds[i]);
    }
    return 0;
}

/* The root is there, with all that belongs to it. */
static int plan_to_join(struct launch_plan *plan, struct launch_failure *failure)
{
    int r = launch_join_root(&plan->root, plan->request->target, failure);

    return r < 0 ? r : look_up(plan, failure);
}

/* There is no root to look into: the program is the guest's own. */
static int plan_runtime(struct launch_plan *plan, struct launch_failure *failure)
{
    const char *program = plan->request->args[0];

    if (program[0] != '/')
        return bad_parameter(failure, "args", "a runtime is given by its absolute path");
    (void)snprintf(plan->user.home, sizeof(plan->user.home), "/");
    plan->program = strdup(program);
    if (!plan->program || make_env(plan) < 0)
        return launch_failure_set(failure, LAUNCH_SYSTEM, LAUNCH_STAGE_REQUEST, -ENOMEM, NULL,
                                  "out of memory");
    return 0;
}

int launch_plan_make(struct launch_plan *plan, const struct launch_request *request,
                     struct launch_failure *failure)
{
    struct launch_failure found = { 0 };
    int r;

    plan->request = request;
    plan->cwd = request->cwd ? request->cwd : "/";
    r = check_request(request, failure);
    if (r == 0 && request->runtime)
        return plan_runtime(plan, failure);
    if (r == 0)
        r = launch_users_check(&request->users, failure);
    if (r == 0)
        r = launch_rlimits_check(request, failure);
    if (r == 0 && request->target >= 0)
        return plan_to_join(plan, failure);
    if (r == 0)
        r = launch_extra_mounts_check(request, failure);
    if (r == 0)
        r = open_root(plan, failure);
    if (r == 0)
        r = launch_sources_open(&plan->sources, request, failure);
    if (r == 0)
        r = launch_uplink_open(&plan->uplink, &request->network, failure);
    if (r == 0)
        r = launch_userns_open(&plan->userns, request, !plan->check, failure);
    if (r == 0)
        r = shift_owners(plan, failure);
    if (r < 0)
        return r;
    plan->late = request->n_mounts > 0 || plan->layers.n > 1;
    if (plan->layers.n > 1)
        return 0;
    r = look_up(plan, &found);
    if (r == 0 || launch_plan_may_still_come(plan, &found))
        return 0;
    *failure = found;
    return r;
}

bool launch_plan_may_still_come(const struct launch_plan *plan, const struct launch_failure *failure)
{
    return plan->sources.n > 0 && failure->trouble != LAUNCH_SYSTEM;
}

int launch_plan_look_up_again(struct launch_plan *plan, int fd, struct launch_failure *failure)
{
    int r = launch_root_adopt(&plan->root, fd, failure);

    if (r < 0)
        return r;
    plan->root.live = true;
    forget_findings(plan);
    return look_up(plan, failure);
}

void launch_plan_clear(struct launch_plan *plan)
{
    launch_root_close(&plan->root);
    launch_layers_close(&plan->layers);
    launch_sources_close(&plan->sources);
    launch_uplink_close(&plan->uplink);
    launch_userns_close(&plan->userns);
    forget_findings(plan);
    *plan = (struct launch_plan)LAUNCH_PLAN_INIT;
}
