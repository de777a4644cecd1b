/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/json.h"

#include "proto/cleanup.h"

/* What a czoned may send is what a message may hold (frame.h); this only keeps counts and sizes in range. */
#define STRING_MAX  65536
#define COUNT_MAX   4096
#define ANY_INTEGER .min = INT64_MIN, .max = INT64_MAX
#define ANY_STRING  .max = STRING_MAX
/* A range is three numbers: inside, outside, count. */
#define ID_NUMBERS_MAX ((size_t)3 * LAUNCH_ID_RANGES_MAX)
#define ANY_STRINGS    .max = STRING_MAX, .count_max = COUNT_MAX

/* As it stands in JSON, before it is a request. */
struct members {
    json_t *args, *env, *groups, *layers, *mounts, *rlimits, *network, *uids, *gids;
    const char *cwd, *user, *hostname, *root, *scratch, *scratch_name;
    int64_t umask, capabilities, writable_limit, owners, tmpfs_limit, columns, rows;
    bool read_only, input, tty, runtime;
};

static const struct varlink_field request_fields[] = {
    VARLINK_FIELD(VARLINK_STRINGS, struct members, args, .flags = VARLINK_REQUIRED, ANY_STRINGS),
    VARLINK_FIELD(VARLINK_STRINGS, struct members, env, ANY_STRINGS),
    VARLINK_FIELD(VARLINK_STRING, struct members, cwd, ANY_STRING),
    VARLINK_FIELD(VARLINK_STRING, struct members, user, ANY_STRING),
    VARLINK_FIELD(VARLINK_INTS, struct members, groups, .max = UINT32_MAX, .count_max = COUNT_MAX),
    VARLINK_FIELD(VARLINK_INT, struct members, umask, .max = 0777),
    VARLINK_FIELD(VARLINK_INT, struct members, capabilities, ANY_INTEGER),
    VARLINK_FIELD(VARLINK_STRING, struct members, hostname, ANY_STRING),
    VARLINK_FIELD(VARLINK_STRING, struct members, root, ANY_STRING),
    VARLINK_FIELD(VARLINK_STRINGS, struct members, layers, ANY_STRINGS),
    VARLINK_FIELD(VARLINK_INT, struct members, writable_limit, ANY_INTEGER),
    VARLINK_FIELD(VARLINK_STRING, struct members, scratch, ANY_STRING),
    VARLINK_FIELD(VARLINK_STRING, struct members, scratch_name, ANY_STRING),
    VARLINK_FIELD(VARLINK_BOOL, struct members, read_only),
    VARLINK_FIELD(VARLINK_OBJECTS, struct members, mounts, .count_max = LAUNCH_MOUNTS_MAX),
    VARLINK_FIELD(VARLINK_OBJECTS, struct members, rlimits, .count_max = COUNT_MAX),
    VARLINK_FIELD(VARLINK_OBJECT, struct members, network),
    VARLINK_FIELD(VARLINK_INTS, struct members, uids, .max = UINT32_MAX, .count_max = ID_NUMBERS_MAX),
    VARLINK_FIELD(VARLINK_INTS, struct members, gids, .max = UINT32_MAX, .count_max = ID_NUMBERS_MAX),
    VARLINK_FIELD(VARLINK_INT, struct members, owners, .max = LAUNCH_OWNERS_KEPT),
    VARLINK_FIELD(VARLINK_INT, struct members, tmpfs_limit, ANY_INTEGER),
    VARLINK_FIELD(VARLINK_BOOL, struct members, input),
    VARLINK_FIELD(VARLINK_BOOL, struct members, tty),
    VARLINK_FIELD(VARLINK_INT, struct members, columns, .max = UINT16_MAX),
    VARLINK_FIELD(VARLINK_INT, struct members, rows, .max = UINT16_MAX),
    VARLINK_FIELD(VARLINK_BOOL, struct members, runtime),
};

struct mount_members {
    const char *source, *target;
    int64_t kind, attributes, limit, mode, owners;
};

static const struct varlink_field mount_fields[] = {
    VARLINK_FIELD(VARLINK_INT, struct mount_members, kind, .max = LAUNCH_MOUNT_TMPFS),
    VARLINK_FIELD(VARLINK_STRING, struct mount_members, source, ANY_STRING),
    VARLINK_FIELD(VARLINK_STRING, struct mount_members, target, .flags = VARLINK_REQUIRED, ANY_STRING),
    VARLINK_FIELD(VARLINK_INT, struct mount_members, attributes, ANY_INTEGER),
    VARLINK_FIELD(VARLINK_INT, struct mount_members, limit, ANY_INTEGER),
    VARLINK_FIELD(VARLINK_INT, struct mount_members, mode, .max = 07777),
    VARLINK_FIELD(VARLINK_INT, struct mount_members, owners, .max = LAUNCH_OWNERS_KEPT),
};

