/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_RECEIPT_H
#define GUEST_ZONE_RECEIPT_H

/* The account of one zone's return (io.czone.Zone, type Receipt), and the ring of the last ones. */

#include <jansson.h>
#include <sys/queue.h>

#include <czone/release.h>

#include "proto/reason.h"

/* How many are kept: a busy day's worth, at some 600 bytes each. */
#define RECEIPTS_LIMIT 256u
/* What of the leftovers is kept; the rest is in the log. */
#define RECEIPT_LEFTOVERS_MAX 8u

#define OUTCOME_RETURNED    "returned"
#define OUTCOME_OFFLINE     "offline"
#define OUTCOME_QUARANTINED "quarantined"
#define OUTCOME_PARTIAL     "partial"
#define OUTCOME_UNCONFIRMED "unconfirmed"

struct receipt {
    uint64_t sequence;
    char container[CZONE_ZONE_NAME_MAX + 1];
    char zone[CZONE_ZONE_NAME_MAX + 1];
    czone_node_id node;
    struct czone_range range;
    const char *outcome; /* OUTCOME_*, static */
    uint64_t host_bytes;
    char host_device[32];
    int64_t exit_time; /* realtime */
    /* Monotonic points in time until receipts_add() makes them durations since the exit; 0: did not come. */
    uint64_t emptied_ns, offline_ns, confirmed_ns;
    uint64_t migrated_pages;
    struct czone_leftover *leftovers; /* owned */
    size_t n_leftovers;
    struct reason message; /* empty: nothing went wrong */
};

struct receipt_entry {
    TAILQ_ENTRY(receipt_entry) link;
    struct receipt receipt;
};

struct receipts {
    TAILQ_HEAD(receipt_list, receipt_entry) entries; /* ascending sequence */
    size_t n_entries, limit;
    uint64_t last_sequence;
};

void receipts_init(struct receipts *receipts, size_t limit);
void receipts_done(struct receipts *receipts);

/*
 * Moves a receipt into the ring, where it gets its sequence number; the oldest goes when the ring is full.
 *
 * @receipt    emptied: what it held belongs to the ring
 * @exited_at  monotonic time of the exit, from which the durations count
 *
 * Returns the receipt in the ring, valid until the next call, or NULL without memory (then its number is
 * missing from the sequence).
 */
const struct receipt *receipts_add(struct receipts *receipts, struct receipt *receipt, uint64_t exited_at);

/* Puts a receipt of an earlier czoned back, with the number and durations it has; emptied as by
 * receipts_add(). One whose number does not follow is dropped. */
void receipts_restore(struct receipts *receipts, struct receipt *receipt);

/* The first receipt after a sequence number, or NULL. */
const struct receipt *receipts_after(const struct receipts *receipts, uint64_t sequence);

/* As on the wire; NULL without memory. */
json_t *receipt_to_json(const struct receipt *receipt);

/* Reads it back; the caller frees what it holds. Returns 0, -EBADMSG or -ENOMEM. */
int receipt_from_json(json_t *object, struct receipt *ret_receipt);

/* Frees what it holds. */
void receipt_done(struct receipt *receipt);

#endif
