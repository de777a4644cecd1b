/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_CONTAINER_SPAWN_REQUEST_H
#define GUEST_CONTAINER_SPAWN_REQUEST_H

/* What a caller of Spawn asks for, decoded and checked as far as that goes without looking at the machine. */

#include <czone/zone.h>

#include "agent/guest/launch/parts.h"
#include "proto/fields.h"

/* 128 bits that tell requests apart, whatever the order of their fields; the key is not part of it. */
struct fingerprint {
    uint64_t word[2];
};

/* Generous for a command line, and small enough that 256 containers cannot fill the home node. */
#define SPAWN_STRING_MAX 65536
#define SPAWN_COUNT_MAX  4096

struct spawn_request {
    json_t *parameters;   /* owned: what follows borrows from it */
    json_t *asked;        /* as it was sent, where parameters were made from a bundle; owned */
    const char *bundle;   /* borrows from it, or from parameters; NULL without a bundle */
    int runtime;          /* enum oci_runtime; another than native needs a bundle */
    json_t *args, *env;   /* arrays of strings; env may be NULL */
    json_t *capabilities; /* array of strings; NULL: all a container can have */
    json_t *groups;       /* array of integers; may be NULL */
    bool read_only;
    const char *id, *cwd, *user, *hostname, *root, *tier, *key; /* NULL when absent; tier never */
    int64_t memory;
    int64_t pids; /* 0: the daemon's default */
    int64_t umask;
    uint64_t capability_set;
    gid_t *group_ids; /* one allocation */
    struct launch_parts parts;
    bool hold;             /* until Start */
    bool input, tty;       /* "stdin", "tty" */
    int64_t columns, rows; /* 0: not said */
    struct czone_tier_choice choice;
    struct fingerprint fingerprint; /* with a key; the caller's to set */
    const char **argv, **envp; /* one allocation each, NULL-terminated, borrowing; envp NULL without env */
};

#define SPAWN_REQUEST_INIT                                                                                   \
    {                                                                                                        \
        .tier = "any", .umask = 022, .capability_set = UINT64_MAX                                            \
    }

/*
 * Decodes the parameters of Spawn and keeps a reference to them; with `bundle` they are made from its
 * config.json first, which may block on the file system it is in.
 *
 * Returns 0, -EINVAL (fault says which field), -EBADMSG (fault says which member of the bundle's config.json;
 * key and bundle are set), -EDOM (the tier's name has not the form of one: answer NoSuchTier) or -ENOMEM.
 */
int spawn_request_decode(struct spawn_request *request, json_t *parameters, struct varlink_fault *fault);

/*
 * Decodes parameters that an earlier spawn_request_decode() left, and that were kept: what a bundle said is
 * in them, it is not read again. Returns as that does, but for -EBADMSG.
 */
int spawn_request_restore(struct spawn_request *request, json_t *parameters, struct varlink_fault *fault);

/*
 * Vectors of arguments and environment, for who has decoded these. env may be NULL.
 *
 * Returns 0, -EINVAL (no argument, or more than replies can repeat: fault says so) or -ENOMEM; then what is
 * set is the caller's to free all the same.
 */
int spawn_request_vectors(json_t *args, json_t *env, const char ***ret_argv, const char ***ret_envp,
                          struct varlink_fault *fault);

/* The integers of `groups` as ids: one allocation, the caller's; *ret_ids is left alone if groups is NULL.
 * Returns 0 or -ENOMEM. */
int spawn_request_groups(json_t *groups, gid_t **ret_ids);

/* Frees what it holds. Accepts one that decode failed on. */
void spawn_request_done(struct spawn_request *request);

/* Frees the environment, which nobody asks for once the program runs. */
void spawn_request_drop_env(struct spawn_request *request);

/* The launcher's view of it, without cgroup and policy. Borrows from the request. */
void spawn_request_launch(const struct spawn_request *request, struct launch_request *ret_launch);

/* Returns 0 or -ENOMEM. */
int spawn_request_fingerprint(const struct spawn_request *request, struct fingerprint *ret_fingerprint);

/* As 32 hexadecimal digits, and back. parse: 0 or -EINVAL. */
void fingerprint_format(const struct fingerprint *fingerprint, char text[33]);
int fingerprint_parse(const char *text, struct fingerprint *ret_fingerprint);

#endif
