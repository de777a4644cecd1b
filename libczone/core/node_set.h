/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_NODE_SET_H
#define CZONE_CORE_NODE_SET_H

#include <czone/policy.h>
#include <czone/types.h>

/* Nodes are numbered below this everywhere: Linux allows no more (NODES_SHIFT <= 10). */
#define NODE_MAX CZONE_POLICY_MAX_NODES

/* Room for the longest list of nodes with its NUL. The worst set is every pair followed by a gap
 * ("0-1,3-4,..."): 342 pairs of at most 10 characters. */
#define NODE_SET_TEXT_MAX 4096

/* A set of NUMA nodes. A plain value: {0} is the empty set. */
struct node_set {
    uint64_t words[NODE_MAX / 64];
};

/* Whether the number is one a node can have. */
bool node_is_valid(czone_node_id node);

/* Adds and removes; the node must be valid (node_is_valid()). */
void node_set_add(struct node_set *set, czone_node_id node);
void node_set_remove(struct node_set *set, czone_node_id node);

/* Whether the node is in it; false for an invalid node. */
bool node_set_has(const struct node_set *set, czone_node_id node);
bool node_set_equal(const struct node_set *a, const struct node_set *b);
unsigned node_set_count(const struct node_set *set);

/* The lowest member not below `from` (0: the lowest), CZONE_NODE_NONE if there is none. */
czone_node_id node_set_next(const struct node_set *set, int32_t from);

/*
 * How many members are numbered lower than the node: what MPOL_F_RELATIVE_NODES calls the node when the set
 * is a task's cpuset. Returns the index or -ENOENT (not a member).
 */
int node_set_index(const struct node_set *set, czone_node_id node);

/* Writes the kernel's list format, "0,2-3"; "" for the empty set. Returns the length or -ENOBUFS. */
int node_set_format(const struct node_set *set, char *buffer, size_t size);

/*
 * Reads the kernel's list format; "" is the empty set, one trailing newline is allowed. Returns 0, -EINVAL
 * (anything else, descending ranges included) or -ERANGE (a node that cannot be).
 */
int node_set_parse(const char *text, struct node_set *ret_set);

#endif
