/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HOST_NOTIFY_H
#define HOST_NOTIFY_H

/*
 * sd_notify(3): tells the service manager, if there is one, lines such as "READY=1". Without NOTIFY_SOCKET,
 * or with one that is no Unix socket, nothing happens; a failure is ignored, as there is nobody else to tell.
 */
void notify_send(const char *lines);

#endif
