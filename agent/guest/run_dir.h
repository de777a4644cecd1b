/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_RUN_DIR_H
#define GUEST_RUN_DIR_H

/*
 * Directories below the run directory that outlive czoned: one per container, with its state, its keeper's
 * socket, its log. Names come from ids, which have no slash and begin with no dot.
 */

#include <jansson.h>

/*
 * Makes a directory, mode 0700, and opens it.
 *
 * @parent_fd  AT_FDCWD, or the directory it lies in; borrowed
 *
 * Returns 0, -EEXIST (nothing is opened) or errors of mkdirat() and openat().
 */
int run_dir_make(int parent_fd, const char *name, int *ret_fd);

/* Opens one that exists; no symbolic link. Returns 0 or errors of openat(). */
int run_dir_open(int parent_fd, const char *name, int *ret_fd);

/*
 * Calls fn for each name in it that does not begin with a dot, in the order of names; fn may add and remove.
 * Returns 0 or errors of scandir().
 */
int run_dir_each(int dir_fd, void (*fn)(void *data, const char *name), void *data);

/* Removes a directory with all that is in it; what is not there is no error. Returns 0 or the first error of
 * unlinkat() or openat(), having removed what it could. */
int run_dir_remove(int parent_fd, const char *name);

/*
 * Replaces a file by a JSON value in one step: whoever reads, after a crash at any moment too, finds the old
 * or the new one.
 *
 * Returns 0, -ENOMEM or errors of openat(), write() and renameat(); then the file is as it was.
 */
int run_dir_write(int dir_fd, const char *name, const json_t *value);

/* Reads it back. Returns 0, -ENOENT, -EBADMSG (no JSON, or more than RUN_DIR_FILE_MAX), -ENOMEM or errors of
 * openat() and read(). */
int run_dir_read(int dir_fd, const char *name, json_t **ret_value);

/* A request of the longest message, escaped to ASCII, with all the rest, is below this. */
#define RUN_DIR_FILE_MAX ((size_t)2 << 20)

#endif
