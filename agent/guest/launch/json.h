/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_JSON_H
#define GUEST_LAUNCH_JSON_H

/*
 * A launch_request as JSON, for its way from czoned to a keeper: one member per field, named as in C, left
 * out where it has its initial value; 64 bits without sign as the signed number with the same bits. What is
 * no value (target, cgroup_fd, policy) travels beside it.
 */

#include <jansson.h>

#include "agent/guest/launch/request.h"
#include "proto/fields.h"

/* Returns a new reference, or NULL: out of memory, or a string that is not UTF-8. */
json_t *launch_json_encode(const struct launch_request *request);

/* A request that owns what it points to. */
struct launch_json {
    struct launch_request request;
    json_t *object; /* its strings live here */
    /* One allocation each. */
    const char **args, **env, **layers;
    gid_t *groups;
    struct launch_extra_mount *mounts;
    struct launch_rlimit *rlimits;
    struct launch_id_range uids[LAUNCH_ID_RANGES_MAX], gids[LAUNCH_ID_RANGES_MAX];
};

#define LAUNCH_JSON_INIT                                                                                     \
    {                                                                                                        \
        .request = LAUNCH_REQUEST_INIT                                                                       \
    }

/* Decodes, strictly. Keeps a reference to the object. Returns 0, -EINVAL (fault says which member) or
 * -ENOMEM; launch_json_clear() in each case. */
int launch_json_decode(struct launch_json *json, json_t *object, struct varlink_fault *fault);

void launch_json_clear(struct launch_json *json);

#endif
