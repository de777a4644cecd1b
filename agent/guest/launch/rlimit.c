/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/rlimit.h"

#include <errno.h>
#include <string.h>
#include <sys/resource.h>

static const char *const names[] = {
    [RLIMIT_AS] = "as",           [RLIMIT_CORE] = "core",         [RLIMIT_CPU] = "cpu",
    [RLIMIT_DATA] = "data",       [RLIMIT_FSIZE] = "fsize",       [RLIMIT_LOCKS] = "locks",
    [RLIMIT_MEMLOCK] = "memlock", [RLIMIT_MSGQUEUE] = "msgqueue", [RLIMIT_NICE] = "nice",
    [RLIMIT_NOFILE] = "nofile",   [RLIMIT_NPROC] = "nproc",       [RLIMIT_RSS] = "rss",
    [RLIMIT_RTPRIO] = "rtprio",   [RLIMIT_RTTIME] = "rttime",     [RLIMIT_SIGPENDING] = "sigpending",
    [RLIMIT_STACK] = "stack",
};

#define N_NAMES (sizeof(names) / sizeof(names[0]))

int launch_rlimit_find(const char *name)
{
    for (size_t i = 0; i < N_NAMES; i++)
        if (names[i] && strcmp(names[i], name) == 0)
            return (int)i;
    return -ENOENT;
}

const char *launch_rlimit_name(int resource)
{
    return resource >= 0 && (size_t)resource < N_NAMES ? names[resource] : NULL;
}

int launch_rlimits_check(const struct launch_request *request, struct launch_failure *failure)
{
    for (size_t i = 0; i < request->n_rlimits; i++) {
        const struct launch_rlimit *limit = &request->rlimits[i];
        const char *name = launch_rlimit_name(limit->resource), *why = NULL;

        if (!name)
            why = "is not a resource";
        else if (limit->soft > limit->hard)
            why = "the soft limit is above the hard one";
        for (size_t j = 0; !why && j < i; j++)
            if (request->rlimits[j].resource == limit->resource)
                why = "is given twice";
        if (!why)
            continue;
        (void)launch_failure_set(failure, LAUNCH_BAD_PARAMETER, LAUNCH_STAGE_REQUEST, -EINVAL, "rlimits",
                                 "resource limit %s: %s", name ? name : "?", why);
        failure->index = i;
        return -EINVAL;
    }
    return 0;
}

int launch_rlimits_apply(const struct launch_request *request, const char **ret_name)
{
    for (size_t i = 0; i < request->n_rlimits; i++) {
        const struct rlimit limit = { .rlim_cur = request->rlimits[i].soft,
                                      .rlim_max = request->rlimits[i].hard };

        *ret_name = launch_rlimit_name(request->rlimits[i].resource);
        if (setrlimit((__rlimit_resource_t)request->rlimits[i].resource, &limit) < 0)
            return -errno;
    }
    return 0;
}
