/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_SIGNAL_BOOK_H
#define GUEST_ZONE_SIGNAL_BOOK_H

/*
 * Signals to the host that wait for an answer: io.czone.Host, type Signal. Ids count up from 1. A signal
 * whose deadline has passed is overdue: it stays, so that a late answer is understood, until it is closed.
 * Pure: the time is the caller's, in nanoseconds of any one clock.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include <czone/zone.h>

enum signal_kind {
    SIGNAL_PLUG,
    SIGNAL_UNPLUG,
    SIGNAL_CANCEL, /* never open: nothing answers it */
};

struct signal {
    TAILQ_ENTRY(signal) link;
    uint64_t id;
    enum signal_kind kind;
    uint64_t bytes;
    char tier[32];            /* plug */
    struct czone_range range; /* unplug */
    char zone[CZONE_ZONE_NAME_MAX + 1];
    uint64_t deadline;
    bool overdue;
    void *owner; /* the caller's */
    /* Unplug without owner: not sent, since memory of it is online still. */
    bool held;
    /* Unplug: the host has confirmed, and n_blocks_left are still to go, of those that were there when it was
     * asked. */
    bool confirmed;
    uint64_t confirmed_at, confirmed_bytes;
    size_t n_blocks_left;
    char device[32];
};

struct signal_book {
    TAILQ_HEAD(signal_list, signal) open; /* ascending ids */
    uint64_t last_id;
    size_t n_open;
};

void signal_book_init(struct signal_book *book);
void signal_book_done(struct signal_book *book);

/* The name on the wire. */
const char *signal_kind_name(enum signal_kind kind);

/*
 * Opens a signal, a copy of *wanted with an id of its own. Returns it, or NULL without memory. The book owns
 * it.
 */
struct signal *signal_book_open(struct signal_book *book, const struct signal *wanted);

/* The open signal of this id, overdue or not, that was sent and not confirmed yet; or NULL. */
struct signal *signal_book_find(struct signal_book *book, uint64_t id);

/* One that is held and touches the range, or NULL. */
struct signal *signal_book_held(struct signal_book *book, struct czone_range range);

/* Whether an open unplug (of any age) touches the range: that memory is on its way out. */
bool signal_book_leaving(const struct signal_book *book, struct czone_range range);

/* Whether the host has confirmed to have the range, or part of it, and its blocks are still to go. */
bool signal_book_departing(const struct signal_book *book, struct czone_range range);

/* Counts a block that went, of an open unplug. */
void signal_book_block_gone(struct signal_book *book, uint64_t address);

/* An open unplug without owner that touches the range and was not confirmed, or NULL. */
struct signal *signal_book_unowned(struct signal_book *book, struct czone_range range);

/* Whether a plug is open and not overdue: memory may be on its way in. */
bool signal_book_arriving(const struct signal_book *book);

/* Ends a signal and frees it. */
void signal_book_close(struct signal_book *book, struct signal *signal);

/* The earliest deadline of those that are not overdue, or UINT64_MAX. */
uint64_t signal_book_deadline(const struct signal_book *book);

/* The first signal whose deadline is not after `now`, marked overdue; NULL when there is none. */
struct signal *signal_book_expire(struct signal_book *book, uint64_t now);

#endif
