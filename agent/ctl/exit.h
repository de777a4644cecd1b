/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_EXIT_H
#define CTL_EXIT_H

/*
 * What czonectl's exit status says. Stable: scripts depend on it.
 *
 * `czonectl run` exits with the container's status, 0 to 255, or 128 + the number of the signal that killed
 * it. When it fails itself, its status is 120 + the code below, so that 126 and 127 mean what they mean in a
 * shell.
 */

enum exit_code {
    EXIT_OK = 0,
    EXIT_FAILED = 1, /* anything that has no code of its own */
    EXIT_USAGE = 2,  /* the command line, or an argument the guest found wrong */
    EXIT_CONNECTION =
        3,              /* nobody answers, the connection broke, or who answers does not speak our protocol */
    EXIT_REFUSED = 4,   /* guest or host does not allow it, or not in this state */
    EXIT_NO_MEMORY = 5, /* no zone, and none to be had */
    EXIT_CANNOT_RUN = 6, /* root, user or bundle is no good, or the program cannot be executed */
    EXIT_NO_PROGRAM = 7,
    EXIT_NOT_FOUND = 8, /* no such container or zone */
    EXIT_TIMED_OUT = 9,
    EXIT_NOT_EXCLUSIVE =
        10, /* verify: somebody else's pages are in a zone, or the zone's owner has pages elsewhere */
    EXIT_DETACHED = 11, /* a second signal: the container goes on */
};

#define EXIT_RUN_BASE 120

/* What the code means, a few words. Returns NULL for a number that is no code: with this a list of all can be
 * printed. */
const char *exit_text(int code);

/* The status `czonectl run` exits with when it fails with `code` itself. Those that `run` has no number for
 * become EXIT_FAILED's. */
int exit_of_run(enum exit_code code);

/* The status of a shell for a process that ended: `status`, or 128 + `signal` if `signal` is not 0. */
int exit_of_process(int status, int signal);

#endif
