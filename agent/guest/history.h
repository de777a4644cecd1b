/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_HISTORY_H
#define GUEST_HISTORY_H

/*
 * What is remembered of containers that are gone, across restarts too: answers to requests with a key, and
 * receipts. As much as the key store and the ring of receipts hold.
 */

#include "agent/guest/journal.h"
#include "agent/guest/key_store.h"
#include "agent/guest/zone/receipt.h"

struct history {
    struct key_store *keys;    /* borrowed */
    struct receipts *receipts; /* borrowed */
    struct journal key_journal, receipt_journal;
    char boot_id[64];
};

#define HISTORY_INIT                                                                                         \
    {                                                                                                        \
        .key_journal = JOURNAL_INIT, .receipt_journal = JOURNAL_INIT                                         \
    }

/*
 * Fills keys and receipts, which are empty, with what an earlier czoned of this boot has noted, and notes
 * what is added from here on.
 *
 * @boot_id  of this boot; what an earlier one left is dropped
 *
 * Returns 0 or errors of journal_open() and journal_each().
 */
int history_open(struct history *history, const char *run_dir, const char *boot_id, struct key_store *keys,
                 struct receipts *receipts);
/* Accepts HISTORY_INIT. */
void history_close(struct history *history);

/* Keeps and notes the answer to a request with a key. Returns 0 or -ENOMEM, as key_store_put(); that it could
 * not be noted is logged. */
int history_add_key(struct history *history, const char *key, const struct fingerprint *fingerprint,
                    const json_t *answer);

/* Notes a receipt that is in the ring. A failure is logged. */
void history_add_receipt(struct history *history, const struct receipt *receipt);

#endif