struct rlimit_members {
    int64_t resource, soft, hard;
};

static const struct varlink_field rlimit_fields[] = {
    VARLINK_FIELD(VARLINK_INT, struct rlimit_members, resource, .max = INT32_MAX),
    VARLINK_FIELD(VARLINK_INT, struct rlimit_members, soft, ANY_INTEGER),
    VARLINK_FIELD(VARLINK_INT, struct rlimit_members, hard, ANY_INTEGER),
};

struct network_members {
    int64_t kind;
    const char *bridge, *gateway;
    json_t *addresses;
};

static const struct varlink_field network_fields[] = {
    VARLINK_FIELD(VARLINK_INT, struct network_members, kind, .max = LAUNCH_NETWORK_VETH),
    VARLINK_FIELD(VARLINK_STRING, struct network_members, bridge, ANY_STRING),
    VARLINK_FIELD(VARLINK_STRING, struct network_members, gateway, ANY_STRING),
    VARLINK_FIELD(VARLINK_STRINGS, struct network_members, addresses, .max = STRING_MAX,
                  .count_max = LAUNCH_ADDRESSES_MAX),
};

/* These set a member, or leave it out; they return 0 or -1 as jansson does. */

static int set_string(json_t *object, const char *name, const char *value)
{
    return value ? json_object_set_new(object, name, json_string(value)) : 0;
}

static int set_strings(json_t *object, const char *name, const char *const *values)
{
    json_t *array;

    if (!values)
        return 0;
    array = json_array();
    if (json_object_set_new(object, name, array) < 0)
        return -1;
    for (; *values; values++)
        if (json_array_append_new(array, json_string(*values)) < 0)
            return -1;
    return 0;
}

static int set_integer(json_t *object, const char *name, uint64_t value, uint64_t initial)
{
    return value != initial ? json_object_set_new(object, name, json_integer((json_int_t)value)) : 0;
}

static int set_bool(json_t *object, const char *name, bool value)
{
    return value ? json_object_set_new(object, name, json_true()) : 0;
}

static int set_groups(json_t *object, const struct launch_request *request)
{
    json_t *array = request->n_groups > 0 ? json_array() : NULL;

    if (request->n_groups > 0 && json_object_set_new(object, "groups", array) < 0)
        return -1;
    for (size_t i = 0; i < request->n_groups; i++)
        if (json_array_append_new(array, json_integer(request->groups[i])) < 0)
            return -1;
    return 0;
}

static int set_mounts(json_t *object, const struct launch_request *request)
{
    json_t *array = request->n_mounts > 0 ? json_array() : NULL;

    if (request->n_mounts > 0 && json_object_set_new(object, "mounts", array) < 0)
        return -1;
    for (size_t i = 0; i < request->n_mounts; i++) {
        const struct launch_extra_mount *mount = &request->mounts[i];
        json_t *value = json_object();

        if (json_array_append_new(array, value) < 0 || set_integer(value, "kind", mount->kind, 0) < 0 ||
            set_string(value, "source", mount->source) < 0 ||
            set_string(value, "target", mount->target) < 0 ||
            set_integer(value, "attributes", mount->attributes, 0) < 0 ||
            set_integer(value, "limit", mount->limit, 0) < 0 ||
            set_integer(value, "mode", mount->mode, 0) < 0 ||
            set_integer(value, "owners", mount->owners, 0) < 0)
            return -1;
    }
    return 0;
}

static int set_ids(json_t *object, const char *name, const struct launch_id_map *map)
{
    json_t *array = map->n > 0 ? json_array() : NULL;

    if (map->n > 0 && json_object_set_new(object, name, array) < 0)
        return -1;
    for (size_t i = 0; i < map->n; i++)
        if (json_array_append_new(array, json_integer(map->ranges[i].inside)) < 0 ||
            json_array_append_new(array, json_integer(map->ranges[i].outside)) < 0 ||
            json_array_append_new(array, json_integer(map->ranges[i].count)) < 0)
            return -1;
    return 0;
}

static int set_rlimits(json_t *object, const struct launch_request *request)
{
    json_t *array = request->n_rlimits > 0 ? json_array() : NULL;

    if (request->n_rlimits > 0 && json_object_set_new(object, "rlimits", array) < 0)
        return -1;
    for (size_t i = 0; i < request->n_rlimits; i++) {
        const struct launch_rlimit *limit = &request->rlimits[i];
        json_t *value = json_object();

        if (json_array_append_new(array, value) < 0 ||
            set_integer(value, "resource", (uint64_t)limit->resource, 0) < 0 ||
            set_integer(value, "soft", limit->soft, 0) < 0 || set_integer(value, "hard", limit->hard, 0) < 0)
            return -1;
    }
    return 0;
}

