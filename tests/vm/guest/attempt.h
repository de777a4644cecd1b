/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VM_GUEST_ATTEMPT_H
#define VM_GUEST_ATTEMPT_H

/*
 * One attempt to get out of a container, or to reach from inside what is not the container's. It is the same
 * code outside a container, where it works: that shows that the attempt is a real one.
 */

#include <stddef.h>

struct attempt {
    const char *name;
    /*
     * argument: what follows the "=" of the verb, or "".
     *
     * Returns 0 if it worked, or the negative errno with which it was refused. What cannot be tried at all
     * (an argument without sense, a helper that failed) ends the process by attempt_unclear().
     */
    int (*run)(const char *argument);
};

/* Ends with a NULL name. One list per kind of attempt, each in a file of that name. */
extern const struct attempt attempts_on_devices[];
extern const struct attempt attempts_on_files[];
extern const struct attempt attempts_on_kernel[];
extern const struct attempt attempts_on_memory[];
extern const struct attempt attempts_on_mounts[];
extern const struct attempt attempts_on_namespaces[];
extern const struct attempt attempts_on_processes[];

/* Result of a system call, which sets errno: 0 or -errno. */
int attempt_result(long result);

/* A number that must be one. */
long attempt_number(const char *text);

/* Says why nothing was tried and exits with ATTEMPT_UNCLEAR. */
_Noreturn void attempt_unclear(const char *why);

/* Exit statuses of the process in which an attempt runs. */
enum { ATTEMPT_WORKED = 0, ATTEMPT_REFUSED = 1, ATTEMPT_UNCLEAR = 3 };

#endif
