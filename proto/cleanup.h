/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_CLEANUP_H
#define PROTO_CLEANUP_H

/*
 * Variables that release what they hold when their scope ends.
 *
 *     CLEANUP_FD int fd = -EBADF;
 *     CLEANUP_FREE char *text = NULL;
 *     CLEANUP_JSON json_t *object = NULL;
 *
 * To hand the value on, take it out: `*ret_fd = take_fd(&fd);`.
 */

#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>

static inline void cleanup_fd(int *fd)
{
    int saved = errno;

    if (*fd >= 0)
        (void)close(*fd);
    errno = saved;
}

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_json(json_t **value)
{
    json_decref(*value);
}

static inline int take_fd(int *fd)
{
    int taken = *fd;

    *fd = -EBADF;
    return taken;
}

#define CLEANUP(function) __attribute__((cleanup(function)))
#define CLEANUP_FD        CLEANUP(cleanup_fd)
#define CLEANUP_FREE      CLEANUP(cleanup_free)
#define CLEANUP_JSON      CLEANUP(cleanup_json)

#define TAKE(pointer)                                                                                        \
    ({                                                                                                       \
        __typeof__(pointer) taken_ = (pointer);                                                              \
        (pointer) = NULL;                                                                                    \
        taken_;                                                                                              \
    })

#endif
