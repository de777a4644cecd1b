/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_TESTS_CORE_TEST_H
#define CZONE_TESTS_CORE_TEST_H

/* What the tests of the core share: a main, a seeded random source, short ways to fill an inventory. */

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/inventory.h"

#define MIB        (UINT64_C(1) << 20)
#define BLOCK_SIZE (128 * MIB)
#define NODE(n)    ((czone_node_id){ (n) })
#define BLOCK(n)   ((czone_block_id){ (n) })

/* The seed is new in each run, and printed; CZONE_TEST_SEED repeats one. */
static inline uint64_t random_seed(void)
{
    const char *text = getenv("CZONE_TEST_SEED");
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed =
        text ? strtoull(text, NULL, 0) : (uint64_t)now.tv_sec * 1000000007 + (uint64_t)now.tv_nsec;
    printf("CZONE_TEST_SEED=%" PRIu64 "\n", seed);
    fflush(stdout);
    return seed;
}

/* splitmix64 */
static inline uint64_t random_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));

    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static inline uint64_t random_below(uint64_t *state, uint64_t n)
{
    return random_next(state) % n;
}

static inline void put_node(struct inventory *inventory, int node, int tier)
{
    ck_assert_int_eq(inventory_put_node(inventory, NODE(node), tier, false), 0);
}

static inline void put_blocks(struct inventory *inventory, int node, uint64_t first, uint64_t n,
                              enum czone_block_state state, enum czone_provider provider)
{
    for (uint64_t i = first; i < first + n; i++) {
        struct czone_block block = { .id = { i }, .node = { node }, .state = state, .provider = provider };
        ck_assert_int_eq(inventory_put_block(inventory, &block), 1);
    }
}

/* Blocks that a zone can be made of. */
static inline void plug(struct inventory *inventory, int node, uint64_t first, uint64_t n)
{
    put_blocks(inventory, node, first, n, CZONE_BLOCK_OFFLINE, CZONE_PROVIDER_VIRTIO_MEM);
}

/* A machine with home node 0: CPUs, blocks 0 to 3, in use by the kernel. */
static inline struct inventory *machine_new(void)
{
    struct inventory *inventory;

    ck_assert_int_eq(inventory_new(BLOCK_SIZE, &inventory), 0);
    ck_assert_int_eq(inventory_put_node(inventory, NODE(0), 0, true), 0);
    put_blocks(inventory, 0, 0, 4, CZONE_BLOCK_KERNEL, CZONE_PROVIDER_BOOT);
    return inventory;
}

static inline void assert_valid(const struct inventory *inventory)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    int r = inventory_validate(inventory, &failure);

    ck_assert_msg(r == 0, "inventory is not valid: %s", failure.message);
}

/* Runs the tests of one case in a suite of that name; the exit code of main(). */
static inline int core_test_main(TCase *tests, const char *name)
{
    Suite *suite = suite_create(name);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int n_failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
