/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_SECCOMP_H
#define GUEST_LAUNCH_SECCOMP_H

/*
 * The system call filter of containers: a list of what is allowed (launch/syscalls.h), which follows Docker's
 * default profile. It leaves out what would undo a zone (memory policies), reach the host past the daemon
 * (AF_VSOCK, also through io_uring, which seccomp can't look into), open the kernel's less hardened parts
 * (user and other namespaces, bpf, perf, userfaultfd, keys, which have no namespace, rare socket families),
 * or be what only a missing capability stops today.
 *
 * Answers: EPERM for what programs know; EAFNOSUPPORT for a socket family, which makes them try the next one;
 * ENOSYS for everything else, clone3 among it, whose flags a filter can't see, so that the libc falls back to
 * clone. Another architecture's system calls end the process with SIGSYS.
 */

/*
 * Compiles the filter into a sealed memfd, so that it is made once and whoever launches needs no libseccomp
 * (launch/filter.h). The caller owns the fd, which is close-on-exec. Returns 0 or a negative errno of
 * libseccomp, memfd_create() or fcntl().
 */
int launch_seccomp_compile(int *ret_filter);

/*
 * The same filter in two parts, one on top of the other, for a standby (launch/standby.h): loading a filter
 * of this length is the longest single step of a start. Under the first, which it has
 * while it waits, it can still set up a root and a memory policy; the second, of a few instructions, denies
 * that. As launch_seccomp_compile() besides.
 */
int launch_seccomp_compile_standby(int *ret_setting_up, int *ret_running);

/*
 * The filter of an OCI runtime and all it starts: everything is allowed but what would undo a zone or reach
 * the host past the daemon (memory policies, memfd_secret, io_uring, AF_VSOCK), with the same answers. The
 * runtime adds what its bundle asks for. As launch_seccomp_compile() besides.
 */
int launch_seccomp_compile_runtime(int *ret_filter);

#endif
