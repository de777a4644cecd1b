/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/oci/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/oci/part.h"
#include "proto/cleanup.h"
#include "proto/text.h"

/* Does a member ask for anything? Writers leave the empty ones in. */
static bool asks(const json_t *value)
{
    const char *key;
    const json_t *member;

    if (json_is_object(value)) {
        json_object_foreach((json_t *)value, key, member)
            if (asks(member))
                return true;
        return false;
    }
    if (json_is_array(value))
        return json_array_size(value) > 0;
    if (json_is_string(value))
        return json_string_length(value) > 0;
    return value != NULL && !json_is_null(value) && !json_is_false(value);
}

static void append(char *place, size_t size, const char *dot, const char *key)
{
    size_t used = strlen(place);

    (void)snprintf(place + used, size - used, "%s%.64s", dot, key);
}

/* Refuses a value by the member of it that is the first to ask for something. */
static int refuse_value(struct oci_reading *reading, const json_t *value, char *place, size_t size)
{
    while (json_is_object(value)) {
        const json_t *inner = NULL, *member;
        const char *key, *found = "";

        json_object_foreach((json_t *)value, key, member)
            if (inner == NULL && asks(member)) {
                inner = member;
                found = key;
            }
        append(place, size, ".", found);
        value = inner;
    }
    return varlink_fault_set(reading->fault, place,
                             "is not supported by the native launcher: leave it out of config.json, or let a "
                             "runtime that has it run the bundle");
}

int oci_refuse(struct oci_reading *reading, json_t *object, const char *place, const char *const *names)
{
    for (; *names != NULL; names++) {
        json_t *value = json_object_get(object, *names);
        char path[sizeof(reading->fault->parameter)] = "";

        append(path, sizeof(path), place, "");
        append(path, sizeof(path), place[0] != '\0' ? "." : "", *names);
        if (asks(value))
            return refuse_value(reading, value, path, sizeof(path));
        (void)json_object_del(object, *names);
    }
    return 0;
}

int oci_decode(struct oci_reading *reading, json_t *object, const char *place,
               const struct varlink_field *fields, size_t n_fields, void *target)
{
    if (place[0] == '\0')
        return varlink_fields_decode(object, fields, n_fields, 0, target, reading->fault);
    return varlink_object_decode(object, place, fields, n_fields, 0, target, reading->fault);
}

int oci_put(struct oci_reading *reading, const char *parameter, json_t *value)
{
    return json_object_set_new(reading->spawn, parameter, value) < 0 ? -ENOMEM : 0;
}

json_t *oci_path(const struct oci_reading *reading, const char *path)
{
    return path[0] == '/' ? json_string(path) : json_sprintf("%s/%s", reading->bundle, path);
}

struct root {
    const char *path;
    bool read_only;
};

static int read_root(struct oci_reading *reading, json_t *value)
{
    static const struct varlink_field fields[] = {
        { "path", VARLINK_STRING, offsetof(struct root, path), VARLINK_REQUIRED, .min = 1, .max = 4095 },
        { "readonly", VARLINK_BOOL, offsetof(struct root, read_only), .flags = 0 },
    };
    struct root root = { 0 };
    int r = oci_decode(reading, value, "root", fields, ELEMENTS(fields), &root);

    if (r < 0)
        return r;
    r = oci_put(reading, "root", oci_path(reading, root.path));
    return r == 0 && root.read_only ? oci_put(reading, "read_only", json_true()) : r;
}

/* "1.0.2-dev": the major version is what decides. */
static bool version_known(const char *version)
{
    if (strncmp(version, "1.", 2) != 0)
        return false;
    version += 2;
    for (int part = 0; part < 2; part++) {
        size_t digits = strspn(version, "0123456789");

        version += digits;
        if (digits == 0 || (part == 0 && *version++ != '.'))
            return false;
    }
    return *version == '\0' || *version == '-' || *version == '+';
}

struct config {
    const char *version, *hostname;
    json_t *root, *process, *mounts, *linux_part, *annotations;
};

