/* SPDX-License-Identifier: Apache-2.0 */
/* The page accounting of a node: nodeN/meminfo, /proc/zoneinfo, /proc/vmstat. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../cleanup.h"
#include "attr.h"
#include "machine.h"

/*
 * Pages that one CPU may hold back after everybody else let go of them: eight lists of folios on their way to
 * an LRU (struct cpu_fbatches in mm/swap.c), each of at most 31 (FOLIO_BATCH_SIZE; 15 before Linux 6.11).
 * Large folios do not wait there.
 */
#define BATCHED_PAGES ((uint64_t)8 * 31)

static int read_meminfo(struct czone_sys *sys, czone_node_id node, struct czone_sys_usage *usage)
{
    char path[ATTR_PATH_MAX], text[8192];
    unsigned found = 0;
    char *rest = text;
    int r;

    r = attr_path(path, sizeof(path), "node", (uint64_t)node.n, "/meminfo");
    if (r < 0)
        return r;
    r = attr_read(sys->node_fd, path, text, sizeof(text));
    if (r < 0)
        return r;
    for (char *line; (line = strsep(&rest, "\n"));) {
        uint64_t kib;

        if (sscanf(line, "Node %*d MemTotal: %" SCNu64 " kB", &kib) == 1) {
            usage->total = kib * 1024;
            found |= 1;
        } else if (sscanf(line, "Node %*d MemFree: %" SCNu64 " kB", &kib) == 1) {
            usage->free = kib * 1024;
            found |= 2;
        }
    }
    return found == 3 ? 0 : -EBADMSG;
}

/* Sums up what /proc/zoneinfo says of the kernel zones of one node. */
static int parse_zoneinfo(char *text, czone_node_id node, uint64_t page, struct czone_sys_usage *usage)
{
    uint64_t managed = 0, high = 0, parked = 0, slack = 0;
    bool ours = false, found = false;
    char *rest = text;

    for (char *line; (line = strsep(&rest, "\n"));) {
        uint64_t value;
        int32_t number;

        if (sscanf(line, "Node %" SCNd32 ", zone", &number) == 1) {
            ours = number == node.n;
            if (found && !ours)
                break; /* the zones of a node stand together */
            found |= ours;
        } else if (!ours) {
            continue;
        } else if (sscanf(line, " managed %" SCNu64, &value) == 1) {
            managed += value;
        } else if (sscanf(line, " high %" SCNu64, &value) == 1) {
            high += value;
        } else if (sscanf(line, " count: %" SCNu64, &value) == 1) {
            parked += value;
        } else if (sscanf(line, " vm stats threshold: %" SCNu64, &value) == 1) {
            slack += value + BATCHED_PAGES; /* one such line for each CPU */
        }
    }
    if (!found)
        return -ENOENT;
    usage->managed = managed * page;
    usage->high_watermark = high * page;
    usage->parked = parked * page;
    usage->slack = slack * page;
    return 0;
}

int usage_read(struct czone_sys *sys, czone_node_id node, struct czone_sys_usage *ret_usage)
{
    cleanup_free char *text = NULL;
    struct czone_sys_usage usage = { 0 };
    int r;

    if (node.n < 0)
        return -ENOENT;
    r = attr_read_all(sys->proc_fd, "zoneinfo", &text);
    if (r < 0)
        return r;
    r = parse_zoneinfo(text, node, (uint64_t)sysconf(_SC_PAGESIZE), &usage);
    if (r < 0)
        return r;
    r = read_meminfo(sys, node, &usage);
    if (r < 0)
        return r;
    *ret_usage = usage;
    return 0;
}

int usage_migrated(struct czone_sys *sys, uint64_t *ret_pages)
{
    static const char key[] = "\npgmigrate_success ";
    cleanup_free char *text = NULL;
    const char *found;
    int r;

    r = attr_read_all(sys->proc_fd, "vmstat", &text);
    if (r < 0)
        return r;
    found = strstr(text, key);
    if (!found || sscanf(found + sizeof(key) - 1, "%" SCNu64, ret_pages) != 1)
        return -EBADMSG;
    return 0;
}

int usage_settle(struct czone_sys *sys)
{
    char text[16];
    int r;

    /* Reading this file makes each CPU add what it has counted for itself, and give back parked pages of
     * other nodes (refresh_vm_stats() in mm/vmstat.c). */
    r = attr_read(sys->proc_fd, "sys/vm/stat_refresh", text, sizeof(text));
    return r < 0 ? r : 0;
}
