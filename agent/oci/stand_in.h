/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_STAND_IN_H
#define OCI_STAND_IN_H

/*
 * The process that stands for a container where those who call a runtime expect one of their own: a child
 * they can wait for, with the standard streams they gave. It carries output and input between those streams
 * and czoned, and ends as the container ends, with its status or by its signal. Killing it with SIGKILL does
 * not kill the container; other signals that would end it are ignored.
 */

#include <stdbool.h>

#include "agent/oci/oci.h"

struct stand_in_streams {
    int in, out, err; /* with a terminal all three are its slave */
    bool terminal;
};

/* Runs in the process that calls it, which has just been forked, until the container has ended. container:
 * the name of czoned's. Reaches czoned anew when it is restarted. */
_Noreturn void stand_in_run(const struct oci *oci, const char *container,
                            const struct stand_in_streams *streams);

#endif
