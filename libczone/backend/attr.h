/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_BACKEND_ATTR_H
#define CZONE_BACKEND_ATTR_H

#include <stddef.h>
#include <stdint.h>

/*
 * Attribute files of sysfs, proc and cgroups: every access of the library to them goes through here. A file
 * is named by a directory fd and a path below it. All but attr_read_all() and attr_read_u64() are
 * async-signal-safe.
 */

/* Longest path below a directory fd: a block and its attribute. */
#define ATTR_PATH_MAX 64

/*
 * Reads a whole small file: NUL-terminated, one trailing newline cut. Returns the length or a negative errno;
 * -ENOBUFS if it does not fit (never a cut value).
 */
int attr_read(int dir_fd, const char *path, char *buffer, size_t size);

/* Reads a file of any length. *ret_text: free() it. Returns the length or a negative errno. */
int attr_read_all(int dir_fd, const char *path, char **ret_text);

/* Reads one number; base as for strtoull(). -EINVAL if there is anything else in the file. */
int attr_read_u64(int dir_fd, const char *path, int base, uint64_t *ret_value);

/* Writes a value with one write(). Returns 0 or a negative errno; -EIO for a short write. */
int attr_write(int dir_fd, const char *path, const char *value);

/*
 * Builds "<prefix><number><suffix>" without stdio. Returns 0 or -ENAMETOOLONG.
 */
int attr_path(char *buffer, size_t size, const char *prefix, uint64_t number, const char *suffix);

/*
 * The number behind a prefix, as in "memory12": returns 0 or -EINVAL when the name is not the prefix and one
 * decimal number.
 */
int attr_number(const char *name, const char *prefix, uint64_t *ret_number);

#endif
