/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CORE_LEDGER_STRUCT_H
#define CZONE_CORE_LEDGER_STRUCT_H

/* What a ledger consists of. For ledger.c, its check, and the tests that break one on purpose. */

#include "ledger.h"

struct ledger_entry {
    struct czone_zone_info info;
    struct ledger_entry *next; /* in its bucket */
};

struct ledger {
    size_t n;
    struct node_set nodes; /* that hold a zone: what to walk */
    struct ledger_entry *by_node[NODE_MAX];
    /* One zone a node, so there are never more zones than buckets and the table never has to grow. */
    struct ledger_entry *by_name[NODE_MAX];
};

size_t ledger_bucket(const char *name);

#endif
