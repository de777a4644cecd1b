/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_ZONE_MARKS_H
#define GUEST_ZONE_MARKS_H

/*
 * What a czoned that starts must know of the one before it, after a crash: a set of names, each an empty file
 * below the run directory. Claims tell which zones exist, but not whose they are: other programs use libczone
 * as well.
 */

#include <stdbool.h>

struct marks {
    int dir_fd;
};

#define MARKS_INIT                                                                                           \
    {                                                                                                        \
        .dir_fd = -EBADF                                                                                     \
    }

/* Opens the set `name` of a run directory, made if missing. Returns 0 or a negative errno. */
int marks_open(struct marks *marks, const char *run_dir, const char *name);
void marks_close(struct marks *marks);

/* Adds or takes away one name (no slash). A failure is logged: the daemon goes on, a crash would cost memory
 * until the next boot. */
void marks_set(struct marks *marks, const char *name);
void marks_clear(struct marks *marks, const char *name);

/* Whether it is in the set. */
bool marks_has(const struct marks *marks, const char *name);

/* Calls fn for each name, which may set and clear. Returns 0 or a negative errno. */
int marks_each(struct marks *marks, void (*fn)(void *data, const char *name), void *data);

#endif
