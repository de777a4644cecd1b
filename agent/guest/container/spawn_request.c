/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/container/spawn_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/launch/identity.h"
#include "agent/guest/launch/user.h"
#include "agent/guest/oci/bundle.h"
#include "agent/guest/oci/config.h"
#include "agent/guest/oci/runtime.h"
#include "proto/cleanup.h"
#include "proto/frame.h"

/* Replies repeat the arguments, escaped to ASCII: with them, and some KiB for all the rest, a reply has to
 * fit into a message. */
#define ARGS_ENCODED_MAX (VARLINK_MESSAGE_MAX - 16384)
/* PID_MAX_LIMIT of the kernel. */
#define PIDS_MAX 4194304

static const struct varlink_field fields[] = {
    { "args", VARLINK_STRINGS, offsetof(struct spawn_request, args), VARLINK_REQUIRED,
      .max = SPAWN_STRING_MAX, .count_max = SPAWN_COUNT_MAX },
    { "memory", VARLINK_INT, offsetof(struct spawn_request, memory), VARLINK_REQUIRED, .min = 1,
      .max = INT64_MAX },
    { "id", VARLINK_STRING, offsetof(struct spawn_request, id), 0, .min = 1, .max = CZONE_ZONE_NAME_MAX },
    { "env", VARLINK_STRINGS, offsetof(struct spawn_request, env), 0, .min = 1, .max = SPAWN_STRING_MAX,
      .count_max = SPAWN_COUNT_MAX },
    { "cwd", VARLINK_STRING, offsetof(struct spawn_request, cwd), 0, .min = 1, .max = 4095 },
    { "user", VARLINK_STRING, offsetof(struct spawn_request, user), 0, .min = 1, .max = 255 },
    { "groups", VARLINK_INTS, offsetof(struct spawn_request, groups), 0, .max = UINT32_MAX - 1,
      .count_max = LAUNCH_GROUPS_MAX },
    { "umask", VARLINK_INT, offsetof(struct spawn_request, umask), 0, .max = 0777 },
    { "read_only", VARLINK_BOOL, offsetof(struct spawn_request, read_only), .flags = 0 },
    { "capabilities", VARLINK_STRINGS, offsetof(struct spawn_request, capabilities), 0, .min = 1, .max = 64,
      .count_max = 64 },
    { "hostname", VARLINK_STRING, offsetof(struct spawn_request, hostname), 0, .min = 1, .max = 64 },
    { "root", VARLINK_STRING, offsetof(struct spawn_request, root), 0, .min = 1, .max = 4095 },
    LAUNCH_PARTS_FIELDS(struct spawn_request),
    { "bundle", VARLINK_STRING, offsetof(struct spawn_request, bundle), 0, .min = 1, .max = 4095 },
    { "runtime", VARLINK_ENUM, offsetof(struct spawn_request, runtime), 0, .choices = oci_runtime_names },
    { "hold", VARLINK_BOOL, offsetof(struct spawn_request, hold), .flags = 0 },
    { "tier", VARLINK_STRING, offsetof(struct spawn_request, tier), 0, .min = 1, .max = 64 },
    { "pids", VARLINK_INT, offsetof(struct spawn_request, pids), 0, .min = 1, .max = PIDS_MAX },
    { "stdin", VARLINK_BOOL, offsetof(struct spawn_request, input), .flags = 0 },
    { "tty", VARLINK_BOOL, offsetof(struct spawn_request, tty), .flags = 0 },
    { "columns", VARLINK_INT, offsetof(struct spawn_request, columns), 0, .min = 0, .max = UINT16_MAX },
    { "rows", VARLINK_INT, offsetof(struct spawn_request, rows), 0, .min = 0, .max = UINT16_MAX },
    { "key", VARLINK_STRING, offsetof(struct spawn_request, key), 0, .min = 1, .max = 128 },
};

static int check_id(const char *id, struct varlink_fault *fault)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

    if (id == NULL || (id[0] != '.' && id[0] != '-' && id[strspn(id, allowed)] == '\0'))
        return 0;
    return varlink_fault_set(
        fault, "id", "an id has letters, digits, '.', '_' and '-' and begins with neither '.' nor '-'");
}

