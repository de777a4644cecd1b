/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OUTLET_H
#define CTL_OUTLET_H

/*
 * One of our outputs, written to without ever waiting: whoever reads it may have stopped, and signals and
 * keys must be served all the same. O_NONBLOCK is not set on it: that would be seen by all who share it.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct outlet {
    int fd;
    int own; /* the same pipe or terminal, opened anew; -EBADF: cannot be had */
};

/* @fd  borrowed; what is written before goes through it too, so nothing may be buffered */
void outlet_open(struct outlet *ret, int fd);

/* Accepts a zeroed one. */
void outlet_close(struct outlet *outlet);

/* What poll(2) has to wait for. */
int outlet_fd(const struct outlet *outlet);

/* Returns how many bytes were taken, at least one, -EAGAIN or errors of write(2). */
ssize_t outlet_write(const struct outlet *outlet, const unsigned char *bytes, size_t length);

#endif
