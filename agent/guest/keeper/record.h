/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_KEEPER_RECORD_H
#define GUEST_KEEPER_RECORD_H

/*
 * The file `status` in a program's run directory: what is known of the program when its keeper is not there
 * to be asked. It is made in full size before anything is launched, by the keeper, or by czoned for a keeper
 * that has yet to read START, and changed in place after that, so no full disk can hide how a program ended.
 */

#include <stdbool.h>

#include "agent/guest/keeper/wire.h"

struct keeper_record {
    struct keeper_status status;
    char reserved[508 - sizeof(struct keeper_status)]; /* for the status to grow into */
    uint32_t let_go; /* 1: with KEEPER_IDLE too the program may run: czoned has let it, after START */
    struct keeper_failed failed; /* counts with KEEPER_REFUSED */
};

/*
 * Reads it. Returns 0, -ENOENT (there is none, or nothing in it yet: nothing ever ran), -EBADMSG (not such a
 * file), or errors of openat(2) and read(2).
 *
 * If the keeper is gone, KEEPER_ENDED and KEEPER_REFUSED are the truth, keeper_record_void() tells that
 * nothing ever ran, and any other state means that it was killed.
 */
int keeper_record_read(int run_dir, struct keeper_record *ret);

/* Whether nothing was ever launched here, unless a keeper is about to: what keeper_record_read() has
 * returned, and read. */
bool keeper_record_void(int result, const struct keeper_record *record);

/* Takes it away, and the name of the keeper, which is gone and has launched nothing: another may begin here.
 */
void keeper_record_clear(int run_dir);

/* For czoned: the program may run from here on, though the keeper has not read START yet. Returns 0 or errors
 * of pwrite(2). */
int keeper_record_let_go(int fd);

/* Makes the file. Returns its fd (the caller's), -EEXIST, or errors of openat(2) and
 * write(2). */
int keeper_record_create(int run_dir, const struct keeper_record *record);

/* Brings it up to date. Returns 0 or errors of pwrite(2). */
int keeper_record_update(int fd, const struct keeper_record *record);

#endif
