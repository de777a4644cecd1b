/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_JOURNAL_H
#define GUEST_JOURNAL_H

/*
 * A file of JSON objects, one per line, that a czoned that starts reads back: the last keys and receipts. A
 * line is written at once and before what it says is told to anybody; one that a crash has cut is passed
 * over.
 */

#include <jansson.h>
#include <stdint.h>

struct journal {
    int dir_fd; /* owned */
    int fd;     /* for appending */
    const char *name;
    uint64_t size; /* bytes in it */
};

#define JOURNAL_INIT                                                                                         \
    {                                                                                                        \
        .dir_fd = -EBADF, .fd = -EBADF                                                                       \
    }

/* Opens or makes the file `name` (static) in a run directory. Returns 0 or errors of openat() and fstat(). */
int journal_open(struct journal *journal, const char *run_dir, const char *name);

/* Accepts JOURNAL_INIT. */
void journal_close(struct journal *journal);

/*
 * Calls fn for each line that is a JSON object, oldest first; it borrows it.
 *
 * Returns 0, -ENOMEM, or errors of reading.
 */
int journal_each(struct journal *journal, void (*fn)(void *data, json_t *entry), void *data);

/* Appends an entry, which is consumed; NULL is -ENOMEM. Returns 0, -EBADF (not open), -ENOMEM or errors of
 * write(); then nothing of it is there. */
int journal_append(struct journal *journal, json_t *entry);

/*
 * Replaces all entries, when those that count are few among those in the file: what it holds is bounded by
 * who keeps them, not by the file.
 *
 * @entries  an array, consumed; NULL is -ENOMEM
 *
 * Returns 0, -EBADF, -ENOMEM or errors of openat(), write() and renameat(); then the file is as it was.
 */
int journal_replace(struct journal *journal, json_t *entries);

#endif
