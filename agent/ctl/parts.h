/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CTL_PARTS_H
#define CTL_PARTS_H

/* What options of `run` say in a notation of their own, as Spawn has it. */

#include <jansson.h>

#include "agent/ctl/ctl.h"

/*
 * Mounts, parents before what is mounted inside them, else binds first and in the order given.
 *
 * @binds   array of SOURCE:TARGET[:OPTION,...] with options rw, ro, noexec and owners=OWNERS; NULL: none
 * @tmpfs   array of TARGET[:OPTION,...] with options size=SIZE, mode=OCTAL, ro, rw and noexec; NULL: none
 * @ret     an array, or NULL if there is nothing; the caller's
 *
 * Returns EXIT_OK, or another exit code after it has told why.
 */
enum exit_code parts_mounts(const struct ctl *ctl, const json_t *binds, const json_t *tmpfs, json_t **ret);

/* Resource limits: items is an array of NAME=SOFT[:HARD], numbers or "unlimited"; without HARD both are the
 * same. As parts_mounts(). */
enum exit_code parts_rlimits(const struct ctl *ctl, const json_t *items, json_t **ret);

/* A network: "host", "none", or "bridge=NAME[,address=ADDRESS/PREFIX...][,gateway=ADDRESS]". As
 * parts_mounts(); text may be NULL. */
enum exit_code parts_network(const struct ctl *ctl, const char *text, json_t **ret);

/*
 * Users: "host", "auto", or "uids=INSIDE:OUTSIDE:COUNT[,uids=...][,gids=...]", where groups without gids are
 * mapped as users are; behind the last two ",owners=kept" or ",owners=shifted". As parts_mounts(); text may
 * be NULL.
 */
enum exit_code parts_userns(const struct ctl *ctl, const char *text, json_t **ret);

#endif
