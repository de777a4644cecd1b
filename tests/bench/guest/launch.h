/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_GUEST_LAUNCH_H
#define BENCH_GUEST_LAUNCH_H

/*
 * Ways to start a program whose first output is its own time (stamp.c). All functions exit with a message
 * when something fails: what a benchmark measures must have worked.
 */

#include <stdint.h>

/* One start, in nanoseconds of CLOCK_MONOTONIC. */
struct launched {
    uint64_t request;     /* just before it was asked for */
    uint64_t instruction; /* what the program said */
    uint64_t output;      /* when that was read */
};

uint64_t monotonic_ns(void);

_Noreturn void die(const char *what, const char *on);

/*
 * The floor: clone3() into a cgroup that is there already, with new namespaces, and execve(). Nothing is
 * mounted, dropped, filtered or checked.
 *
 * @cgroup      directory that holds cgroups named 0, 1, 2…
 * @index       which of them
 * @flags       CLONE_NEW…
 * @out         becomes the program's stdout; stays the caller's
 *
 * Returns the pid.
 */
int launch_floor(const char *cgroup, unsigned index, uint64_t flags, char *const *argv, int out);

/* fork() and execve() of argv with out as stdout and stderr as it is. Returns the pid. */
int launch_command(char *const *argv, int out);

/* Spawns n containers at once, all asked for before the first is answered, and reads what each says first.
 * They go on running.
 *
 * @socket      of czoned, a path
 * @prefix      of their ids: PREFIX0, PREFIX1…
 * @parameters  of Spawn, JSON without "id"
 */
void launch_czoned(const char *socket, const char *prefix, const char *parameters, unsigned n,
                   struct launched *ret_launched);

/* The time that a program has said. */
uint64_t parse_stamp(const char *text);

#endif
