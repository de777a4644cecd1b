/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/oci/process.h"

#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

/* Whether a member asks for nothing, so that it says the same as its absence. */
static bool is_empty(const json_t *value)
{
    return value == NULL || json_is_null(value) || json_is_false(value) ||
           (json_is_string(value) && json_string_length(value) == 0) ||
           (json_is_array(value) && json_array_size(value) == 0) ||
           (json_is_object(value) && json_object_size(value) == 0) ||
           (json_is_integer(value) && json_integer_value(value) == 0);
}

static bool is_same(const json_t *value, const json_t *own)
{
    return (is_empty(value) && is_empty(own)) || json_equal(value, own);
}

static bool has(const json_t *list, const char *word)
{
    const json_t *value;
    size_t i;

    json_array_foreach(list, i, value)
        if (json_is_string(value) && strcmp(json_string_value(value), word) == 0)
            return true;
    return false;
}

/* Whether one keeps every capability that the other keeps. As czoned reads a bundle: user 0 keeps what is
 * permitted and bounding, and what is effective or inheritable makes no difference. */
static bool keeps_all_of(const json_t *capabilities, const json_t *other)
{
    const json_t *permitted = json_object_get(other, "permitted"), *name;
    size_t i;

    json_array_foreach(permitted, i, name)
        if (has(json_object_get(other, "bounding"), json_string_value(name)) &&
            !(has(json_object_get(capabilities, "permitted"), json_string_value(name)) &&
              has(json_object_get(capabilities, "bounding"), json_string_value(name))))
            return false;
    return true;
}

/* Other users keep what is ambient. Who lists none has the container's. */
static bool same_capabilities(const json_t *capabilities, const json_t *own)
{
    const json_t *ambient = json_object_get(capabilities, "ambient");

    return is_empty(capabilities) ||
           (keeps_all_of(capabilities, own) && keeps_all_of(own, capabilities) &&
            (is_empty(ambient) || json_equal(ambient, json_object_get(own, "ambient"))));
}

/* The user, unless it is the container's own, which has its groups without being asked. */
static int put_user(const struct oci *oci, const json_t *user, const json_t *own, json_t *request)
{
    const json_t *uid = json_object_get(user, "uid"), *gid = json_object_get(user, "gid"),
                 *umask = json_object_get(user, "umask");
    json_t *groups = json_object_get(user, "additionalGids");
    int r;

    if (!is_empty(umask) && !json_equal(umask, json_object_get(own, "umask")))
        return oci_error(oci, "--process: user.umask is not the container's, and cannot be another");
    if (user == NULL ||
        (is_same(uid, json_object_get(own, "uid")) && is_same(gid, json_object_get(own, "gid")) &&
         is_same(groups, json_object_get(own, "additionalGids"))))
        return EXIT_SUCCESS;
    if (!json_is_integer(uid) || !json_is_integer(gid))
        return oci_error(oci, "--process: user.uid and user.gid must be numbers");
    r = json_object_set_new(request, "user",
                            json_sprintf("%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT,
                                         json_integer_value(uid), json_integer_value(gid)));
    if (r == 0 && json_array_size(groups) > 0)
        r = json_object_set(request, "groups", groups);
    return r < 0 ? oci_error(oci, "out of memory") : EXIT_SUCCESS;
}

/* Members that Exec has a parameter for. Returns 0 or -1 without memory. */
static int put(const json_t *process, json_t *request)
{
    static const char *const names[] = { "args", "env", "cwd" };
    const json_t *size = json_object_get(process, "consoleSize");
    json_t *width = json_object_get(size, "width"), *height = json_object_get(size, "height");
    int r = 0;

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!is_empty(json_object_get(process, names[i])))
            r |= json_object_set(request, names[i], json_object_get(process, names[i]));
    if (json_is_true(json_object_get(process, "terminal")))
        r |= json_object_set_new(request, "tty", json_true());
    if (width != NULL && height != NULL) {
        r |= json_object_set(request, "columns", width);
        r |= json_object_set(request, "rows", height);
    }
    return r;
}

/* Members that Exec has none for. */
static int check_rest(const struct oci *oci, json_t *process, const json_t *own)
{
    static const char *const known[] = { "args", "env", "cwd", "terminal", "consoleSize", "user" };
    const char *name;
    json_t *value;

    json_object_foreach(process, name, value) {
        const json_t *other = json_object_get(own, name);
        bool same =
            strcmp(name, "capabilities") == 0 ? same_capabilities(value, other) : is_same(value, other);

        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
            same |= strcmp(name, known[i]) == 0;
        if (!same)
            return oci_error(oci,
                             "--process: %s is not as its container has it, and a session has the "
                             "container's: leave it out",
                             name);
    }
    return EXIT_SUCCESS;
}

int process_read(const struct oci *oci, const char *path, const json_t *own, json_t *request)
{
    CLEANUP_JSON json_t *process = NULL;

    if (oci_document(oci, path, &process) != EXIT_SUCCESS || check_rest(oci, process, own) != EXIT_SUCCESS ||
        put_user(oci, json_object_get(process, "user"), json_object_get(own, "user"), request) !=
            EXIT_SUCCESS)
        return EXIT_FAILURE;
    return put(process, request) < 0 ? oci_error(oci, "out of memory") : EXIT_SUCCESS;
}