static int check_capabilities(struct spawn_request *request, struct varlink_fault *fault)
{
    const json_t *name;
    size_t i;

    if (request->capabilities == NULL)
        return 0;
    request->capability_set = 0;
    json_array_foreach(request->capabilities, i, name) {
        uint64_t bit = launch_capability_find(json_string_value(name));
        char place[48];

        if (bit == 0) {
            (void)snprintf(place, sizeof(place), "capabilities[%zu]", i);
            return varlink_fault_set(fault, place,
                                     "is %s, which is not a capability that a container can have",
                                     json_string_value(name));
        }
        request->capability_set |= bit;
    }
    return 0;
}

int spawn_request_groups(json_t *groups, gid_t **ret_ids)
{
    const json_t *group;
    gid_t *ids;
    size_t i;

    if (groups == NULL)
        return 0;
    ids = calloc(json_array_size(groups) + 1, sizeof(*ids));
    if (ids == NULL)
        return -ENOMEM;
    json_array_foreach(groups, i, group)
        ids[i] = (gid_t)json_integer_value(group);
    *ret_ids = ids;
    return 0;
}

static int vector(json_t *strings, const char ***ret_vector)
{
    size_t n = json_array_size(strings);
    const char **out = calloc(n + 1, sizeof(*out));

    if (out == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        out[i] = json_string_value(json_array_get(strings, i));
    *ret_vector = out;
    return 0;
}

int spawn_request_vectors(json_t *args, json_t *env, const char ***ret_argv, const char ***ret_envp,
                          struct varlink_fault *fault)
{
    int r;

    if (json_array_size(args) == 0)
        return varlink_fault_set(fault, "args", "names no program");
    if (json_dumpb(args, NULL, 0, JSON_COMPACT | JSON_ENSURE_ASCII) > ARGS_ENCODED_MAX)
        return varlink_fault_set(fault, "args", "is longer than %zu bytes of JSON in ASCII",
                                 ARGS_ENCODED_MAX);
    r = vector(args, ret_argv);
    return r == 0 && env != NULL ? vector(env, ret_envp) : r;
}

static int decode_plain(struct spawn_request *request, struct varlink_fault *fault)
{
    int r = varlink_fields_decode(request->parameters, fields, ELEMENTS(fields), 0, request, fault);

    if (r < 0)
        return r;
    if (request->runtime != OCI_RUNTIME_NATIVE && request->bundle == NULL)
        return varlink_fault_set(fault, "runtime", "is %s, which needs a bundle",
                                 oci_runtime_names[request->runtime]);
    r = check_id(request->id, fault);
    if (r == 0)
        r = check_capabilities(request, fault);
    if (r == 0)
        r = spawn_request_groups(request->groups, &request->group_ids);
    if (r < 0)
        return r;
    r = launch_parts_decode(&request->parts, fault);
    if (r < 0)
        return r;
    r = spawn_request_vectors(request->args, request->env, &request->argv, &request->envp, fault);
    if (r < 0)
        return r;
    return czone_tier_choice_parse(request->tier, &request->choice) < 0 ? -EDOM : 0;
}

static int decode_bundle(struct spawn_request *request, struct varlink_fault *fault)
{
    json_t *key = json_object_get(request->asked, "key");
    int r;

    request->bundle = json_string_value(json_object_get(request->asked, "bundle"));
    /* Needed where the bundle is no good: the first answer may be repeated when the bundle has gone. */
    request->key = json_string_value(key);
    r = bundle_expand(request->asked, &request->parameters, fault);
    if (r < 0)
        return r == -ENOMEM ? r : -EBADMSG;
    r = decode_plain(request, fault);
    if (r != -EINVAL || json_object_get(request->asked, fault->parameter) != NULL)
        return r;
    (void)snprintf(fault->parameter, sizeof(fault->parameter), "%s", oci_config_member(fault->parameter));
    return -EBADMSG;
}

int spawn_request_decode(struct spawn_request *request, json_t *parameters, struct varlink_fault *fault)
{
    int r = bundle_check(parameters, fault);

    if (r < 0)
        return r;
    if (r > 0) {
        request->asked = json_incref(parameters);
        return decode_bundle(request, fault);
    }
    request->parameters = json_incref(parameters);
    return decode_plain(request, fault);
}

int spawn_request_restore(struct spawn_request *request, json_t *parameters, struct varlink_fault *fault)
{
    request->parameters = json_incref(parameters);
    return decode_plain(request, fault);
}

void spawn_request_done(struct spawn_request *request)
{
    free(request->group_ids);
    launch_parts_done(&request->parts);
    free(request->argv);
    free(request->envp);
    json_decref(request->parameters);
    json_decref(request->asked);
    *request = (struct spawn_request)SPAWN_REQUEST_INIT;
}

void spawn_request_drop_env(struct spawn_request *request)
{
    free(request->envp);
    request->envp = NULL;
    request->env = NULL;
    (void)json_object_del(request->parameters, "env");
}

void spawn_request_launch(const struct spawn_request *request, struct launch_request *ret_launch)
{
    *ret_launch = (struct launch_request)LAUNCH_REQUEST_INIT;
    ret_launch->args = request->argv;
    ret_launch->env = request->envp;
    ret_launch->cwd = request->cwd;
    ret_launch->user = request->user;
    ret_launch->groups = request->group_ids;
    ret_launch->n_groups = json_array_size(request->groups);
    ret_launch->umask = (mode_t)request->umask;
    ret_launch->read_only = request->read_only;
    ret_launch->capabilities = request->capability_set;
    ret_launch->hostname = request->hostname;
    ret_launch->root = request->root;
    launch_parts_fill(&request->parts, ret_launch);
    ret_launch->tmpfs_limit = (uint64_t)request->memory / 2;
    ret_launch->input = request->input || request->tty;
    ret_launch->tty = request->tty;
    ret_launch->columns = (uint16_t)request->columns;
    ret_launch->rows = (uint16_t)request->rows;
}

/* FNV-1a with 128 bits: callers are trusted, only accidents have to be told apart. */
#define FNV_OFFSET (((unsigned __int128)UINT64_C(0x6c62272e07bb0142) << 64) | UINT64_C(0x62b821756295c58d))
#define FNV_PRIME  (((unsigned __int128)1 << 88) | 0x13b)

static int hash(const char *data, size_t size, void *sum)
{
    unsigned __int128 value = *(unsigned __int128 *)sum;

    for (size_t i = 0; i < size; i++)
        value = (value ^ (unsigned char)data[i]) * FNV_PRIME;
    *(unsigned __int128 *)sum = value;
    return 0;
}

int spawn_request_fingerprint(const struct spawn_request *request, struct fingerprint *ret_fingerprint)
{
    CLEANUP_JSON json_t *canonical = json_object();
    unsigned __int128 sum = FNV_OFFSET;
    const char *name;
    json_t *value;

    if (canonical == NULL)
        return -ENOMEM;
    json_object_foreach(request->asked != NULL ? request->asked : request->parameters, name, value) {
        if (strcmp(name, "key") == 0 || json_is_null(value))
            continue;
        if (json_object_set(canonical, name, value) < 0)
            return -ENOMEM;
    }
    if (json_dump_callback(canonical, hash, &sum, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENSURE_ASCII) < 0)
        return -ENOMEM;
    ret_fingerprint->word[0] = (uint64_t)(sum >> 64);
    ret_fingerprint->word[1] = (uint64_t)sum;
    return 0;
}

void fingerprint_format(const struct fingerprint *fingerprint, char text[33])
{
    (void)snprintf(text, 33, "%016" PRIx64 "%016" PRIx64, fingerprint->word[0], fingerprint->word[1]);
}

int fingerprint_parse(const char *text, struct fingerprint *ret_fingerprint)
{
    struct fingerprint fingerprint;
    char half[17] = "";

    if (strlen(text) != 32 || text[strspn(text, "0123456789abcdef")] != '\0')
        return -EINVAL;
    memcpy(half, text, 16);
    fingerprint.word[0] = strtoull(half, NULL, 16);
    fingerprint.word[1] = strtoull(text + 16, NULL, 16);
    *ret_fingerprint = fingerprint;
    return 0;
}
