/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_PATH_H
#define GUEST_LAUNCH_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Opens a path below fd with openat2(2), O_CLOEXEC added; resolve: RESOLVE_*. Tries again where the kernel
 * asks for it. Returns the fd or a negative errno. */
int launch_path_open(int fd, const char *path, int flags, uint64_t resolve);

/* The kernel's path of an open file, without a slash at the end ("" for the root). Needs /proc. Returns 0,
 * -ENAMETOOLONG or an error of readlink(2). */
int launch_path_of(int fd, char *buffer, size_t size);

/* Whether a path is at or below another; both as realpath(3) gives them. */
bool launch_path_is_inside(const char *path, const char *other);

#endif
