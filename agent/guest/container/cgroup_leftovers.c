/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/cgroup_leftovers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <czone/cgroup.h>

#include "agent/guest/log.h"
#include "agent/guest/manager.h"

struct clearing {
    struct manager *manager;
    const char *base;
    const struct czone_zone_info *zones;
    int n_zones;
};

static bool is_claimed(const struct clearing *clearing, const char *path)
{
    for (int i = 0; i < clearing->n_zones; i++)
        if (strcmp(clearing->zones[i].cgroup, path) == 0)
            return true;
    return false;
}

static void clear(void *data, const char *name)
{
    const struct clearing *clearing = data;
    struct czone_cgroup *cgroup = NULL;
    char path[512];
    int r;

    (void)snprintf(path, sizeof(path), "%s/%s", clearing->base, name);
    if (is_claimed(clearing, path) || czone_cgroup_open(clearing->manager->ctx, path, &cgroup) < 0)
        return;
    r = czone_cgroup_populated(cgroup);
    r = r > 0 ? -EBUSY : czone_cgroup_remove(cgroup);
    if (r < 0)
        log_warning("cannot remove the cgroup %s, which an earlier czoned has left: %s", path, strerror(-r));
    czone_cgroup_unref(cgroup);
}

void cgroup_leftovers_clear(struct manager *manager, const char *base)
{
    struct clearing clearing = { .manager = manager, .base = base };
    struct czone_zone_info *zones = NULL;
    int r;

    clearing.n_zones = czone_zone_list(manager->ctx, &zones);
    clearing.zones = zones;
    r = clearing.n_zones < 0 ? clearing.n_zones : marks_each(&manager->zone_marks, clear, &clearing);
    if (r < 0)
        log_warning("cgroups that an earlier czoned has left are not looked for: %s", strerror(-r));
    free(zones);
}
