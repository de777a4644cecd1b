/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_USER_H
#define GUEST_LAUNCH_USER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "agent/guest/launch/root.h"

#define LAUNCH_GROUPS_MAX 256

/* As whom a container's program runs. */
struct launch_user {
    uid_t uid;
    gid_t gid;
    size_t n_groups;
    gid_t groups[LAUNCH_GROUPS_MAX]; /* supplementary */
    char home[256];                  /* absolute */
};

/*
 * Reads a uid or gid: decimal digits and nothing else, below 2^32 - 1 (which means "no change" to setuid(2)).
 * No sign, space, prefix or leading zero: a number that two parsers could read differently made a container
 * run as root elsewhere (CVE-2026-30892). text ends after length bytes.
 * Returns 0, or -EINVAL (not a number) or -ERANGE. Pure.
 */
int launch_id_parse(const char *text, size_t length, uint32_t *ret_id);

/*
 * Reads "name", "uid" or "uid:gid" against the text of a passwd and a group file (passwd(5), group(5); NULL:
 * no such file). Lines that are not well-formed do not count. Returns 0, -EINVAL (malformed), -ERANGE (number
 * too big), -ENOENT (no such name), -E2BIG (more than LAUNCH_GROUPS_MAX groups). Pure.
 */
int launch_user_parse(const char *spec, const char *passwd, const char *group, struct launch_user *ret_user);

/* Adds supplementary groups that are not among the user's yet. Returns 0 or -E2BIG (more than
 * LAUNCH_GROUPS_MAX in all). Pure. */
int launch_user_add_groups(struct launch_user *user, const gid_t *groups, size_t n);

/* launch_user_parse() with /etc/passwd and /etc/group of the root. spec NULL: 0:0. Returns 0 or
 * failure->error. */
int launch_user_find(const struct launch_root *root, const char *spec, struct launch_user *ret_user,
                     struct launch_failure *failure);

#endif
