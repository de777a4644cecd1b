/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/program_cgroup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <czone/zone.h>

#include "agent/guest/manager.h"

static int write_limits(struct program *program, int64_t pids)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRId64, pids);
    return czone_cgroup_write(program->cgroup, "pids.max", text);
}

/* One that an earlier czoned has made, but had no use of any more. */
static int reuse_cgroup(struct program *program, const char *path)
{
    int r;

    r = czone_cgroup_open(program->manager->ctx, path, &program->cgroup);
    return r == 0 ? cgroup_pool_empty(program->cgroup) : r;
}

static int take_cgroup(struct program *program, const char *name, int *ret_keeper,
                       struct czone_failure *failure)
{
    struct cgroup_pool_entry entry;
    int r;

    r = cgroup_pool_take(&program->manager->cgroups, program->manager->ctx, name, &entry, failure);
    if (r < 0)
        return r;
    program->cgroup = entry.cgroup;
    *ret_keeper = entry.keeper;
    return 0;
}

int program_cgroup_prepare(struct program *program, struct czone_zone *zone, const char *name, int64_t pids,
                           struct czone_policy *ret_policy, int *ret_keeper, struct refusal *refusal)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_zone_info info;
    int r;

    czone_zone_get_info(zone, &info);
    if (info.cgroup[0] != '\0') {
        r = program->cgroup == NULL ? reuse_cgroup(program, info.cgroup) : 0;
    } else {
        r = take_cgroup(program, name, ret_keeper, &failure);
    }
    /* Also a claim that names the cgroup: a czoned that was killed may not have got further. */
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
