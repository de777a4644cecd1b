/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_SYSCALLS_H
#define GUEST_LAUNCH_SYSCALLS_H

/*
 * System calls by name, for the filter (launch/seccomp.h). What stands in none of these lists does not exist
 * for a container (ENOSYS), which is what programs expect of calls newer than their kernel.
 */

/* Allowed whatever the arguments: what Docker's default profile allows to a container without further
 * capabilities, less what launch/seccomp.c looks into and what its header says. NULL-terminated. */
extern const char *const launch_syscalls_allowed[];

/* Answered with EPERM: programs know these, and fall back or say what they miss. NULL-terminated. */
extern const char *const launch_syscalls_denied[];

/* Denied likewise, but what a container is set up with: a standby (launch/standby.h) can do it until then.
 * NULL-terminated. */
extern const char *const launch_syscalls_setting_up[];

/* Of both, what not even an OCI runtime gets, nor any container that it makes. NULL-terminated. */
extern const char *const launch_syscalls_denied_runtime[];

#endif
