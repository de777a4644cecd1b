/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_VERB_H
#define CTL_VERB_H

/*
 * A verb of the command line. Parsing, general help, help of a verb, bash completion and the test of the man
 * page all go by these tables; nothing about a verb is written twice.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/ctl/exit.h"

struct ctl;

enum option_kind {
    OPTION_FLAG,   /* bool */
    OPTION_TEXT,   /* const char *: borrowed from argv */
    OPTION_NUMBER, /* int64_t in [min, max] */
    OPTION_SIZE,   /* int64_t: bytes, see size.h; at least 1 */
    OPTION_LIST,   /* json_t *: array of strings, one per use; must be UTF-8 */
};

struct option_row {
    const char *name; /* long name, without the dashes */
    char letter;      /* or 0 */
    enum option_kind kind;
    size_t offset;     /* of the member whose C type stands beside the kind above */
    const char *value; /* what the value is called in help; NULL for flags */
    const char *help;
    int64_t min, max;
};

enum {
    VERB_COMMAND = 1 << 0, /* options end at the first argument: the rest is another program's command line */
    VERB_CONTAINERS = 1 << 1, /* completion offers containers */
    VERB_VERBS = 1 << 2,      /* completion offers verbs */
    VERB_LOCAL = 1 << 3,      /* talks to nobody: the address is not read */
    VERB_NO_JSON = 1 << 4,    /* --json makes no sense */
    VERB_STATUS = 1 << 5,     /* exits with a program's status; its own failures are exit_of_run() */
};

struct verb {
    const char *name;
    const char *synopsis;  /* of its arguments; options are named by their table */
    const char *summary;   /* one line */
    const char *details;   /* what help adds to it, or NULL */
    unsigned int min, max; /* arguments */
    unsigned int flags;
    const struct option_row *options; /* ends with a row without name; NULL: none */
    size_t options_size;              /* of the struct the offsets are of */
    const void *defaults;             /* such a struct, or NULL: zeroes */

    /* Returns an exit_code, or for `run` what exit_of_process() says. An error has been printed. */
    int (*function)(struct ctl *ctl, const void *options, char **arguments, size_t n_arguments);
};

#define UNLIMITED_ARGUMENTS (~0u)

/* All verbs in the order help shows them; NULL-terminated. */
extern const struct verb *const verbs[];

/* Options that every verb takes, before or behind its name; offsets are of struct ctl_options. */
extern const struct option_row common_options[];

const struct verb *verb_find(const char *name);

#endif
