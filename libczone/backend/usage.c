/* SPDX-License-Identifier: Apache-2.0 */
/* The page accounting of a node: nodeN/meminfo, /proc/zoneinfo, /proc/vmstat. */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The number behind a key, wherever in the line the key begins. sscanf() would cost more than all of the rest
 * of reading these files, which a release waits for. */
static bool number_after(const char *line, const char *key, uint64_t *ret_value)
{
    size_t length = strlen(key);
    unsigned long long value;
    char *end;

    if (strncmp(line, key, length) != 0)
        return false;
    value = strtoull(line + length, &end, 10);
    if (end == line + length)
        return false;
    *ret_value = value;
    return true;
}

int usage_read_total(struct czone_sys *sys, czone_node_id node, struct czone_sys_usage *ret_usage)
{
    static const char total_key[] = " MemTotal:", free_key[] = " MemFree:";
    char path[ATTR_PATH_MAX], text[8192];
    const char *total, *free_part;
    uint64_t total_kib, free_kib;
    int r;

    r = attr_path(path, sizeof(path), "node", (uint64_t)node.n, "/meminfo");
    if (r < 0)
        return r;
    r = attr_read(sys->node_fd, path, text, sizeof(text));
    if (r < 0)
        return r;
    total = strstr(text, total_key);
    free_part = strstr(text, free_key);
    if (!total || !free_part || !number_after(total, total_key, &total_kib) ||
        !number_after(free_part, free_key, &free_kib))
        return -EBADMSG;
    ret_usage->total = total_kib * 1024;
    ret_usage->free = free_kib * 1024;
    return 0;
}

/*
 * Sums up what /proc/zoneinfo says of the kernel zones of one node. Returns 0, or -EAGAIN when the node is
 * missing or there twice.
 */
static int parse_zoneinfo(char *text, czone_node_id node, uint64_t page, struct czone_sys_usage *usage)
{
    uint64_t managed = 0, high = 0, parked = 0, slack = 0;
    const char *first = NULL; /* line of its first zone */
    bool ours = false;
    char *rest = text;

    for (char *line; (line = strsep(&rest, "\n"));) {
        uint64_t value;

        if (number_after(line, "Node ", &value)) {
            ours = value == (uint64_t)node.n;
            if (first && !ours)
                break; /* the zones of a node stand together */
            if (first && strcmp(first, line) == 0)
                return -EAGAIN;
            if (ours && !first)
                first = line;
            continue;
        }
        if (!ours)
            continue;
        line += strspn(line, " ");
        if (number_after(line, "managed ", &value)) {
            managed += value;
        } else if (number_after(line, "high ", &value)) {
            high += value;
        } else if (number_after(line, "count: ", &value)) {
            parked += value;
        } else if (number_after(line, "vm stats threshold: ", &value)) {
            slack += value + BATCHED_PAGES; /* one such line for each CPU */
        }
    }
    if (!first)
        return -EAGAIN;
    usage->managed = managed * page;
    usage->high_watermark = high * page;
    usage->parked = parked * page;
    usage->slack = slack * page;
    return 0;
}

/*
 * The kernel hands the file out a page at a time and goes on by the number of nodes that it has told of: when
 * another node comes or goes meanwhile, one is told twice or not at all.
 */
static int read_zoneinfo(struct czone_sys *sys, czone_node_id node, struct czone_sys_usage *usage)
{
    int r = -EAGAIN;

    for (int i = 0; r == -EAGAIN && i < ZONEINFO_READS; i++) {
        cleanup_free char *text = NULL;

        r = attr_read_all(sys->proc_fd, "zoneinfo", &text);
        if (r >= 0)
            r = parse_zoneinfo(text, node, (uint64_t)sysconf(_SC_PAGESIZE), usage);
    }
    return r == -EAGAIN ? -ENOENT : r;
}

int usage_read(struct czone_sys *sys, czone_node_id node, struct czone_sys_usage *ret_usage)
{
    struct czone_sys_usage usage = { 0 };
    int r;

    if (node.n < 0)
        return -ENOENT;
    r = read_zoneinfo(sys, node, &usage);
    if (r < 0)
        return r;
    r = usage_read_total(sys, node, &usage);
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
