/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_TESTS_CORE_ZONE_H
#define CZONE_TESTS_CORE_ZONE_H

/* A machine with zones, for the tests of the ledger: node n holds blocks 32n to 32n + 7. */

#include "core_test.h"

#include "core/ledger.h"

#define ZONE_NODES 4 /* nodes 1 to 4 */

static inline struct inventory *zone_machine_new(void)
{
    struct inventory *inventory = machine_new();

    for (int node = 1; node <= ZONE_NODES; node++) {
        put_node(inventory, node, 4);
        plug(inventory, node, 32 * (uint64_t)node, 8);
    }
    return inventory;
}

static inline struct czone_zone_info zone_info(const char *name, int node, size_t n_blocks,
                                               enum czone_zone_state state)
{
    struct czone_zone_info info = {
        .state = state,
        .node = { node },
        .tier = 4,
        .provider = CZONE_PROVIDER_VIRTIO_MEM,
        .first_block = { 32 * (uint64_t)node },
        .n_blocks = n_blocks,
        .range = { 32 * (uint64_t)node * BLOCK_SIZE, n_blocks * BLOCK_SIZE },
    };

    snprintf(info.name, sizeof(info.name), "%s", name);
    return info;
}

static inline void set_states(struct inventory *inventory, int node, size_t n_blocks,
                              enum czone_block_state state)
{
    for (uint64_t i = 0; i < n_blocks; i++) {
        struct czone_block block = { .id = { 32 * (uint64_t)node + i },
                                     .node = { node },
                                     .state = state,
                                     .provider = CZONE_PROVIDER_VIRTIO_MEM };
        ck_assert_int_ge(inventory_put_block(inventory, &block), 0);
    }
}

static inline int claim(struct ledger *ledger, struct inventory *inventory, const char *name, int node,
                        enum czone_zone_state state)
{
    struct czone_zone_info info = zone_info(name, node, 4, state);
    return ledger_claim(ledger, inventory, &info);
}

static inline void assert_books(const struct ledger *ledger, const struct inventory *inventory)
{
    struct czone_failure failure = CZONE_FAILURE_INIT;
    int r = ledger_validate(ledger, inventory, &failure);

    ck_assert_msg(r == 0, "the books are not valid: %s", failure.message);
}

#endif
