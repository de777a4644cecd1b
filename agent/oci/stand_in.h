/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_STAND_IN_H
#define OCI_STAND_IN_H

/*
 * The process that stands for a program of czoned's where those who call a runtime expect one of their own: a
 * child they can wait for, with the standard streams they gave. It carries input and output between its
 * standard streams and czoned, and ends as the program ends, with its status or by its signal. It stays as
 * long as the program may run: a czoned that is away is waited for, for ever, and nothing is lost meanwhile.
 *
 * Killing it with SIGKILL does not kill the program. Of other signals that of a container takes no notice
 * (kill is the command for that); that of an exec session, which no command can signal, passes them on.
 */

#include "agent/oci/oci.h"

struct stand_in_program {
    const char *container; /* the name of czoned's */
    const char *exec;      /* of the session; NULL: the container's own program */
    bool terminal;         /* it has one, and so have we */
};

/*
 * Makes a stand-in. Of all fds it keeps only the standard streams.
 *
 * @console  the slave of a terminal, which becomes its standard streams; negative: it has ours
 *
 * Returns 0 or errors of fork(2).
 */
int stand_in_fork(const struct oci *oci, const struct stand_in_program *program, int console, pid_t *ret_pid);

/* Becomes one. A terminal on standard input is put into raw mode meanwhile. */
_Noreturn void stand_in_become(const struct oci *oci, const struct stand_in_program *program);

#endif
