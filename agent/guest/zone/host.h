/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_HOST_H
#define GUEST_ZONE_HOST_H

/*
 * The host's side of memory: at most one czone-hostd is attached and takes signals over the reply stream of
 * its Attach call; it answers by Report on another connection. Open signals are repeated to a host that
 * attaches anew.
 *
 * Memory that a host reported as plugged is on loan, from that report until it confirms to have it back.
 */

#include <event2/event.h>

#include "agent/guest/zone/clearance.h"
#include "agent/guest/zone/signal_book.h"
#include "proto/connection.h"
#include "proto/reason.h"

struct manager;

/* How many regions may be on loan; QEMU has 256 slots for memory devices. */
#define LOANS_MAX 1024u

/* One region the host plugged for us. */
struct loan {
    TAILQ_ENTRY(loan) link;
    struct czone_range range;
};

enum host_verdict {
    HOST_DONE,     /* the host did it */
    HOST_REFUSED,  /* it would not, or could not: reason and message say why */
    HOST_NONSENSE, /* what it reported cannot be */
    HOST_SILENT,   /* the deadline passed */
};

/* What became of a signal. Strings are borrowed for the call. */
struct host_answer {
    enum host_verdict verdict;
    struct czone_range range; /* plug done: the new memory */
    uint64_t bytes;           /* unplug done: what the host took */
    const char *device;       /* done: "virtio-mem", "pc-dimm"; "" when not said */
    uint64_t at;              /* unplug done: monotonic time of the Report */
    int64_t limit;            /* refused: the most it would give, -1 when not said */
    const char *message;      /* not done: a sentence */
};

/*
 * Told about each signal that has an owner. After HOST_SILENT an unplug stays open and the owner is told once
 * more when the answer comes late; in all other cases the signal is closed.
 */
typedef void (*host_answered)(void *owner, const struct host_answer *answer);

struct host {
    struct manager *manager;
    host_answered answered;
    struct varlink_connection *connection; /* one reference; NULL: nobody is attached */
    char session[17];
    char driver[64];
    uint64_t expected_until; /* monotonic: a host of an earlier czoned is on its way back */
    uint64_t max_bytes;      /* the most the host gives one zone; 0: not said */
    struct signal_book book;
    struct event *timer; /* armed only while a deadline is ahead */
    TAILQ_HEAD(loan_list, loan) loans;
    size_t n_loans;
    bool offering;        /* idle memory is to be offered as soon as none is on its way in */
    struct event *retry;  /* armed while there is memory that the host did not take */
    unsigned int retry_s; /* until the next try */
    struct clearance clearance;
    uint64_t take_back_until; /* monotonic: a plug was given up, the host may take back what it did of it */
};

int host_init(struct host *host, struct manager *manager, host_answered answered);
void host_done(struct host *host);

bool host_attached(const struct host *host);

/* Whether it is worth asking: one is attached, or was when an earlier czoned ended, and has not had the time
 * yet to come back. Signals wait for it. */
bool host_expected(const struct host *host);

/* Takes the running call of the connection (with more) as the host's stream; an earlier one ends with
 * Replaced. Returns 0 or a negative errno, then nothing was answered. */
int host_attach(struct host *host, struct varlink_connection *connection, const char *driver,
                uint64_t max_bytes);

/* Asks for at least `bytes` of new memory. owner is told what became of it. Returns the signal's id, 0
 * without memory. */
uint64_t host_plug(struct host *host, uint64_t bytes, const char *tier, const char *zone, void *owner);

/* Asks the host to take a range back. owner NULL: nobody needs to know, and what of it is idle and online
 * goes offline first. Returns as host_plug(). */
uint64_t host_unplug(struct host *host, struct czone_range range, const char *zone, void *owner);

/* Sends an unplug that was held. */
void host_send_held(struct host *host, struct signal *signal);

/* Whether a plug was given up so recently that memory that comes now is about to go again. */
bool host_takes_back(const struct host *host);

/* Offers memory that lies idle to the host, if that is due and no memory is on its way in: what is there now
 * may be part of what is still coming. Call it whenever a plug is settled. */
void host_offer_idle(struct host *host);

/* Sets host_offer_idle() going: now, or (soon false) after a while that grows with each try. */
void host_offer_later(struct host *host, bool soon);

/* For the retry timer. */
void host_on_retry(evutil_socket_t fd, short what, void *data);

/* Gives a plug up and tells the host so. */
void host_cancel(struct host *host, uint64_t id);

/* What Report carries. */
struct host_report {
    bool ok;
    int64_t start, bytes, limit;                     /* -1 when absent */
    const char *session, *device, *reason, *message; /* device, reason, message: "" when absent */
    int64_t id;
};

/* Returns 0, -ESTALE (no such session), -ENOENT (no such signal) or -EINVAL (reason says what makes no
 * sense).
 */
int host_report(struct host *host, const struct host_report *report, struct reason *reason);

/* Looks whether memory that the host has confirmed to have taken is gone here as well; call it whenever the
 * view of the machine changed. */
void host_check_departed(struct host *host);

/* Events were lost: counts anew what is still to go. */
void host_recount(struct host *host);

/* The region on loan that the range lies in, or the range itself. */
struct czone_range host_loan_of(const struct host *host, struct czone_range range);

/* That region is not on loan any more. */
void host_end_loan(struct host *host, struct czone_range range);

#endif
