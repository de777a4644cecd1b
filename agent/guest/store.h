/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_STORE_H
#define GUEST_STORE_H

/* What czoned keeps below its run directory for the next one. */

#include "agent/guest/history.h"

struct store {
    int containers_fd; /* RUN/containers, see container/store.h */
    char boot_id[64];  /* of this run of the kernel: what an earlier one left means nothing to it */
    struct history history;
};

#define STORE_INIT                                                                                           \
    {                                                                                                        \
        .containers_fd = -EBADF, .history = HISTORY_INIT                                                     \
    }

/*
 * Opens it, and fills keys and receipts.
 *
 * @proc  where procfs is mounted
 *
 * Returns 0 or a negative errno, which has been logged.
 */
int store_open(struct store *store, const char *run_dir, const char *proc, struct key_store *keys,
               struct receipts *receipts);

/* Accepts STORE_INIT. */
void store_close(struct store *store);

#endif
