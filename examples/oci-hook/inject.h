/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_OCI_HOOK_INJECT_H
#define CZONE_OCI_HOOK_INJECT_H

#include <sys/types.h>

#include <czone/policy.h>

/*
 * Makes another process, stopped in a system call, give itself a memory policy: the one way to set the policy
 * of a process that is not ours, since set_mempolicy(2) only knows the caller. The process then goes on with
 * the call it was in.
 *
 * pid: its main thread; the policy of other threads is left alone, exec() keeps that of the thread that calls
 * it. Returns 0, -ENOSYS (not x86-64), -EBUSY (it never rested in a system call), what set_mempolicy() said,
 * or errors of ptrace(2). Blocks for at most a second.
 */
int inject_policy(pid_t pid, const struct czone_policy *policy);

#endif
