/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/keeper_standby.h"

#include <fcntl.h>
#include <string.h>

#include "agent/guest/keeper/record.h"
#include "agent/guest/keeper/wire.h"
#include "agent/guest/launch/seccomp.h"
#include "agent/guest/log.h"
#include "agent/guest/run_dir.h"
#include "proto/cleanup.h"

#define HALL "czoned.keepers"

static void leave(void *data, const char *name)
{
    const struct keeper_standby_kit *kit = data;

    if (unlinkat(kit->hall, name, 0) < 0)
        log_warning("cannot remove %s, which a keeper has left in the run directory: %s", name,
                    strerror(errno));
}

static int open_hall(struct keeper_standby_kit *kit, const char *run_dir)
{
    CLEANUP_FD int fd = -EBADF;
    int r;

    r = run_dir_open(AT_FDCWD, run_dir, &fd);
    if (r == 0)
        r = run_dir_make(fd, HALL, &kit->hall);
    if (r == -EEXIST)
        r = run_dir_open(fd, HALL, &kit->hall);
    return r == 0 ? run_dir_each(kit->hall, leave, kit) : r;
}

int keeper_standby_kit_open(struct keeper_standby_kit *kit, struct keeper_pool *keepers, const char *run_dir)
{
    int r = launch_seccomp_compile_standby(&kit->filters[0], &kit->filters[1]);

    if (r < 0)
        return log_fail(r, "cannot compile the system call filter of containers: %s", strerror(-r));
    kit->keepers = keepers;
    r = open_hall(kit, run_dir);
    return r < 0 ? log_fail(r, "cannot make a place for keepers in the run directory: %s", strerror(-r)) : 0;
}

void keeper_standby_kit_close(struct keeper_standby_kit *kit)
{
    cleanup_fd(&kit->filters[0]);
    cleanup_fd(&kit->filters[1]);
    cleanup_fd(&kit->hall);
    *kit = (struct keeper_standby_kit)KEEPER_STANDBY_KIT_INIT;
}

int keeper_standby_start(struct keeper_standby *standby, const struct keeper_standby_kit *kit,
                         const struct czone_cgroup *cgroup)
{
    struct keeper_prepare prepare = { .header.kind = KEEPER_PREPARE };
    CLEANUP_FD int socket = -EBADF, memory = -EBADF;
    int r;

    *standby = (struct keeper_standby)KEEPER_STANDBY_INIT;
    standby->kit = kit;
    r = keeper_pool_start(kit->keepers, &standby->keeper, &standby->pid);
    if (r == 0)
        r = launch_briefing_open(&standby->briefing, &socket, &memory);
    if (r == 0)
        r = keeper_send(standby->keeper, &prepare, sizeof(prepare),
                        (const int[]){ czone_cgroup_fd(cgroup), socket, memory, kit->filters[0],
                                       kit->filters[1], kit->hall },
                        6);
    if (r < 0)
        keeper_standby_close(standby);
    return r;
}

bool keeper_standby_waits(const struct keeper_standby *standby)
{
    return standby->keeper >= 0 && !standby->briefed;
}

int keeper_standby_brief(struct keeper_standby *standby, struct launch_plan *plan,
                         const struct czone_policy *policy, const struct launch_errand *errand)
{
    int r = launch_briefing_tell(&standby->briefing, plan, policy, errand);

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

/* What a keeper does first after START, so that nobody has to wait until it has. */
static int settle(const struct keeper_standby *standby, int run_dir, int *ret_record)
{
    const struct keeper_record record = { .status = { .header = { KEEPER_STATUS, KEEPER_VERSION },
                                                      .keeper_pid = standby->pid },
                                          .failed = { .header = { KEEPER_FAILED, KEEPER_VERSION } } };
    char name[32];
    int r;

    keeper_hall_name(standby->pid, name);
    if (renameat2(standby->kit->hall, name, run_dir, KEEPER_SOCKET, RENAME_NOREPLACE) < 0)
        return -errno;
    r = keeper_record_create(run_dir, &record);
    if (r < 0) {
        keeper_record_clear(run_dir);
        return r;
    }
    *ret_record = r;
    return 0;
}

int keeper_standby_run(const struct keeper_standby *standby, struct keeper_start *start, int run_dir)
{
    CLEANUP_FD int record = -EBADF;
    int r;

    start->flags = KEEPER_START_BRIEFED;
    /* If not, the keeper does it, or says why not. */
    if (settle(standby, run_dir, &record) < 0)
        return keeper_send(standby->keeper, start, sizeof(*start), &run_dir, 1);
    r = keeper_send(standby->keeper, start, sizeof(*start), (const int[]){ run_dir, record }, 2);
    if (r < 0)
        keeper_record_clear(run_dir);
    /* In this order: whatever happens to us, the keeper has START before anything runs, and the next czoned
     * can tell that something does before it does. */
    else if (keeper_record_let_go(record) == 0)
        launch_briefing_run(&standby->briefing);
    return r;
}

void keeper_standby_close(struct keeper_standby *standby)
{
    cleanup_fd(&standby->keeper);
    launch_briefing_close(&standby->briefing);
    *standby = (struct keeper_standby)KEEPER_STANDBY_INIT;
}
