/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/keeper_standby.h"

#include <string.h>

#include "agent/guest/keeper/wire.h"
#include "proto/cleanup.h"

int keeper_standby_start(struct keeper_standby *standby, struct keeper_pool *pool,
                         const struct czone_cgroup *cgroup, const int filters[2])
{
    struct keeper_prepare prepare = { .header.kind = KEEPER_PREPARE };
    CLEANUP_FD int socket = -EBADF, memory = -EBADF;
    int r;

    *standby = (struct keeper_standby)KEEPER_STANDBY_INIT;
    r = keeper_pool_start(pool, &standby->keeper);
    if (r == 0)
        r = launch_briefing_open(&standby->briefing, &socket, &memory);
    if (r == 0)
        r = keeper_send(standby->keeper, &prepare, sizeof(prepare),
                        (const int[]){ czone_cgroup_fd(cgroup), socket, memory, filters[0], filters[1] }, 5);
    if (r < 0)
        keeper_standby_close(standby);
    return r;
}

bool keeper_standby_waits(const struct keeper_standby *standby)
{
    return standby->keeper >= 0 && !standby->briefed;
}

int keeper_standby_brief(struct keeper_standby *standby, struct launch_plan *plan,
                         const struct czone_policy *policy)
{
    int r = launch_briefing_tell(&standby->briefing, plan, policy);

    if (r < 0)
        return r;
    standby->briefed = true;
    standby->policy = *policy;
    return 0;
}

bool keeper_standby_suits(const struct keeper_standby *standby, const struct czone_policy *policy)
{
    return standby->briefed && policy && standby->policy.mode == policy->mode &&
           memcmp(standby->policy.nodes, policy->nodes, sizeof(policy->nodes)) == 0;
}

void keeper_standby_close(struct keeper_standby *standby)
{
    cleanup_fd(&standby->keeper);
    launch_briefing_close(&standby->briefing);
    *standby = (struct keeper_standby)KEEPER_STANDBY_INIT;
}
