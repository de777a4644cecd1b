/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/guest/clock.h"
#include "proto/cleanup.h"

static void on_watchdog(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    notify_send(data, "WATCHDOG=1");
}

/* Returns the period in microseconds, 0 when nobody watches us. */
static uint64_t watchdog_period(void)
{
    const char *period = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");

    if (period == NULL || (pid != NULL && strtol(pid, NULL, 10) != getpid()))
        return 0;
    return strtoull(period, NULL, 10);
}

static int arm_watchdog(struct notify *notify, struct event_base *base)
{
    uint64_t period = watchdog_period();
    struct timeval interval;

    if (period == 0)
        return 0;
    interval = clock_timeval(period / 2 * NSEC_PER_USEC);
    notify->watchdog = event_new(base, -1, EV_PERSIST, on_watchdog, notify);
    if (notify->watchdog == NULL || event_add(notify->watchdog, &interval) < 0)
        return -ENOMEM;
    return 0;
}

static int connect_socket(const char *path, int *ret_fd)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    CLEANUP_FD int fd = -EBADF;
    size_t length = strlen(path);

    if (path[0] != '/' && path[0] != '@')
        return -EAFNOSUPPORT;
    if (length >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, length);
    if (path[0] == '@')
        address.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) < 0)
        return -errno;
    *ret_fd = take_fd(&fd);
    return 0;
}

int notify_open(struct notify *notify, struct event_base *base)
{
    const char *path = getenv("NOTIFY_SOCKET");
    int r = 0;

    if (path != NULL && path[0] != '\0') {
        r = connect_socket(path, &notify->fd);
        if (r == 0)
            r = arm_watchdog(notify, base);
    }
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    return r;
}

void notify_send(struct notify *notify, const char *format, ...)
{
    char text[512];
    va_list args;
    int length;

    if (notify->fd < 0)
        return;
    va_start(args, format);
    length = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (length >= (int)sizeof(text))
        length = sizeof(text) - 1;
    if (length > 0)
        (void)send(notify->fd, text, (size_t)length, MSG_NOSIGNAL);
}

void notify_close(struct notify *notify)
{
    if (notify->watchdog != NULL)
        event_free(notify->watchdog);
    notify->watchdog = NULL;
    cleanup_fd(&notify->fd);
    notify->fd = -EBADF;
}
