/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/keeper/log_window.h"

#include <errno.h>
#include <stdbool.h>
#include <unistd.h>

void log_window_init(struct log_window *window)
{
    window->begin = 0;
    window->length = 0;
    window->next = LOG_WINDOW_FIRST;
}

static bool has(const struct log_window *window, off_t position)
{
    return position >= window->begin && position <= window->begin + (off_t)window->length;
}

/* Returns 0 or a negative errno. */
static int fill(struct log_window *window, int fd, off_t position)
{
    ssize_t n;

    if (window->length > 0)
        window->next = !has(window, position)              ? LOG_WINDOW_FIRST
                       : 2 * window->next < LOG_WINDOW_MAX ? 2 * window->next
                                                           : LOG_WINDOW_MAX;
    n = pread(fd, window->data, window->next, position);
    if (n < 0)
        return -errno;
    window->begin = position;
    window->length = (size_t)n;
    return 0;
}

ssize_t log_window_get(struct log_window *window, int fd, off_t position, size_t size, const char **ret)
{
    size_t left;
    int r;

    if (!has(window, position) || (size_t)(position - window->begin) + size > window->length) {
        r = fill(window, fd, position);
        if (r < 0)
            return r;
    }
    left = window->length - (size_t)(position - window->begin);
    *ret = window->data + (position - window->begin);
    return (ssize_t)(left < size ? left : size);
}
