/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_NOTIFY_H
#define GUEST_NOTIFY_H

/*
 * sd_notify(3) without libsystemd: one datagram per message to $NOTIFY_SOCKET. Without that variable all of
 * it does nothing, the watchdog's timer included.
 */

#include <event2/event.h>

struct notify {
    int fd;
    struct event *watchdog;
};

#define NOTIFY_INIT                                                                                          \
    {                                                                                                        \
        .fd = -EBADF                                                                                         \
    }

/*
 * Connects to the service manager and arms the watchdog if WATCHDOG_USEC and WATCHDOG_PID ask for it, at half
 * its period. Takes the variables out of the environment, so that no child believes they are its own.
 *
 * Returns 0 (also without a service manager), or a negative errno: a socket of a kind we do not speak, or of
 * socket(2) and connect(2).
 */
int notify_open(struct notify *notify, struct event_base *base);

/* Sends lines such as "READY=1\nSTATUS=…". Failure is ignored: the service manager's loss. */
void notify_send(struct notify *notify, const char *format, ...) __attribute__((format(printf, 2, 3)));

void notify_close(struct notify *notify);

#endif
