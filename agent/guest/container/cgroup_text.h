/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_CGROUP_TEXT_H
#define GUEST_CONTAINER_CGROUP_TEXT_H

/*
 * What the kernel writes into a cgroup's files (Documentation/admin-guide/cgroup-v2.rst), taken apart. Pure.
 *
 * Strict about what is asked for, deaf to what a newer kernel adds. Every function returns -EBADMSG for text
 * that has not the form it should have, and then sets nothing.
 */

#include <stddef.h>
#include <stdint.h>

/* "max": no limit. */
#define CGROUP_TEXT_MAX INT64_MAX

/* A file with one number or "max" in it. Returns 0 or -EBADMSG. */
int cgroup_text_number(const char *text, int64_t *ret_number);

/* The number behind a key, in a file of lines "key number". Returns 0, -ENOENT (no such key) or -EBADMSG. */
int cgroup_text_key(const char *text, const char *key, int64_t *ret_number);

/* cpu.max, "QUOTA PERIOD" in microseconds; the quota may be CGROUP_TEXT_MAX. Returns 0 or -EBADMSG. */
int cgroup_text_quota(const char *text, int64_t *ret_quota, int64_t *ret_period);

/* A line of cpu.pressure, memory.pressure or io.pressure. */
struct cgroup_pressure {
    int64_t avg10, avg60, avg300; /* hundredths of a percent of the time, over so many seconds */
    int64_t total_us;             /* since the cgroup was made */
};

/* @kind  "some" or "full". Returns 0, -ENOENT (no such line) or -EBADMSG. */
int cgroup_text_pressure(const char *text, const char *kind, struct cgroup_pressure *ret_pressure);

/* What a container has on one node, in bytes: memory.numa_stat. */
struct cgroup_node {
    int64_t anon, file; /* file has tmpfs and shared memory in it */
    int64_t kernel;     /* stacks, page tables, slab: by design on the home node */
};

/*
 * @size  how many nodes there is room for
 *
 * Returns how many elements were set, by number of the node, those in between with zeroes; or -EBADMSG, or
 * -E2BIG (there is a node `size` or above).
 */
int cgroup_text_nodes(const char *text, struct cgroup_node *nodes, size_t size);

/* What a container did to one block device: io.stat. */
struct cgroup_io {
    unsigned int major, minor;
    int64_t read_bytes, written_bytes, reads, writes;
};

/* Devices that nothing was done to are left out. Returns how many there are, -E2BIG (more than `size`) or
 * -EBADMSG. */
int cgroup_text_io(const char *text, struct cgroup_io *devices, size_t size);

#endif