static int set_network(json_t *object, const struct launch_network *network)
{
    const char *addresses[LAUNCH_ADDRESSES_MAX + 1] = { NULL };
    json_t *value;

    if (network->kind == LAUNCH_NETWORK_HOST)
        return 0;
    for (size_t i = 0; i < network->n_addresses; i++)
        addresses[i] = network->addresses[i];
    value = json_object();
    if (json_object_set_new(object, "network", value) < 0 ||
        set_integer(value, "kind", network->kind, 0) < 0 ||
        set_string(value, "bridge", network->bridge) < 0 ||
        set_string(value, "gateway", network->gateway) < 0)
        return -1;
    return set_strings(value, "addresses", addresses);
}

json_t *launch_json_encode(const struct launch_request *request)
{
    CLEANUP_JSON json_t *object = json_object();
    const struct launch_request initial = LAUNCH_REQUEST_INIT;

    if (set_strings(object, "args", request->args) < 0 || set_strings(object, "env", request->env) < 0 ||
        set_string(object, "cwd", request->cwd) < 0 || set_string(object, "user", request->user) < 0 ||
        set_groups(object, request) < 0 || set_integer(object, "umask", request->umask, initial.umask) < 0 ||
        set_integer(object, "capabilities", request->capabilities, initial.capabilities) < 0 ||
        set_string(object, "hostname", request->hostname) < 0 ||
        set_string(object, "root", request->root) < 0 || set_strings(object, "layers", request->layers) < 0 ||
        set_integer(object, "writable_limit", request->writable_limit, 0) < 0 ||
        set_string(object, "scratch", request->scratch) < 0 ||
        set_string(object, "scratch_name", request->scratch_name) < 0 ||
        set_bool(object, "read_only", request->read_only) < 0 || set_mounts(object, request) < 0 ||
        set_ids(object, "uids", &request->users.uids) < 0 ||
        set_ids(object, "gids", &request->users.gids) < 0 ||
        set_integer(object, "owners", request->users.owners, 0) < 0 || set_rlimits(object, request) < 0 ||
        set_network(object, &request->network) < 0 ||
        set_integer(object, "tmpfs_limit", request->tmpfs_limit, 0) < 0 ||
        set_bool(object, "input", request->input) < 0 || set_bool(object, "tty", request->tty) < 0 ||
        set_integer(object, "columns", request->columns, 0) < 0 ||
        set_integer(object, "rows", request->rows, 0) < 0 ||
        set_bool(object, "runtime", request->runtime) < 0)
        return NULL;
    return TAKE(object);
}

/* A NULL-terminated vector that borrows the strings. */
static int take_strings(json_t *strings, const char ***ret)
{
    size_t n = json_array_size(strings);
    const char **values;

    if (!strings)
        return 0;
    values = calloc(n + 1, sizeof(*values));
    if (!values)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        values[i] = json_string_value(json_array_get(strings, i));
    *ret = values;
    return 0;
}

static int take_groups(struct launch_json *json, json_t *array)
{
    size_t n = json_array_size(array);

    json->groups = n > 0 ? calloc(n, sizeof(*json->groups)) : NULL;
    if (n > 0 && !json->groups)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        json->groups[i] = (gid_t)json_integer_value(json_array_get(array, i));
    json->request.groups = json->groups;
    json->request.n_groups = n;
    return 0;
}

static int take_mounts(struct launch_json *json, json_t *array, struct varlink_fault *fault)
{
    size_t n = json_array_size(array);

    json->mounts = n > 0 ? calloc(n, sizeof(*json->mounts)) : NULL;
    if (n > 0 && !json->mounts)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct mount_members members = { 0 };
        int r = varlink_objects_decode(array, i, "mounts", mount_fields, ELEMENTS(mount_fields), 0, &members,
                                       fault);

        if (r < 0)
            return r;
        json->mounts[i] = (struct launch_extra_mount){
            .kind = (enum launch_mount_kind)members.kind,
            .source = members.source,
            .target = members.target,
            .attributes = (uint64_t)members.attributes,
            .limit = (uint64_t)members.limit,
            .mode = (unsigned)members.mode,
            .owners = (enum launch_owners)members.owners,
        };
    }
    json->request.mounts = json->mounts;
    json->request.n_mounts = n;
    return 0;
}

