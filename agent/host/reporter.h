/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_REPORTER_H
#define HOST_REPORTER_H

/*
 * The connection that Report is called on: dialed when there is work, kept while the guest keeps it, one call
 * at a time, in the order given. Lives only as long as a session: reporter_reset() ends all.
 *
 * An error that io.czone.Host.Report does not have is no answer, be it of a guest that is full
 * (TooManyConnections) or of one that has trouble of its own: the connection is given up as if it had broken.
 * Connections that bring no answer are dialed after ever longer pauses, RETRY_MIN_US to RETRY_MAX_US.
 */

#include "agent/host/caller.h"

/* What the guest said to a report. */
enum report_outcome {
    REPORT_ACCEPTED,
    REPORT_NO_SESSION, /* attach anew */
    REPORT_NO_SIGNAL,  /* answered already, expired or cancelled */
    REPORT_BAD,        /* the guest cannot make sense of it */
    REPORT_LOST,       /* sent, and there was no answer: nobody knows whether the guest has it */
    REPORT_UNSENT,     /* the guest does not have it: the session ended before, or it had no place for us */
};

struct reporter;

/* `text`: the guest's words, printable, for the log. */
typedef void (*report_done)(enum report_outcome outcome, const char *text, void *userdata);

/* @address  must outlive the reporter. Returns 0 or -ENOMEM. */
int reporter_new(struct event_base *base, const struct address *address, struct reporter **ret);

/* Reports end without `done`. Accepts NULL. Returns NULL. */
struct reporter *reporter_free(struct reporter *reporter);

/* Work has begun that will be reported: dial now, so that the answer need not wait for it. */
void reporter_prepare(struct reporter *reporter);

/*
 * Queues a report. `done` is called once, never from inside this function.
 *
 * @parameters  consumed
 *
 * Returns 0 or -ENOMEM.
 */
int reporter_send(struct reporter *reporter, json_t *parameters, report_done done, void *userdata);

/* The session is over: closes, and ends all reports with REPORT_LOST or REPORT_UNSENT, from inside this
 * function. */
void reporter_reset(struct reporter *reporter);

/* As caller_shaking(). */
bool reporter_shaking(const struct reporter *reporter);

#endif
