/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/guest/launch/rlimit.h"
#include "proto/cleanup.h"

#define MODE_DEFAULT 01777

static int decode_layers(struct launch_parts *parts)
{
    size_t n = json_array_size(parts->layer_list);

    if (parts->layer_list == NULL)
        return 0;
    parts->layers = calloc(n + 1, sizeof(*parts->layers));
    if (parts->layers == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        parts->layers[i] = json_string_value(json_array_get(parts->layer_list, i));
    return 0;
}

struct wire_mount {
    int type;
    const char *source, *target;
    bool read_only, exec;
    int64_t size, mode; /* mode -1: not said */
    int owners;
};

static const char *const mount_types[] = {
    [LAUNCH_MOUNT_BIND] = "bind", [LAUNCH_MOUNT_TMPFS] = "tmpfs", NULL
};

static const char *const owner_names[] = {
    [LAUNCH_OWNERS_SHIFTED] = "shifted", [LAUNCH_OWNERS_KEPT] = "kept", NULL
};

static const struct varlink_field mount_fields[] = {
    VARLINK_FIELD(VARLINK_ENUM, struct wire_mount, type, .flags = VARLINK_REQUIRED, .choices = mount_types),
    VARLINK_FIELD(VARLINK_STRING, struct wire_mount, source, .min = 1, .max = 4095),
    VARLINK_FIELD(VARLINK_STRING, struct wire_mount, target, .flags = VARLINK_REQUIRED, .min = 1,
                  .max = 4095),
    VARLINK_FIELD(VARLINK_BOOL, struct wire_mount, read_only),
    VARLINK_FIELD(VARLINK_BOOL, struct wire_mount, exec),
    VARLINK_FIELD(VARLINK_INT, struct wire_mount, size, .min = 1, .max = INT64_MAX),
    VARLINK_FIELD(VARLINK_INT, struct wire_mount, mode, .min = 0, .max = 07777),
    VARLINK_FIELD(VARLINK_ENUM, struct wire_mount, owners, .choices = owner_names),
};

/* What a type is unless the object says otherwise. */
static struct wire_mount default_mount(json_t *object, enum launch_owners owners)
{
    const char *type = json_string_value(json_object_get(object, "type"));

    return (struct wire_mount){ .read_only = type != NULL && strcmp(type, "bind") == 0,
                                .exec = true,
                                .mode = -1,
                                .owners = (int)owners };
}

static int decode_mount(json_t *list, size_t index, enum launch_owners owners, struct launch_extra_mount *ret,
                        struct varlink_fault *fault)
{
    struct wire_mount wire = default_mount(json_array_get(list, index), owners);
    const char *wrong = NULL;
    bool bind;
    int r;

    r = varlink_objects_decode(list, index, "mounts", mount_fields, ELEMENTS(mount_fields), 0, &wire, fault);
    if (r < 0)
        return r;
    bind = wire.type == LAUNCH_MOUNT_BIND;
    if (bind && wire.source == NULL)
        wrong = "needs a source";
    else if (!bind && wire.source != NULL)
        wrong = "is a tmpfs, which has no source";
    else if (bind && (wire.size != 0 || wire.mode >= 0))
        wrong = "is a bind mount, which has neither size nor mode";
    if (wrong != NULL)
        return varlink_fault_set(fault, "mounts", "mounts[%zu] %s", index, wrong);
    *ret = (struct launch_extra_mount){
        .kind = (enum launch_mount_kind)wire.type,
        .source = wire.source,
        .target = wire.target,
        .attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (wire.read_only ? MOUNT_ATTR_RDONLY : 0) |
                      (wire.exec ? 0 : MOUNT_ATTR_NOEXEC),
        .limit = (uint64_t)wire.size,
        .mode = wire.mode >= 0 ? (unsigned)wire.mode : MODE_DEFAULT,
        .owners = (enum launch_owners)wire.owners,
    };
    return 0;
}

static int decode_mounts(struct launch_parts *parts, struct varlink_fault *fault)
{
    size_t n = json_array_size(parts->mount_list);
    int r = 0;

    if (n == 0)
        return 0;
    parts->mounts = calloc(n, sizeof(*parts->mounts));
    if (parts->mounts == NULL)
        return -ENOMEM;
    for (; r == 0 && parts->n_mounts < n; parts->n_mounts++)
        r = decode_mount(parts->mount_list, parts->n_mounts, parts->users.owners,
                         &parts->mounts[parts->n_mounts], fault);
    return r;
}

struct wire_rlimit {
    const char *name;
    int64_t soft, hard; /* -1: not said, no limit */
};

static const struct varlink_field rlimit_fields[] = {
    VARLINK_FIELD(VARLINK_STRING, struct wire_rlimit, name, .flags = VARLINK_REQUIRED, .min = 1, .max = 32),
    VARLINK_FIELD(VARLINK_INT, struct wire_rlimit, soft, .min = 0, .max = INT64_MAX),
    VARLINK_FIELD(VARLINK_INT, struct wire_rlimit, hard, .min = 0, .max = INT64_MAX),
};

static int decode_rlimit(json_t *list, size_t index, struct launch_rlimit *ret, struct varlink_fault *fault)
{
    struct wire_rlimit wire = { .soft = -1, .hard = -1 };
    int r, resource;

    r = varlink_objects_decode(list, index, "rlimits", rlimit_fields, ELEMENTS(rlimit_fields), 0, &wire,
                               fault);
    if (r < 0)
        return r;
    resource = launch_rlimit_find(wire.name);
    if (resource < 0)
        return varlink_fault_set(fault, "rlimits", "rlimits[%zu]: '%s' is not a resource limit", index,
                                 wire.name);
    *ret = (struct launch_rlimit){
        .resource = resource,
        .soft = wire.soft < 0 ? RLIM_INFINITY : (uint64_t)wire.soft,
        .hard = wire.hard < 0 ? RLIM_INFINITY : (uint64_t)wire.hard,
    };
    return 0;
}

static int decode_rlimits(struct launch_parts *parts, struct varlink_fault *fault)
{
    size_t n = json_array_size(parts->rlimit_list);
    int r = 0;

    if (n == 0)
        return 0;
    parts->rlimits = calloc(n, sizeof(*parts->rlimits));
    if (parts->rlimits == NULL)
        return -ENOMEM;
    for (; r == 0 && parts->n_rlimits < n; parts->n_rlimits++)
        r = decode_rlimit(parts->rlimit_list, parts->n_rlimits, &parts->rlimits[parts->n_rlimits], fault);
    return r;
}

struct wire_network {
    int mode;
    const char *bridge, *gateway;
    json_t *addresses;
};

static const char *const network_modes[] = {
    [LAUNCH_NETWORK_HOST] = "host", [LAUNCH_NETWORK_NONE] = "none", [LAUNCH_NETWORK_VETH] = "veth", NULL
};

static const struct varlink_field network_fields[] = {
    VARLINK_FIELD(VARLINK_ENUM, struct wire_network, mode, .flags = VARLINK_REQUIRED,
                  .choices = network_modes),
    VARLINK_FIELD(VARLINK_STRING, struct wire_network, bridge, .min = 1, .max = 15),
    VARLINK_FIELD(VARLINK_STRINGS, struct wire_network, addresses, .min = 1, .max = 64,
                  .count_max = LAUNCH_ADDRESSES_MAX),
    VARLINK_FIELD(VARLINK_STRING, struct wire_network, gateway, .min = 1, .max = 64),
};

static int decode_network(struct launch_parts *parts, struct varlink_fault *fault)
{
    struct wire_network wire = { 0 };
    int r;

    if (parts->network_object == NULL)
        return 0;
    r = varlink_object_decode(parts->network_object, "network", network_fields, ELEMENTS(network_fields), 0,
                              &wire, fault);
    if (r < 0)
        return r;
    parts->network = (struct launch_network){
        .kind = (enum launch_network_kind)wire.mode,
        .bridge = wire.bridge,
        .n_addresses = json_array_size(wire.addresses),
        .gateway = wire.gateway,
    };
    for (size_t i = 0; i < parts->network.n_addresses; i++)
        parts->network.addresses[i] = json_string_value(json_array_get(wire.addresses, i));
    return 0;
}

struct wire_userns {
    int mode, owners;
    json_t *uids, *gids;
};

static const char *const users_modes[] = {
    [LAUNCH_USERS_HOST] = "host", [LAUNCH_USERS_AUTO] = "auto", [LAUNCH_USERS_MAP] = "map", NULL
};

static const struct varlink_field userns_fields[] = {
    VARLINK_FIELD(VARLINK_ENUM, struct wire_userns, mode, .flags = VARLINK_REQUIRED, .choices = users_modes),
    VARLINK_FIELD(VARLINK_ENUM, struct wire_userns, owners, .choices = owner_names),
    VARLINK_FIELD(VARLINK_OBJECTS, struct wire_userns, uids, .count_max = LAUNCH_ID_RANGES_MAX),
    VARLINK_FIELD(VARLINK_OBJECTS, struct wire_userns, gids, .count_max = LAUNCH_ID_RANGES_MAX),
};

struct wire_range {
    int64_t inside, outside, count;
};

static const struct varlink_field range_fields[] = {
    VARLINK_FIELD(VARLINK_INT, struct wire_range, inside, .flags = VARLINK_REQUIRED, .max = UINT32_MAX - 1),
    VARLINK_FIELD(VARLINK_INT, struct wire_range, outside, .flags = VARLINK_REQUIRED, .max = UINT32_MAX - 1),
    VARLINK_FIELD(VARLINK_INT, struct wire_range, count, .flags = VARLINK_REQUIRED, .min = 1,
                  .max = UINT32_MAX),
};

static int decode_ranges(json_t *list, const char *name, struct launch_id_range *ranges,
                         struct launch_id_map *ret_map, struct varlink_fault *fault)
{
    size_t n = json_array_size(list);

    for (size_t i = 0; i < n; i++) {
        struct wire_range wire = { 0 };
        int r = varlink_objects_decode(list, i, name, range_fields, ELEMENTS(range_fields), 0, &wire, fault);

        if (r < 0)
            return r;
        ranges[i] = (struct launch_id_range){ .inside = (uint32_t)wire.inside,
                                              .outside = (uint32_t)wire.outside,
                                              .count = (uint32_t)wire.count };
    }
    *ret_map = (struct launch_id_map){ .ranges = ranges, .n = n };
    return 0;
}

static int decode_userns(struct launch_parts *parts, struct varlink_fault *fault)
{
    struct wire_userns wire = { 0 };
    size_t n_uids, n;
    int r;

    r = varlink_object_decode(parts->userns_object, "userns", userns_fields, ELEMENTS(userns_fields), 0,
                              &wire, fault);
    if (r < 0)
        return r;
    n_uids = json_array_size(wire.uids);
    n = n_uids + json_array_size(wire.gids);
    if ((wire.mode == LAUNCH_USERS_MAP) != (n > 0))
        return varlink_fault_set(fault, "userns",
                                 n > 0 ? "has uids or gids, which are for mode map"
                                       : "has mode map, which needs uids and gids");
    parts->users_mode = (enum launch_users_mode)wire.mode;
    parts->users.owners = (enum launch_owners)wire.owners;
    if (wire.mode == LAUNCH_USERS_HOST)
        return 0;
    parts->ranges = calloc(n + 1, sizeof(*parts->ranges));
    if (parts->ranges == NULL)
        return -ENOMEM;
    if (wire.mode == LAUNCH_USERS_AUTO) {
        launch_parts_place(parts, 0);
        parts->ranges[0].count = 0; /* no launch takes an empty range for the guest's users */
        return 0;
    }
    r = decode_ranges(wire.uids, "userns.uids", parts->ranges, &parts->users.uids, fault);
    return r == 0 ? decode_ranges(wire.gids, "userns.gids", parts->ranges + n_uids, &parts->users.gids, fault)
                  : r;
}

void launch_parts_place(struct launch_parts *parts, uint32_t first)
{
    parts->ranges[0] = (struct launch_id_range){ .inside = 0, .outside = first, .count = LAUNCH_AUTO_IDS };
    parts->users.uids = parts->users.gids = (struct launch_id_map){ .ranges = parts->ranges, .n = 1 };
}

static json_t *map_to_json(const struct launch_id_map *map)
{
    CLEANUP_JSON json_t *list = json_array();

    for (size_t i = 0; i < map->n; i++)
        if (json_array_append_new(list,
                                  json_pack("{s:I, s:I, s:I}", "inside", (json_int_t)map->ranges[i].inside,
                                            "outside", (json_int_t)map->ranges[i].outside, "count",
                                            (json_int_t)map->ranges[i].count)) < 0)
            return NULL;
    return TAKE(list);
}

json_t *launch_parts_userns(const struct launch_parts *parts)
{
    if (parts->users_mode == LAUNCH_USERS_HOST)
        return NULL;
    return json_pack("{s:s, s:o, s:o, s:s}", "mode", users_modes[parts->users_mode], "uids",
                     map_to_json(&parts->users.uids), "gids", map_to_json(&parts->users.gids), "owners",
                     owner_names[parts->users.owners]);
}

int launch_parts_decode(struct launch_parts *parts, struct varlink_fault *fault)
{
    int r = decode_layers(parts);

    /* It says what mounts are if they don't say it themselves. */
    if (r == 0 && parts->userns_object != NULL)
        r = decode_userns(parts, fault);
    if (r == 0)
        r = decode_mounts(parts, fault);
    if (r == 0)
        r = decode_rlimits(parts, fault);
    return r == 0 ? decode_network(parts, fault) : r;
}

void launch_parts_done(struct launch_parts *parts)
{
    free(parts->layers);
    free(parts->mounts);
    free(parts->rlimits);
    free(parts->ranges);
    *parts = (struct launch_parts){ 0 };
}

void launch_parts_fill(const struct launch_parts *parts, struct launch_request *launch)
{
    launch->layers = parts->layers;
    launch->writable_limit = (uint64_t)parts->writable;
    launch->scratch = parts->scratch;
    launch->scratch_name = parts->scratch_name[0] != '\0' ? parts->scratch_name : NULL;
    launch->mounts = parts->mounts;
    launch->n_mounts = parts->n_mounts;
    launch->rlimits = parts->rlimits;
    launch->n_rlimits = parts->n_rlimits;
    launch->network = parts->network;
    launch->users = parts->users;
}
