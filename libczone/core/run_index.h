/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_RUN_INDEX_H
#define CZONE_CORE_RUN_INDEX_H

#include "node_set.h"

/*
 * Runs by tier and exact length, for best fit: per tier one class for each length that was ever seen, per
 * class a bitmap of the nodes that have such a run. Distinct lengths are few (n blocks make fewer than
 * sqrt(2n) at a time), so a look-up is a short binary search and two find-first-set.
 */
struct run_index;

int run_index_new(struct run_index **ret_index);           /* 0 or -ENOMEM */
struct run_index *run_index_free(struct run_index *index); /* accepts NULL, returns NULL */

/* Makes the class of a length in a tier (-1: the unknown one). Returns 0 or -ENOMEM (nothing changed). */
int run_index_reserve(struct run_index *index, int tier, uint64_t length);

/* Notes that a node has, or no more has, a run of this length. The class must have been made. Doing it twice
 * is no error. Neither allocates. */
void run_index_put(struct run_index *index, int tier, uint64_t length, czone_node_id node);
void run_index_drop(struct run_index *index, int tier, uint64_t length, czone_node_id node);

/* Tiers that have, or had, runs; from the fastest to the slowest. */
size_t run_index_n_tiers(const struct run_index *index);
int run_index_tier(const struct run_index *index, size_t i);

/* Position of a tier, or -ENOENT. */
int run_index_find_tier(const struct run_index *index, int tier);

/* The shortest run of the i-th tier that is not shorter than `at_least`, and the lowest node that has one.
 * false if there is none. */
bool run_index_shortest(const struct run_index *index, size_t i, uint64_t at_least, uint64_t *ret_length,
                        czone_node_id *ret_node);

/* Whether the node is noted with a run of this length. */
bool run_index_has(const struct run_index *index, int tier, uint64_t length, czone_node_id node);

/* How many (length, node) pairs are noted in all. O(classes); for checks. */
size_t run_index_count(const struct run_index *index);

/* Order of tiers by speed: smaller is faster; a tier that is not known counts as the slowest. */
int tier_slowness(int tier);

#endif
