/* SPDX-License-Identifier: Apache-2.0 */
#ifndef KEEPER_LINK_H
#define KEEPER_LINK_H

/* The connection to czoned, and the socket where the next czoned will knock. */

#include <stdbool.h>

#include "agent/guest/keeper/wire.h"

struct link {
    int listener;
    int hall;         /* where it listens under a name that nobody looks for; -EBADF: it does not */
    int peer;         /* the newest connection, or -EBADF */
    bool follow;      /* it wants to know when the log grows */
    bool status_due;  /* it has not been told all */
    bool failed_due;  /* nor why the program never ran */
    bool pidfd_given; /* it has the program's pidfd */
};

#define LINK_INIT                                                                                            \
    {                                                                                                        \
        .listener = -EBADF, .hall = -EBADF, .peer = -EBADF                                                   \
    }

/* Listens in a directory where nobody looks, which is most of the work of link_listen(). Returns 0, or errors
 * of socket(2), bind(2), listen(2) and fcntl(2); then link_listen() does all of it. */
int link_prepare(struct link *link, int hall);

/* Somebody else has moved the name to where whoever comes later looks. */
void link_moved(struct link *link);

/* Listens in the run directory, where whoever comes later looks. Returns 0, -EEXIST (another keeper does
 * already, or did), or errors of socket(2), bind(2), listen(2) and renameat2(2). */
int link_listen(struct link *link, int run_dir);

/* Closes all of it. Accepts LINK_INIT. */
void link_close(struct link *link);

/* Serves this connection from now on; the one before is closed. Takes the fd. */
void link_serve(struct link *link, int fd);

/* Accepts one that waits, if it is of our own user. */
void link_accept(struct link *link);

void link_drop(struct link *link);

/* Tells what is due, as far as the peer takes it now: failed, then status. pidfd: the program's, given once
 * to each connection while it runs. */
void link_tell(struct link *link, struct keeper_status *status, struct keeper_failed *failed, int pidfd);

#endif
