/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEEPER_OUTPUT_H
#define KEEPER_OUTPUT_H

/* One stream of the program's output on its way into the log. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/guest/keeper/log_file.h"

struct output {
    int fd; /* non-blocking; -EBADF: ended */
    enum log_stream stream;
};

#define OUTPUT_INIT                                                                                          \
    {                                                                                                        \
        .fd = -EBADF                                                                                         \
    }

/* Moves what one read() gives. Returns whether there may be more now; if not, it has ended when the fd is
 * gone. */
bool output_read(struct output *output, struct log_writer *log);

/* Moves what a program that has ended left behind, and no more than that even if others go on writing. */
void output_drain(struct output *output, struct log_writer *log);

void output_close(struct output *output);

#endif
