/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_LOGS_H
#define CTL_LOGS_H

/* A container's output, from the guest's log to standard output and standard error, byte for byte: as a local
 * program's would be. What a terminal shows is all standard output. */

#include "agent/ctl/follow.h"
#include "agent/ctl/outlet.h"

/* Bytes whose turn to be written has not come: whoever reads our output is slow. */
struct logs_rest {
    unsigned char *bytes;
    size_t length, at;
    json_t *pieces;         /* NULL: all of it is standard output */
    size_t next_piece, run; /* bytes left of the piece before that */
};

struct logs {
    const struct ctl *ctl;
    struct progress *progress; /* ended by the first output; or NULL */
    const char *id;
    const char *exec; /* of this exec session; NULL: of the container */
    int64_t offset;   /* next byte wanted; -1: the oldest kept */
    bool from_end;    /* with offset -1: only what comes */
    bool beside_wait; /* that there is no such container (any more) is told by Wait */
    /* Called once when `closed` is set; or NULL. Returns EXIT_OK or a code, having told why. */
    enum exit_code (*on_closed)(void *userdata);
    void *userdata;
    bool eof;
    bool closed;  /* whoever read our standard output or error went away */
    bool midline; /* the last byte was no newline */
    struct follow follow;
    /* Private. */
    struct outlet out, err;
    struct logs_rest rest;
};

/* Sets up `logs->follow` to follow the log until its end; what stands above `eof` is set by the caller, who
 * must not move it any more. */
void logs_follow(struct logs *logs);

/* Takes one answer of Logs, and writes it, however long that takes. Returns EXIT_OK or a code, having told
 * why; when nobody reads our output it sets `closed` and is EXIT_OK. */
enum exit_code logs_take(struct logs *logs, json_t *answer);

/* Parameters of the next Logs call; NULL without memory. */
json_t *logs_parameters(void *logs);

/* What czonectl says next begins on a line of its own, where both are on one terminal. */
void logs_end_line(struct logs *logs);

/* Accepts a zeroed one, and one that was not followed. */
void logs_done(struct logs *logs);

#endif
