/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_BACKEND_MACHINE_H
#define CZONE_BACKEND_MACHINE_H

#include <czone/sys/backend.h>

#include "capacity.h"
#include "provider.h"

/* The state of the Linux backend: directories that are opened once, and what is costly to read again. */
struct czone_sys {
    int sysfs_fd;
    int memory_fd; /* devices/system/memory */
    int node_fd;   /* devices/system/node */
    int proc_fd;
    int cgroup_fd; /* the root of the cgroup hierarchy */
    int base_fd;   /* the cgroup base */
    int helper_fd; /* the cgroup of helpers, a leaf of the base; opened at the first fork */
    bool is_cgroup2;
    uint64_t block_size; /* 0 before it was asked for; it does not change */
    char *base;          /* path of the base below the root */
    char *helper_nodes;  /* what helper_fd's cpuset.mems was last set to */
    struct providers providers;
    struct capacities capacities;
};

int machine_open(const struct czone_ctx_options *options, struct czone_sys **ret_sys,
                 struct czone_failure *failure);
void machine_close(struct czone_sys *sys);
int machine_boot_id(struct czone_sys *sys, char *buffer, size_t size);

/* block.c */
int block_size(struct czone_sys *sys, uint64_t *ret_bytes);
int block_list(struct czone_sys *sys, struct czone_block **ret_blocks, size_t *ret_n);
int block_read(struct czone_sys *sys, czone_block_id id, struct czone_block *ret_block);
int block_peek(struct czone_sys *sys, czone_block_id id, czone_node_id node,
               enum czone_block_state *ret_state);
int block_set(struct czone_sys *sys, czone_block_id id, enum czone_sys_target target);

/* node.c */
int node_list(struct czone_sys *sys, struct czone_sys_node **ret_nodes, size_t *ret_n);

/* How often /proc/zoneinfo is read again that tells a node twice or not at all (see usage.c): zones come and
 * go seldom next to how long one reading takes. */
#define ZONEINFO_READS 16

/* usage.c */
int usage_read(struct czone_sys *sys, czone_node_id node, struct czone_sys_usage *ret_usage);
/* Only total and free are set. */
int usage_read_total(struct czone_sys *sys, czone_node_id node, struct czone_sys_usage *ret_usage);
int usage_migrated(struct czone_sys *sys, uint64_t *ret_pages);
int usage_settle(struct czone_sys *sys);

/* capacity.c */
int capacity_read(struct czone_sys *sys, czone_node_id node, struct czone_sys_capacity *ret_capacity);

/* danger.c */
int danger_list(struct czone_sys *sys, czone_danger_fn fn, void *data);

/* helper.c */
pid_t helper_fork(struct czone_sys *sys, const char *home_nodes, const int *keep, size_t n_keep,
                  int *ret_pidfd);

/* cgroup.c */
int cgroup_open(struct czone_sys *sys, const char *path);
int cgroup_create(struct czone_sys *sys, const char *name, char *path, size_t size);
int cgroup_remove(struct czone_sys *sys, const char *path);
int cgroup_write(struct czone_sys *sys, int cgroup_fd, const char *attribute, const char *value);
int cgroup_read(struct czone_sys *sys, int cgroup_fd, const char *attribute, char *buffer, size_t size);
int cgroup_charges(struct czone_sys *sys, int cgroup_fd, czone_node_id first, size_t n,
                   struct czone_sys_charge *ret_charges);
int cgroup_children(struct czone_sys *sys, int cgroup_fd, int (*fn)(void *data, const char *name),
                    void *data);
int cgroup_watch(struct czone_sys *sys, int cgroup_fd, int inotify_fd);
int cgroup_of(struct czone_sys *sys, pid_t pid, char *buffer, size_t size);

/* uevent.c */
/* One message of the uevent socket. */
void uevent_parse(const char *message, size_t size, struct czone_sys_uevent *ret_event);
int uevents_open(struct czone_sys *sys, struct czone_sys_uevents **ret_uevents);
int uevents_fd(const struct czone_sys_uevents *uevents);
int uevents_next(struct czone_sys_uevents *uevents, struct czone_sys_uevent *ret_event);
void uevents_close(struct czone_sys_uevents *uevents);

#endif
