/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/program_cgroup.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <czone/zone.h>

#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "agent/guest/oci/runtime.h"
#include "proto/cleanup.h"

static int write_limits(struct program *program, int64_t pids)
{
    char text[32];

    (void)snprintf(text, sizeof(text), "%" PRId64, pids);
    return czone_cgroup_write(program->cgroup, "pids.max", text);
}

/* ret_node: besides the home nodes the cgroup may use this one already; or NONE. */
static int take_cgroup(struct program *program, const char *name, czone_node_id *ret_node,
                       struct czone_failure *failure)
{
    struct cgroup_pool_entry entry;
    int r;

    r = cgroup_pool_take(&program->manager->cgroups, program->manager->ctx, name, &entry, failure);
    if (r < 0)
        return r;
    program->cgroup = entry.cgroup;
    program->standby = entry.standby;
    *ret_node = entry.node;
    return 0;
}

static void brief(struct program *program, struct launch_plan *plan, const struct czone_policy *policy,
                  const struct launch_errand *errand)
{
    int r = keeper_standby_brief(&program->standby, plan, policy, errand);

    if (r < 0 && r != -EAGAIN && r != -ENOBUFS)
        log_warning("who stands by in cgroup %s cannot be told what to run: %s",
                    czone_cgroup_path(program->cgroup), strerror(-r));
}

/* The standby has time to write what binds its cgroup to the node (czone_node_mems()), unless that is so
 * already. */
static void brief_ahead(struct program *program, struct launch_plan *plan, const struct czone_policy *policy,
                        czone_node_id node)
{
    CLEANUP_FD int fd =
        openat(czone_cgroup_fd(program->cgroup), "cpuset.mems", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    char mems[256];

    /* Else it would have its policy where the cgroup may use the node of another zone. */
    if (fd >= 0 && czone_node_mems(program->manager->ctx, node, mems, sizeof(mems)) == 0)
        brief(program, plan, policy, &(struct launch_errand){ .fd = fd, .text = mems });
}

/* What a held container is started with may change. */
void program_cgroup_plan(struct program *program, const struct spawn_request *request,
                         struct launch_plan *plan, czone_node_id node)
{
    struct manager *manager = program->manager;
    struct czone_failure failure = CZONE_FAILURE_INIT;
    struct czone_policy policy;
    czone_node_id open;

    if (request->hold || request->runtime != OCI_RUNTIME_NATIVE || !launch_briefing_suits(plan->request) ||
        !cgroup_pool_ready(&manager->cgroups) || czone_node_policy(manager->ctx, node, &policy) < 0)
        return;
    if (take_cgroup(program, program->name, &open, &failure) < 0)
        return;
    program->planned = node;
    if (open.n == node.n)
        brief(program, plan, &policy, NULL);
    else
        brief_ahead(program, plan, &policy, node);
}

void program_cgroup_begin(struct program *program)
{
    /* Without the cpu controller there is no such file. */
    if (program->cgroup != NULL)
        (void)czone_cgroup_write(program->cgroup, "cpu.weight", "100");
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

/* A cgroup whose standby may be about to bind it to another node than the zone's is not to be used. */
static void check_plan(struct program *program, const struct czone_zone *zone)
{
    struct czone_zone_info info;

    if (!program->standby.briefed)
        return;
    czone_zone_get_info(zone, &info);
    if (info.node.n != program->planned.n)
        program_cgroup_drop(program);
}

int program_cgroup_prepare(struct program *program, struct czone_zone *zone, const char *name, int64_t pids,
                           struct czone_policy *ret_policy, struct refusal *refusal)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    czone_node_id open;
    int r = 0;

    check_plan(program, zone);
    if (program->cgroup == NULL)
        r = take_cgroup(program, name, &open, &failure);
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
