/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CZONE_CZONE_H
#define CZONE_CZONE_H

/*
 * libczone: exclusive, contiguous zones of guest-physical memory out of hot-plugged NUMA nodes.
 *
 * The life of a zone, as its user sees it:
 *
 *     czone_ctx_new()          once; says where sysfs, proc and the cgroup tree are
 *     czone_zone_reserve()     N bytes: a free node is claimed, a run of its blocks goes online as movable
 *     czone_cgroup_create()    (or _open(), _open_pid() for a runtime that makes its own)
 *     czone_zone_bind()        the cgroup may use the home nodes and the zone, nothing else
 *     czone_zone_policy()      in the parent, then czone_policy_apply() in the child before exec
 *     ... the workload runs, czone_zone_verify() compares with the kernel's own numbers ...
 *     czone_cgroup_kill()      and wait until it is not populated
 *     czone_zone_release()     drops leftovers, takes every block offline; says what would not go and why
 *     czone_zone_retire()      the host has the memory back (or never will): the claim ends
 *
 * Conventions, valid for every function unless its own text says otherwise:
 *   - Return: 0 (or a documented positive value) on success, a negative errno on failure. ret_ parameters
 *     are written on success only.
 *   - A trailing `struct czone_failure *failure` may be NULL. On failure it says stage, node, block and a
 *     sentence for people.
 *   - Returned objects are reference-counted and owned by the caller: drop them with the _unref() of their
 *     noun, which accepts NULL and returns NULL. Returned `const` pointers are borrowed.
 *   - Threads: a context and everything made from it belong to one thread at a time. Different contexts are
 *     independent; claims of different contexts and processes are kept apart by lock files below the run
 *     directory.
 *   - Blocking: each function says whether it can block. Those that can for long have a _start() form that
 *     gives a czone_job.
 *   - The library never prints, never exits, installs no signal handler and has no global state.
 */
#include <czone/cgroup.h>
#include <czone/context.h>
#include <czone/failure.h>
#include <czone/inventory.h>
#include <czone/job.h>
#include <czone/monitor.h>
#include <czone/policy.h>
#include <czone/release.h>
#include <czone/types.h>
#include <czone/verify.h>
#include <czone/zone.h>

#endif
