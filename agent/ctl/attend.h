/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_ATTEND_H
#define CTL_ATTEND_H

/*
 * A program in a guest with our stdio, until it ends: of an exec session, or of a container that runs
 * already. A connection that breaks, because czoned restarts, is mended, and no byte is lost or doubled.
 */

#include "agent/ctl/logs.h"
#include "agent/ctl/relay.h"
#include "agent/ctl/stdio.h"

struct attend {
    struct ctl *ctl;
    struct logs logs;
    struct stdio stdio;
    struct relay relay;
    struct follow wait;
    json_t *answer; /* of Wait: when it has come, the program has ended */
    unsigned int signals;
    int signal_fd;
};

/*
 * Shows the output and passes input on, until the program has ended.
 *
 * @attend  zeroed but for ctl, logs.id, logs.exec, logs.offset, logs.from_end, stdio.input, stdio.tty and
 *          stdio.offset; attend_done() in each case
 *
 * Returns EXIT_OK, EXIT_DETACHED (by keys, or a second signal), or a code, having told why.
 */
enum exit_code attend_run(struct attend *attend);
void attend_done(struct attend *attend);

#endif
