/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/spawn_request.h"

#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"
#include "proto/frame.h"

/* Generous for a command line, and small enough that 256 containers cannot fill the home node. */
#define STRING_MAX 65536
#define COUNT_MAX  4096
/* Replies repeat the arguments, escaped to ASCII: with them, and some KiB for all the rest, a reply has to
 * fit into a message. */
#define ARGS_ENCODED_MAX (VARLINK_MESSAGE_MAX - 16384)
/* PID_MAX_LIMIT of the kernel. */
#define PIDS_MAX 4194304

static const struct varlink_field fields[] = {
    { "args", VARLINK_STRINGS, offsetof(struct spawn_request, args), VARLINK_REQUIRED, .max = STRING_MAX,
      .count_max = COUNT_MAX },
    { "memory", VARLINK_INT, offsetof(struct spawn_request, memory), VARLINK_REQUIRED, .min = 1,
      .max = INT64_MAX },
    { "id", VARLINK_STRING, offsetof(struct spawn_request, id), 0, .min = 1, .max = CZONE_ZONE_NAME_MAX },
    { "env", VARLINK_STRINGS, offsetof(struct spawn_request, env), 0, .min = 1, .max = STRING_MAX,
      .count_max = COUNT_MAX },
    { "cwd", VARLINK_STRING, offsetof(struct spawn_request, cwd), 0, .min = 1, .max = 4095 },
    { "user", VARLINK_STRING, offsetof(struct spawn_request, user), 0, .min = 1, .max = 255 },
    { "hostname", VARLINK_STRING, offsetof(struct spawn_request, hostname), 0, .min = 1, .max = 64 },
    { "root", VARLINK_STRING, offsetof(struct spawn_request, root), 0, .min = 1, .max = 4095 },
    { "tier", VARLINK_STRING, offsetof(struct spawn_request, tier), 0, .min = 1, .max = 64 },
    { "pids", VARLINK_INT, offsetof(struct spawn_request, pids), 0, .min = 1, .max = PIDS_MAX },
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

int spawn_request_decode(struct spawn_request *request, json_t *parameters, struct varlink_fault *fault)
{
    int r;

    request->parameters = json_incref(parameters);
    r = varlink_fields_decode(parameters, fields, ELEMENTS(fields), 0, request, fault);
    if (r < 0)
        return r;
    r = check_id(request->id, fault);
    if (r < 0)
        return r;
    if (json_array_size(request->args) == 0)
        return varlink_fault_set(fault, "args", "names no program");
    if (json_dumpb(request->args, NULL, 0, JSON_COMPACT | JSON_ENSURE_ASCII) > ARGS_ENCODED_MAX)
        return varlink_fault_set(fault, "args", "is longer than %zu bytes of JSON in ASCII",
                                 ARGS_ENCODED_MAX);
    r = vector(request->args, &request->argv);
    if (r == 0 && request->env != NULL)
        r = vector(request->env, &request->envp);
    if (r < 0)
        return r;
    return czone_tier_choice_parse(request->tier, &request->choice) < 0 ? -EDOM : 0;
}

void spawn_request_done(struct spawn_request *request)
{
    free(request->argv);
    free(request->envp);
    json_decref(request->parameters);
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
    ret_launch->hostname = request->hostname;
    ret_launch->root = request->root;
    ret_launch->tmpfs_limit = (uint64_t)request->memory / 2;
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
    json_object_foreach(request->parameters, name, value) {
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
