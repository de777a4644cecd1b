/* SPDX-License-Identifier: Apache-2.0 */
#ifndef OCI_CONSOLE_H
#define OCI_CONSOLE_H

/* The terminal that the caller of create gets: its own end goes over --console-socket, the other is the
 * stand-in's, which carries bytes between it and the terminal that the container has. */

/*
 * Makes a terminal and sends its master to whom listens on a Unix socket.
 *
 * @ret_slave  raw, so that only the container's own terminal edits lines; the caller's
 *
 * Returns 0, -ENAMETOOLONG, or errors of posix_openpt(3), connect(2) and sendmsg(2).
 */
int console_open(const char *socket_path, int *ret_slave);

#endif
