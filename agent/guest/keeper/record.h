/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_KEEPER_RECORD_H
#define GUEST_KEEPER_RECORD_H

/*
 * The file `status` in a program's run directory: what is known of the program when its keeper is not there
 * to be asked. The keeper makes it in full size before it launches, and changes it in place after that, so no
 * full disk can hide how a program ended.
 */

#include "agent/guest/keeper/wire.h"

struct keeper_record {
    struct keeper_status status;
    char reserved[512 - sizeof(struct keeper_status)]; /* for the status to grow into */
    struct keeper_failed failed;                       /* counts with KEEPER_REFUSED */
};

/*
 * Reads it. Returns 0, -ENOENT (the keeper died before it launched anything: nothing ever ran), -EBADMSG (not
 * such a file), or errors of openat(2) and read(2).
 *
 * If the keeper is gone, KEEPER_ENDED and KEEPER_REFUSED are the truth, and any other state means that it was
 * killed.
 */
int keeper_record_read(int run_dir, struct keeper_record *ret);

/* For the keeper: makes the file. Returns its fd (the caller's), -EEXIST, or errors of openat(2) and
 * write(2). */
int keeper_record_create(int run_dir, const struct keeper_record *record);

/* For the keeper: brings it up to date. Returns 0 or errors of pwrite(2). */
int keeper_record_update(int fd, const struct keeper_record *record);

#endif