static int take_ids(json_t *array, const char *name, struct launch_id_range *ranges,
                    struct launch_id_map *ret_map, struct varlink_fault *fault)
{
    size_t n = json_array_size(array) / 3;

    if (json_array_size(array) != 3 * n)
        return varlink_fault_set(fault, name, "is not made of inside, outside and count");
    for (size_t i = 0; i < n; i++)
        ranges[i] = (struct launch_id_range){
            .inside = (uint32_t)json_integer_value(json_array_get(array, 3 * i)),
            .outside = (uint32_t)json_integer_value(json_array_get(array, 3 * i + 1)),
            .count = (uint32_t)json_integer_value(json_array_get(array, 3 * i + 2)),
        };
    *ret_map = (struct launch_id_map){ .ranges = ranges, .n = n };
    return 0;
}

static int take_rlimits(struct launch_json *json, json_t *array, struct varlink_fault *fault)
{
    size_t n = json_array_size(array);

    json->rlimits = n > 0 ? calloc(n, sizeof(*json->rlimits)) : NULL;
    if (n > 0 && !json->rlimits)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        struct rlimit_members members = { 0 };
        int r = varlink_objects_decode(array, i, "rlimits", rlimit_fields, ELEMENTS(rlimit_fields), 0,
                                       &members, fault);

        if (r < 0)
            return r;
        json->rlimits[i] = (struct launch_rlimit){ .resource = (int)members.resource,
                                                   .soft = (uint64_t)members.soft,
                                                   .hard = (uint64_t)members.hard };
    }
    json->request.rlimits = json->rlimits;
    json->request.n_rlimits = n;
    return 0;
}

static int take_network(struct launch_network *network, json_t *object, struct varlink_fault *fault)
{
    struct network_members members = { 0 };
    int r = varlink_object_decode(object, "network", network_fields, ELEMENTS(network_fields), 0, &members,
                                  fault);

    if (r < 0)
        return r;
    network->kind = (enum launch_network_kind)members.kind;
    network->bridge = members.bridge;
    network->gateway = members.gateway;
    network->n_addresses = json_array_size(members.addresses);
    for (size_t i = 0; i < network->n_addresses; i++)
        network->addresses[i] = json_string_value(json_array_get(members.addresses, i));
    return 0;
}

static void take_plain(struct launch_json *json, const struct members *members)
{
    struct launch_request *request = &json->request;

    request->args = json->args;
    request->env = json->env;
    request->layers = json->layers;
    request->cwd = members->cwd;
    request->user = members->user;
    request->umask = (mode_t)members->umask;
    request->capabilities = (uint64_t)members->capabilities;
    request->hostname = members->hostname;
    request->root = members->root;
    request->writable_limit = (uint64_t)members->writable_limit;
    request->scratch = members->scratch;
    request->scratch_name = members->scratch_name;
    request->read_only = members->read_only;
    request->users.owners = (enum launch_owners)members->owners;
    request->tmpfs_limit = (uint64_t)members->tmpfs_limit;
    request->input = members->input;
    request->tty = members->tty;
    request->columns = (uint16_t)members->columns;
    request->rows = (uint16_t)members->rows;
    request->runtime = members->runtime;
}

int launch_json_decode(struct launch_json *json, json_t *object, struct varlink_fault *fault)
{
    struct members members = { .umask = json->request.umask,
                               .capabilities = (int64_t)json->request.capabilities };
    int r;

    json->object = json_incref(object);
    r = varlink_fields_decode(object, request_fields, ELEMENTS(request_fields), 0, &members, fault);
    if (r == 0)
        r = take_strings(members.args, &json->args);
    if (r == 0)
        r = take_strings(members.env, &json->env);
    if (r == 0)
        r = take_strings(members.layers, &json->layers);
    if (r == 0)
        r = take_groups(json, members.groups);
    if (r == 0)
        r = take_mounts(json, members.mounts, fault);
    if (r == 0)
        r = take_ids(members.uids, "uids", json->uids, &json->request.users.uids, fault);
    if (r == 0)
        r = take_ids(members.gids, "gids", json->gids, &json->request.users.gids, fault);
    if (r == 0)
        r = take_rlimits(json, members.rlimits, fault);
    if (r == 0)
        r = take_network(&json->request.network, members.network, fault);
    if (r == 0)
        take_plain(json, &members);
    return r;
}

void launch_json_clear(struct launch_json *json)
{
    free(json->args);
    free(json->env);
    free(json->layers);
    free(json->groups);
    free(json->mounts);
    free(json->rlimits);
    json_decref(json->object);
    *json = (struct launch_json)LAUNCH_JSON_INIT;
}
