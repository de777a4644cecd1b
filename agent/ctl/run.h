/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_RUN_H
#define CTL_RUN_H

/* One container, from the request to the end of its program or of its memory: what `run` does, in stages. */

#include "agent/ctl/container.h"
#include "agent/ctl/follow.h"
#include "agent/ctl/logs.h"
#include "agent/ctl/relay.h"
#include "agent/ctl/stdio.h"

struct run {
    struct ctl *ctl;
    struct progress progress;
    struct follow events; /* optional: what progress shows */
    struct logs logs;
    struct relay relay;
    struct stdio stdio; /* input and tty are the caller's to set, before run_attend() */
    json_t *spawn;      /* parameters of Spawn, always with a key */
    json_t *answer;     /* the last answer that has a container; owns what `container` points to */
    struct container container;
    const char *until; /* of Wait: exited, returned */
    unsigned int signals;
    bool attended; /* its stdio is ours now */
    int signal_fd;
};

/* Blocks the signals that are forwarded, and SIGPIPE. @spawn  consumed. The caller empties *ret with
 * run_done(). */
enum exit_code run_begin(struct ctl *ctl, json_t *spawn, struct run *ret);
void run_done(struct run *run);

/* Asks for the container; a request whose answer was lost is repeated with the same key. Then `container` is
 * set. */
enum exit_code run_spawn(struct run *run);

/* Shows its output and waits until its program has ended. Then `container` says how. */
enum exit_code run_attend(struct run *run);

/* Waits until its memory is back. */
enum exit_code run_wait_returned(struct run *run);

/* Forgets the container, which is done or failed. */
enum exit_code run_remove(struct run *run);

#endif
