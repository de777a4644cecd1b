/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_KEEPER_LOG_WINDOW_H
#define GUEST_KEEPER_LOG_WINDOW_H

/* A piece of a log's segment, read ahead: a program that writes single bytes makes 40,000 records of one, and
 * none of them may cost a system call. */

#include <sys/types.h>

#define LOG_WINDOW_FIRST 4096
#define LOG_WINDOW_MAX   65536

/* Not filled with zeros each time it is made: log_window_init() sets what counts. */
struct log_window {
    off_t begin;
    size_t length;
    size_t next; /* bytes to read next: more and more, as long as one piece follows the other */
    char data[LOG_WINDOW_MAX];
};

void log_window_init(struct log_window *window);

/*
 * Bytes of the file from `position` on.
 *
 * @size  up to LOG_WINDOW_FIRST
 * @ret   points to them until the next call
 *
 * Returns how many: fewer than size where the file ends, as it was when they were read; or a negative errno.
 */
ssize_t log_window_get(struct log_window *window, int fd, off_t position, size_t size, const char **ret);

#endif