static int read_all(struct oci_reading *reading, json_t *document)
{
    static const char *const refused[] = { "hooks", "domainname", "solaris", "windows",
                                           "vm",    "zos",        "freebsd", NULL };
    static const struct varlink_field fields[] = {
        { "ociVersion", VARLINK_STRING, offsetof(struct config, version), VARLINK_REQUIRED, .min = 1,
          .max = 64 },
        { "root", VARLINK_OBJECT, offsetof(struct config, root), VARLINK_REQUIRED, .min = 0 },
        { "process", VARLINK_OBJECT, offsetof(struct config, process), VARLINK_REQUIRED, .min = 0 },
        { "linux", VARLINK_OBJECT, offsetof(struct config, linux_part), VARLINK_REQUIRED, .min = 0 },
        { "hostname", VARLINK_STRING, offsetof(struct config, hostname), .max = 64 },
        { "mounts", VARLINK_OBJECTS, offsetof(struct config, mounts), .count_max = 256 },
        { "annotations", VARLINK_MAP, offsetof(struct config, annotations), .max = 65536, .count_max = 1024 },
    };
    struct config config = { 0 };
    int r = oci_refuse(reading, document, "", refused);

    if (r == 0)
        r = oci_decode(reading, document, "", fields, ELEMENTS(fields), &config);
    if (r == 0 && !version_known(config.version))
        r = varlink_fault_set(reading->fault, "ociVersion",
                              "is %s, and must be a version 1.x.y of the runtime specification",
                              config.version);
    if (r == 0)
        r = read_root(reading, config.root);
    if (r == 0)
        r = oci_process_read(reading, config.process);
    if (r == 0 && config.hostname != NULL && config.hostname[0] != '\0')
        r = oci_put(reading, "hostname", json_string(config.hostname));
    /* Mounts may repeat them. */
    reading->uids = json_object_get(config.linux_part, "uidMappings");
    reading->gids = json_object_get(config.linux_part, "gidMappings");
    if (r == 0)
        r = oci_mounts_read(reading, config.mounts);
    return r == 0 ? oci_linux_read(reading, config.linux_part) : r;
}

int oci_document_read(const char *text, size_t length, json_t **ret_document, struct varlink_fault *fault)
{
    struct reason reason;
    int r;

    if (length > OCI_CONFIG_MAX)
        return varlink_fault_set(fault, "config.json", "is longer than %zu bytes", OCI_CONFIG_MAX);
    r = varlink_text_parse(text, length, ret_document, &reason);
    return r < 0 && r != -ENOMEM ? varlink_fault_set(fault, "config.json", "%s", reason.text) : r;
}

int oci_config_read(const char *text, size_t length, const char *bundle, json_t **ret_spawn,
                    struct varlink_fault *fault)
{
    CLEANUP_JSON json_t *document = NULL, *spawn = json_object();
    struct oci_reading reading = { .bundle = bundle, .spawn = spawn, .fault = fault };
    int r;

    if (spawn == NULL)
        return -ENOMEM;
    r = oci_document_read(text, length, &document, fault);
    if (r == 0)
        r = read_all(&reading, document);
    if (r == 0)
        *ret_spawn = TAKE(spawn);
    return r;
}

const char *oci_config_member(const char *parameter)
{
    static const struct {
        const char *parameter, *member;
    } members[] = {
        { "args", "process.args" },
        { "env", "process.env" },
        { "cwd", "process.cwd" },
        { "user", "process.user" },
        { "groups", "process.user.additionalGids" },
        { "umask", "process.user.umask" },
        { "capabilities", "process.capabilities" },
        { "rlimits", "process.rlimits" },
        { "tty", "process.terminal" },
        { "root", "root.path" },
        { "read_only", "root.readonly" },
        { "network", "linux.namespaces" },
        { "userns", "linux.uidMappings" },
        { "memory", "linux.resources.memory.limit" },
        { "pids", "linux.resources.pids.limit" },
    };

    for (size_t i = 0; i < ELEMENTS(members); i++)
        if (strcmp(members[i].parameter, parameter) == 0)
            return members[i].member;
    return parameter;
}
