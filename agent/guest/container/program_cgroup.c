/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/program_cgroup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <czone/zone.h>

#include "agent/guest/launch/standby.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/oci/runtime.h"

static int write_limits(struct program *program, int64_t pids)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRId64, pids);
    return czone_cgroup_write(program->cgroup, "pids.max", text);
}

static int take_cgroup(struct program *program, const char *name, struct czone_failure *failure)
{
    struct cgroup_pool_entry entry;
    int r;

    r = cgroup_pool_take(&program->manager->cgroups, program->manager->ctx, name, &entry, failure);
    if (r < 0)
        return r;
    program->cgroup = entry.cgroup;
    program->standby.keeper = entry.keeper;
    return 0;
}

/* What a held container is started with may change; and what is made on a disk must be noted before. */
void program_cgroup_plan(struct program *program, const struct spawn_request *request, czone_node_id node)
{
    struct manager *manager = program->manager;
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct launch_request launch;
    struct czone_policy policy;

    spawn_request_launch(request, &launch);
    if (request->hold || request->runtime != OCI_RUNTIME_NATIVE || launch.scratch != NULL ||
        !launch_standby_can(&launch) || !cgroup_pool_ready(&manager->cgroups) ||
        czone_node_policy(manager->ctx, node, &policy) < 0)
        return;
    launch.policy = &policy;
    if (take_cgroup(program, program->name, &failure) == 0)
        keeper_standby_plan(&program->standby, manager, program->dir_fd, &launch);
}

void program_cgroup_drop(struct program *program)
{
    bool unused = program->standby.keeper >= 0 && program->cgroup != NULL;
    int r;

    keeper_standby_close(&program->standby);
    if (!unused)
        return;
    r = cgroup_pool_empty(program->cgroup);
    if (r < 0)
        log_warning("cannot empty cgroup %s: %s", czone_cgroup_path(program->cgroup), strerror(-r));
    program_remove(program);
}

int program_cgroup_prepare(struct program *program, struct czone_zone *zone, const char *name, int64_t pids,
                           struct czone_policy *ret_policy, struct refusal *refusal)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    int r = 0;

    if (program->cgroup == NULL)
        r = take_cgroup(program, name, &failure);
    else if (program->standby.keeper < 0)
        r = cgroup_pool_empty(program->cgroup); /* what stood by for an earlier czoned may still end there */
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
