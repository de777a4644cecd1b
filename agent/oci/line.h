/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_LINE_H
#define OCI_LINE_H

/*
 * A connection to czoned that carries one call after the other. It is opened when there is a call to make; if
 * it breaks, or czoned cannot do what was asked now, the caller makes its call again after a while. So a line
 * without a call costs nothing, and one that czoned closes for that is not missed.
 */

#include "agent/oci/oci.h"

struct line {
    struct varlink_client *client; /* NULL: not open */
    int64_t not_before;            /* oci_ticks() of the next attempt */
};

/* Whether a call can be made now. */
bool line_ready(const struct line *line);

/* Makes a call; parameters are consumed, NULL is a failed json_pack(). What goes wrong is trouble. */
void line_call(struct line *line, const struct oci *oci, const char *method, json_t *parameters,
               unsigned int flags);

/* The call is to be made again, on another connection, after a while. */
void line_trouble(struct line *line);

/* Closes. */
void line_close(struct line *line);

/* For poll(2): the fd and events to wait for; fd is negative if it is not open. */
struct pollfd line_poll(const struct line *line);

/*
 * Goes on, after poll(2). Returns 1 (a reply, the caller's to empty; call again) or 0. A connection that
 * broke was trouble.
 */
int line_next(struct line *line, short revents, struct varlink_reply *ret_reply);

#endif
