/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_SIGNAL_NAME_H
#define GUEST_CONTAINER_SIGNAL_NAME_H

/* "KILL", "SIGTERM", "15": returns the signal's number, or 0 for what is none. Pure. */
int signal_from_name(const char *name);

#endif
