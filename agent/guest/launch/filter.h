/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_FILTER_H
#define GUEST_LAUNCH_FILTER_H

/* A compiled system call filter (launch/seccomp.h) on its way into a container. */

#include <linux/filter.h>

/* Reads the filter out of its memfd, whose position does not matter. The caller frees ret->filter. Returns 0,
 * -ENOMEM, -EINVAL (no filter, or one too long for the kernel) or errors of fstat() and pread(). */
int launch_filter_read(int fd, struct sock_fprog *ret);

/* Puts the filter on the calling thread, which must have no_new_privs or CAP_SYS_ADMIN. Async-signal-safe.
 * Returns 0 or a negative errno of seccomp(2). */
int launch_filter_apply(const struct sock_fprog *filter);

#endif
