/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_OPTIONS_H
#define CTL_OPTIONS_H

/*
 * Command line to struct, by tables. Long options `--memory 1G`, `--memory=1G`; letters `-m 1G`, `-m1G`,
 * flags joined `-dq`; `--` ends options. getopt_long(3) is not used: it keeps global state, prints by itself,
 * and its errors do not say what was expected.
 */

#include <stdbool.h>

#include "agent/ctl/verb.h"
#include "proto/reason.h"

/* Where options may be found; the first table that knows a name has it. */
struct option_table {
    const struct option_row *rows; /* may be NULL */
    void *target;
};

/*
 * Reads options and moves them out of the way.
 *
 * @argv         the words to read, without program or verb; arguments are moved to its front
 * @stop         stop at the first argument: what follows it is not looked at
 * @ret_count    how many arguments are at argv's front
 * @reason       what is wrong, for a person
 *
 * Returns 0, -EINVAL or -ENOMEM. Lists in the targets are the caller's, on failure too (options_free()).
 */
int options_parse(const struct option_table *tables, size_t n_tables, char **argv, size_t argc, bool stop,
                  size_t *ret_count, struct reason *reason);

/* Releases the lists a table filled. */
void options_free(const struct option_row *rows, void *target);

#endif
