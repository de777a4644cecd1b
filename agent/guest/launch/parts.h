/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GUEST_LAUNCH_PARTS_H
#define GUEST_LAUNCH_PARTS_H

/* Layers, mounts, resource limits, network and users, from JSON (io.czone.Container.Spawn) to what the
 * launcher takes. */

#include "agent/guest/launch/launch.h"
#include "proto/fields.h"

enum launch_users_mode {
    LAUNCH_USERS_HOST, /* the guest's */
    LAUNCH_USERS_AUTO, /* a range that is found for it: launch_parts_place() */
    LAUNCH_USERS_MAP,  /* the ranges of the request */
};

struct launch_parts {
    /* As the outer table delivers them, borrowed; NULL: absent. */
    json_t *layer_list, *mount_list, *rlimit_list, *network_object, *userns_object;
    int64_t writable; /* bytes; 0: absent */
    const char *scratch;
    char scratch_name[LAUNCH_SCRATCH_NAME_MAX + 1]; /* the caller's to choose, before it is launched */
    /* As the launcher takes them: an allocation each, whose strings are borrowed from the JSON. */
    const char **layers;
    struct launch_extra_mount *mounts;
    size_t n_mounts;
    struct launch_rlimit *rlimits;
    size_t n_rlimits;
    struct launch_network network;
    enum launch_users_mode users_mode;
    struct launch_users users;
    struct launch_id_range *ranges; /* of users */
};

/* Rows for the table of the outer object, whose struct has a member `parts` of this type. */
/* clang-format off */
#define LAUNCH_PARTS_FIELDS(struct_)                                                                         \
    { "layers", VARLINK_STRINGS, offsetof(struct_, parts.layer_list), .min = 1, .max = 4095,                 \
      .count_max = LAUNCH_LAYERS_MAX },                                                                      \
    { "writable", VARLINK_INT, offsetof(struct_, parts.writable), .min = 1, .max = INT64_MAX },              \
    { "scratch", VARLINK_STRING, offsetof(struct_, parts.scratch), .min = 1, .max = LAUNCH_SCRATCH_MAX },     \
    { "mounts", VARLINK_OBJECTS, offsetof(struct_, parts.mount_list), .count_max = LAUNCH_MOUNTS_MAX },      \
    { "rlimits", VARLINK_OBJECTS, offsetof(struct_, parts.rlimit_list), .count_max = LAUNCH_RLIMITS_MAX },   \
    { "network", VARLINK_OBJECT, offsetof(struct_, parts.network_object), .max = 0 },                        \
    { "userns", VARLINK_OBJECT, offsetof(struct_, parts.userns_object), .max = 0 }
/* clang-format on */

/* More than the kernel has: the launcher says what is wrong with those beyond. */
#define LAUNCH_RLIMITS_MAX 32

/* Decodes the lists. Returns 0, -EINVAL (fault says which field) or -ENOMEM; the caller calls
 * launch_parts_done() in each case. */
int launch_parts_decode(struct launch_parts *parts, struct varlink_fault *fault);

/* How many ids a container with LAUNCH_USERS_AUTO gets, as many as a guest without containers uses. */
#define LAUNCH_AUTO_IDS 65536

/* Gives a request with LAUNCH_USERS_AUTO the ids of the guest from `first` on. Without that no launch takes
 * it. */
void launch_parts_place(struct launch_parts *parts, uint32_t first);

/* The users as on the wire, with the ranges they have. Returns a new reference; NULL: out of memory, or the
 * guest's users. */
json_t *launch_parts_userns(const struct launch_parts *parts);

void launch_parts_done(struct launch_parts *parts);

/* Puts them into a launcher's request, which borrows them. */
void launch_parts_fill(const struct launch_parts *parts, struct launch_request *launch);

#endif
