/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CLEANUP_H
#define CZONE_CLEANUP_H

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#include "core/cleanup.h"

/* cleanup_close int fd = -EBADF; is closed when the scope ends, unless TAKE_FD() took it. */
static inline void cleanup_close_fd(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static inline void cleanup_closedir_dir(DIR **dir)
{
    if (*dir)
        (void)closedir(*dir);
}

#define cleanup_close          __attribute__((cleanup(cleanup_close_fd)))
#define cleanup_closedir       __attribute__((cleanup(cleanup_closedir_dir)))
#define cleanup_with(function) __attribute__((cleanup(function)))

/* The descriptor; the variable becomes -EBADF, so that its cleanup does nothing. */
#define TAKE_FD(fd)                                                                                          \
    ({                                                                                                       \
        int taken_ = (fd);                                                                                   \
        (fd) = -EBADF;                                                                                       \
        taken_;                                                                                              \
    })

#endif
