/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_SECCOMP_H
#define GUEST_LAUNCH_SECCOMP_H

#include <linux/filter.h>

/*
 * The system call filter of containers: a list of what is allowed (launch_syscalls.h), which follows Docker's
 * default profile. It leaves out what would undo a zone (memory policies), reach the host past the daemon
 * (AF_VSOCK, also through io_uring, which seccomp can't look into), open the kernel's less hardened parts
 * (user and other namespaces, bpf, perf, userfaultfd, keys, which have no namespace, rare socket families),
 * or be what only a missing capability stops today.
 *
 * Answers: EPERM for what programs know; EAFNOSUPPORT for a socket family, which makes them try the next one;
 * ENOSYS for everything else, clone3 among it, whose flags a filter can't see, so that the libc falls back to
 * clone. Another architecture's system calls end the process with SIGSYS.
 */

/* Compiles the filter. The caller frees program->filter. Returns 0 or a negative errno of libseccomp,
 * memfd_create() or read(). */
int launch_seccomp_compile(struct sock_fprog *ret_program);

/* Puts the filter on the calling thread, which must have no_new_privs or CAP_SYS_ADMIN. Async-signal-safe.
 * Returns 0 or a negative errno of seccomp(2). */
int launch_seccomp_apply(const struct sock_fprog *program);

#endif
