/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CLAIMS_H
#define CZONE_CLAIMS_H

#include <czone/zone.h>

#include "core/inventory.h"
#include "core/ledger.h"

/*
 * The claims of all processes, one file each below the run directory:
 *
 *     claims/NAME     key=value lines, replaced as a whole by rename()
 *     claims.lock     flock()ed while a claim is made or changed, or the files are read; holds a counter of
 *                     changes, which moves before each
 *
 * A context keeps a ledger of them and reads the files again only when the counter has moved. A claim of an
 * earlier boot means nothing any more and is removed.
 */
struct claims {
    int run_fd;
    int dir_fd;
    int counter_fd;      /* of claims.lock, to read it, never locked; negative: not open yet */
    uint64_t generation; /* the counter when the ledger was read */
    bool is_read;
    char boot_id[40];
};

/* A held lock. */
struct claims_lock {
    int fd;
};

#define CLAIMS_LOCK_INIT                                                                                     \
    {                                                                                                        \
        .fd = -EBADF                                                                                         \
    }

/* Opens (and creates, 0700) the run directory. claims->boot_id is set by the caller. Returns 0 or a negative
 * errno. */
int claims_open(struct claims *claims, const char *run_root);
void claims_done(struct claims *claims);

/* Brings the ledger up to date, as claims_lock() does, and lets go of the lock again: which it does not even
 * take while nobody has changed anything. Returns as claims_lock(). */
int claims_refresh(struct claims *claims, struct ledger **ledger, struct inventory *inventory,
                   struct czone_failure *failure);

/*
 * Takes the lock of all processes and brings the ledger up to date, whose claims are marked in the inventory.
 * Blocks while another process holds it: for some file operations, never for the kernel's memory work.
 * Returns 0, -EBADMSG (a claim cannot be read: failure names the file) or a negative errno.
 */
int claims_lock(struct claims *claims, struct ledger **ledger, struct inventory *inventory,
                struct claims_lock *ret_lock, struct czone_failure *failure);
void claims_unlock(struct claims_lock *lock); /* accepts one that is not held */

/* Writes a claim, new or changed; the lock is held. Returns 0 or a negative errno. */
int claims_write(struct claims *claims, const struct claims_lock *lock, const struct czone_zone_info *info);

/* Removes a claim; the lock is held. Returns 0 (also when it was gone) or a negative errno. */
int claims_remove(struct claims *claims, const struct claims_lock *lock, const char *name);

#endif
