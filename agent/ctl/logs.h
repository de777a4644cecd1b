/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_LOGS_H
#define CTL_LOGS_H

/* A container's output, from the guest's log to standard output and standard error, byte for byte: as a local
 * program's would be. What a terminal shows is all standard output. */

#include "agent/ctl/follow.h"

struct logs {
    const struct ctl *ctl;
    struct progress *progress; /* ended by the first output; or NULL */
    const char *id;
    const char *exec; /* of this exec session; NULL: of the container */
    int64_t offset;   /* next byte wanted; -1: the oldest kept */
    bool from_end;    /* with offset -1: only what comes */
    bool eof;
    bool closed;  /* whoever read our standard output or error went away */
    bool midline; /* the last byte was no newline */
    struct follow follow;
};

/* Sets up `logs->follow` to follow the log until its end; ctl, id, offset and progress are set by the caller.
 */
void logs_follow(struct logs *logs);

/* Takes one answer of Logs. Returns EXIT_OK or a code, having told why; when nobody reads our output it sets
 * `closed` and is EXIT_OK. */
enum exit_code logs_take(struct logs *logs, json_t *answer);

/* Parameters of the next Logs call; NULL without memory. */
json_t *logs_parameters(void *logs);

#endif
