/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/exec_request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/launch/user.h"

static const struct varlink_field fields[] = {
    VARLINK_FIELD(VARLINK_STRING, struct exec_request, id, .flags = VARLINK_REQUIRED, .min = 1, .max = 255),
    VARLINK_FIELD(VARLINK_STRINGS, struct exec_request, args, .flags = VARLINK_REQUIRED,
                  .max = SPAWN_STRING_MAX, .count_max = SPAWN_COUNT_MAX),
    VARLINK_FIELD(VARLINK_STRINGS, struct exec_request, env, .min = 1, .max = SPAWN_STRING_MAX,
                  .count_max = SPAWN_COUNT_MAX),
    VARLINK_FIELD(VARLINK_STRING, struct exec_request, cwd, .min = 1, .max = 4095),
    VARLINK_FIELD(VARLINK_STRING, struct exec_request, user, .min = 1, .max = 255),
    VARLINK_FIELD(VARLINK_INTS, struct exec_request, groups, .max = UINT32_MAX - 1,
                  .count_max = LAUNCH_GROUPS_MAX),
    { "stdin", VARLINK_BOOL, offsetof(struct exec_request, input), .flags = 0 },
    VARLINK_FIELD(VARLINK_BOOL, struct exec_request, tty, .flags = 0),
    VARLINK_FIELD(VARLINK_INT, struct exec_request, columns, .min = 0, .max = UINT16_MAX),
    VARLINK_FIELD(VARLINK_INT, struct exec_request, rows, .min = 0, .max = UINT16_MAX),
};

int exec_request_decode(struct exec_request *request, json_t *parameters, struct varlink_fault *fault)
{
    int r;

    request->parameters = json_incref(parameters);
    r = varlink_fields_decode(parameters, fields, ELEMENTS(fields), 0, request, fault);
    if (r == 0)
        r = spawn_request_groups(request->groups, &request->group_ids);
    if (r == 0)
        r = spawn_request_vectors(request->args, request->env, &request->argv, &request->envp, fault);
    return r;
}

/* "uid" or "uid:gid". */
static bool is_numeric(const char *user)
{
    size_t length = strcspn(user, ":");
    uint32_t id;

    if (launch_id_parse(user, length, &id) < 0)
        return false;
    return user[length] == '\0' || launch_id_parse(user + length + 1, strlen(user + length + 1), &id) == 0;
}

int exec_request_check(const struct exec_request *request, enum oci_runtime runtime,
                       struct varlink_fault *fault)
{
    const char *name = oci_runtime_names[runtime];

    if (runtime == OCI_RUNTIME_NATIVE)
        return 0;
    if (request->argv[0][0] == '\0')
        return varlink_fault_set(fault, "args", "names no program");
    if (request->groups != NULL)
        return varlink_fault_set(fault, "groups", "cannot be chosen in a container of %s", name);
    if (request->user != NULL && !is_numeric(request->user))
        return varlink_fault_set(
            fault, "user", "is neither uid nor uid:gid, and %s, which runs this container, takes no names",
            name);
    if (request->cwd != NULL && request->cwd[0] != '/')
        return varlink_fault_set(fault, "cwd", "is no absolute path");
    for (size_t i = 0; request->envp != NULL && request->envp[i] != NULL; i++)
        if (request->envp[i][0] == '=' || strchr(request->envp[i], '=') == NULL)
            return varlink_fault_set(fault, "env", "has an element that is not of the form NAME=value");
    return 0;
}

void exec_request_done(struct exec_request *request)
{
    free(request->group_ids);
    free(request->argv);
    free(request->envp);
    json_decref(request->parameters);
    *request = (struct exec_request){ 0 };
}

void exec_request_launch(const struct exec_request *request, struct launch_request *ret_launch)
{
    *ret_launch = (struct launch_request)LAUNCH_REQUEST_INIT;
    ret_launch->args = request->argv;
    ret_launch->env = request->envp;
    ret_launch->cwd = request->cwd;
    ret_launch->user = request->user;
    ret_launch->groups = request->group_ids;
    ret_launch->n_groups = json_array_size(request->groups);
    ret_launch->input = request->input || request->tty;
    ret_launch->tty = request->tty;
    ret_launch->columns = (uint16_t)request->columns;
    ret_launch->rows = (uint16_t)request->rows;
}

void exec_request_inherit(const struct spawn_request *container, struct launch_request *launch)
{
    struct launch_request first;

    spawn_request_launch(container, &first);
    if (launch->cwd == NULL)
        launch->cwd = first.cwd;
    if (launch->user == NULL && launch->groups == NULL) {
        launch->groups = first.groups;
        launch->n_groups = first.n_groups;
    }
    if (launch->user == NULL)
        launch->user = first.user;
    launch->umask = first.umask;
    launch->capabilities = first.capabilities;
    launch->rlimits = first.rlimits;
    launch->n_rlimits = first.n_rlimits;
}

/* Whether one of the variables has the name of this one. */
static bool is_set(const char *const *variables, const char *variable)
{
    size_t length = strcspn(variable, "=");

    for (; variables != NULL && *variables != NULL; variables++)
        if (strncmp(*variables, variable, length) == 0 && (*variables)[length] == '=')
            return true;
    return false;
}

int exec_request_env(const struct exec_request *request, json_t *env, const char ***ret_env)
{
    size_t n = 0, i, n_own = json_array_size(request->env);
    const char **all = calloc(json_array_size(env) + n_own + 1, sizeof(*all));
    json_t *variable;

    if (all == NULL)
        return -ENOMEM;
    json_array_foreach(env, i, variable)
        if (!is_set(request->envp, json_string_value(variable)))
            all[n++] = json_string_value(variable);
    if (n_own > 0)
        memcpy(all + n, request->envp, n_own * sizeof(*all));
    *ret_env = all;
    return 0;
}
