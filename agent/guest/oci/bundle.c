/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/oci/bundle.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/guest/oci/config.h"
#include "agent/guest/oci/outline.h"
#include "agent/guest/oci/runtime.h"
#include "proto/cleanup.h"

/* What a config.json does not say, or not necessarily. */
static const char *const beside[] = { "bundle", "runtime", "memory", "id",   "tier",
                                      "pids",   "key",     "stdin",  "hold", NULL };

static bool may_stand_beside(const char *parameter)
{
    for (size_t i = 0; beside[i] != NULL; i++)
        if (strcmp(beside[i], parameter) == 0)
            return true;
    return false;
}

int bundle_check(json_t *request, struct varlink_fault *fault)
{
    const json_t *bundle = json_object_get(request, "bundle"), *value;
    const char *name, *path = json_string_value(bundle);

    if (bundle == NULL || json_is_null(bundle))
        return 0;
    if (path == NULL || path[0] != '/' || json_string_length(bundle) != strlen(path) || strlen(path) > 4095)
        return varlink_fault_set(fault, "bundle", "must be the absolute path of a directory in the guest");
    json_object_foreach(request, name, value)
        if (!json_is_null(value) && !may_stand_beside(name))
            return varlink_fault_set(fault, name,
                                     "does not go with bundle: it comes from the bundle's config.json");
    return 1;
}

static int fail(struct varlink_fault *fault, int error, const char *path, const char *what)
{
    (void)varlink_fault_set(fault, "config.json", "%s/config.json cannot be read: %s", path, what);
    return error;
}

/* *ret_text: freed by the caller. */
static int read_config(const char *path, char **ret_text, size_t *ret_length, struct varlink_fault *fault)
{
    CLEANUP_FD int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    CLEANUP_FREE char *text = NULL;
    CLEANUP_FD int fd = -EBADF;
    size_t length = 0;
    struct stat st;
    ssize_t n;

    if (folder < 0)
        return fail(fault, -errno, path, strerror(errno));
    fd = openat(folder, "config.json", O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &st) < 0)
        return fail(fault, -errno, path, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return fail(fault, -EINVAL, path, "it is no regular file");
    /* One more than allowed, so that a longer one is seen as such. */
    text = malloc(OCI_CONFIG_MAX + 1);
    if (text == NULL)
        return -ENOMEM;
    do {
        n = read(fd, text + length, OCI_CONFIG_MAX + 1 - length);
        if (n < 0 && errno != EINTR)
            return fail(fault, -errno, path, strerror(errno));
        length += n > 0 ? (size_t)n : 0;
    } while (n != 0 && length <= OCI_CONFIG_MAX);
    *ret_text = TAKE(text);
    *ret_length = length;
    return 0;
}

/* Puts the request's own parameters over what the config gives. */
static int merge(json_t *request, json_t *spawn, struct varlink_fault *fault)
{
    json_t *value;
    const char *name;

    json_object_foreach(request, name, value) {
        const json_t *limit = json_object_get(spawn, name);

        if (json_is_null(value) || strcmp(name, "bundle") == 0)
            continue;
        if (limit != NULL && !json_equal((json_t *)limit, value))
            return varlink_fault_set(fault, oci_config_member(name),
                                     "is %" JSON_INTEGER_FORMAT
                                     ", and the request asks for another figure: give it in one place",
                                     json_integer_value(limit));
        if (json_object_set(spawn, name, value) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Whether another than the native launcher is to run it. What is none is told when the request is decoded. */
static bool runtime_asked(const json_t *request)
{
    const char *runtime = json_string_value(json_object_get(request, "runtime"));

    return runtime != NULL && strcmp(runtime, oci_runtime_names[OCI_RUNTIME_NATIVE]) != 0;
}

int bundle_expand(json_t *request, json_t **ret_spawn, struct varlink_fault *fault)
{
    CLEANUP_FREE char *path = strdup(json_string_value(json_object_get(request, "bundle")));
    CLEANUP_JSON json_t *spawn = NULL;
    CLEANUP_FREE char *text = NULL;
    size_t length = 0;
    int r;

    if (path == NULL)
        return -ENOMEM;
    r = read_config(path, &text, &length, fault);
    if (r < 0)
        return r;
    for (size_t n = strlen(path); n > 0 && path[n - 1] == '/'; n--)
        path[n - 1] = '\0';
    if (runtime_asked(request))
        r = oci_outline_read(text, length, &spawn, fault);
    else
        r = oci_config_read(text, length, path, &spawn, fault);
    if (r == 0)
        r = merge(request, spawn, fault);
    if (r == 0 && runtime_asked(request))
        r = json_object_set_new(spawn, "bundle", json_string(path)) < 0 ? -ENOMEM : 0;
    if (r == 0 && json_object_get(spawn, "memory") == NULL)
        r = varlink_fault_set(fault, oci_config_member("memory"),
                              "is missing, and so is memory in the request: a zone needs a size");
    if (r == 0)
        *ret_spawn = TAKE(spawn);
    return r;
}
