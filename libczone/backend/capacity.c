/* SPDX-License-Identifier: Apache-2.0 */
#include "capacity.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../cleanup.h"
#include "../core/array.h"
#include "attr.h"
#include "machine.h"

/* Linux: CONFIG_NODES_SHIFT is 10 at most. */
#define NODES_MAX 1024u

void capacities_done(struct capacities *capacities)
{
    free(capacities->nodes);
    *capacities = (struct capacities){ 0 };
}

static int make_room(struct capacities *capacities, size_t n)
{
    if (n > NODES_MAX || array_reserve(capacities->nodes, capacities->allocated, n) < 0)
        return -ENOMEM;
    while (capacities->n < n)
        capacities->nodes[capacities->n++] = (struct czone_sys_capacity){ 0 };
    return 0;
}

int capacities_parse(struct capacities *capacities, char *zoneinfo, uint64_t page)
{
    struct czone_sys_capacity *node = NULL;
    char *rest = zoneinfo;

    for (char *line; (line = strsep(&rest, "\n"));) {
        if (strncmp(line, "Node ", 5) == 0) {
            size_t n = strtoul(line + 5, NULL, 10);

            if (make_room(capacities, n + 1) < 0)
                return -ENOMEM;
            node = &capacities->nodes[n];
            continue;
        }
        line += strspn(line, " ");
        /* The pagesets have a "high:" as well. */
        if (node && strncmp(line, "managed ", 8) == 0)
            node->managed += strtoull(line + 8, NULL, 10) * page;
        else if (node && strncmp(line, "high ", 5) == 0)
            node->high_watermark += strtoull(line + 5, NULL, 10) * page;
    }
    return 0;
}

static const struct czone_sys_capacity *find(const struct capacities *capacities, czone_node_id node)
{
    const struct czone_sys_capacity *found =
        (size_t)node.n < capacities->n ? &capacities->nodes[node.n] : NULL;

    return found && found->managed > 0 ? found : NULL;
}

static int read_anew(struct czone_sys *sys)
{
    cleanup_free char *text = NULL;
    struct capacities fresh = { 0 };
    int r;

    r = attr_read_all(sys->proc_fd, "zoneinfo", &text);
    if (r < 0)
        return r;
    r = capacities_parse(&fresh, text, (uint64_t)sysconf(_SC_PAGESIZE));
    if (r < 0) {
        capacities_done(&fresh);
        return r;
    }
    capacities_done(&sys->capacities);
    sys->capacities = fresh;
    return 0;
}

int capacity_read(struct czone_sys *sys, czone_node_id node, struct czone_sys_capacity *ret_capacity)
{
    const struct czone_sys_capacity *known;
    struct czone_sys_usage usage;
    int r;

    if (node.n < 0)
        return -ENOENT;
    r = usage_read_total(sys, node, &usage);
    if (r < 0)
        return r;
    known = find(&sys->capacities, node);
    /* A node may be missing in what was read, or there twice: see usage.c. */
    for (int i = 0; i < ZONEINFO_READS && (!known || known->managed != usage.total); i++) {
        r = read_anew(sys);
        if (r < 0)
            return r;
        known = find(&sys->capacities, node);
    }
    if (!known || known->managed != usage.total)
        return -ENOENT;
    *ret_capacity = *known;
    return 0;
}
