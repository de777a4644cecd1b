/* SPDX-License-Identifier: Apache-2.0 */
/* `mounts` of a config.json. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/guest/oci/part.h"
#include "proto/cleanup.h"

struct mount_row {
    const char *destination, *type, *source;
    json_t *options, *uids, *gids;
};

/* Options that say what the launcher does with its own mounts anyway, or what no program notices: these file
 * systems have no access times, device files or programs of use. */
static const char *const common[] = { "nosuid",  "nodev",    "noexec",   "relatime",    "noatime",
                                      "private", "rprivate", "defaults", "strictatime", NULL };

/* What the launcher mounts in every container (launch/tree.c, launch/dev.c), and so need not be asked for. */
static const struct standard {
    const char *destination;
    const char *types[2];
    bool read_only;         /* it is, so a config must say so too */
    const char *options[5]; /* beside the common ones; one that ends with '=' takes a size */
} standards[] = {
    { "/proc", { "proc" }, false, { "rw" } },
    { "/dev", { "tmpfs" }, false, { "rw", "mode=755", "mode=0755", "size=" } },
    { "/dev/pts", { "devpts" }, false, { "newinstance", "ptmxmode=0666", "mode=0620", "mode=620", "gid=5" } },
    { "/dev/shm", { "tmpfs" }, false, { "rw", "mode=1777", "mode=01777", "size=" } },
    { "/dev/mqueue", { "mqueue" }, false, { "rw" } },
    { "/sys", { "sysfs" }, true, { "ro" } },
    { "/sys/fs/cgroup", { "cgroup", "cgroup2" }, true, { "ro" } },
};

static int fail(struct oci_reading *reading, size_t mount, const char *member, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int fail(struct oci_reading *reading, size_t mount, const char *member, const char *format, ...)
{
    char place[64], text[256];
    va_list list;

    (void)snprintf(place, sizeof(place), "mounts[%zu].%s", mount, member);
    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    return varlink_fault_set(reading->fault, place, "%s", text);
}

static int fail_option(struct oci_reading *reading, size_t mount, size_t option, const struct mount_row *row,
                       const char *why)
{
    char member[32];

    (void)snprintf(member, sizeof(member), "options[%zu]", option);
    return fail(reading, mount, member, "is %s, %s", json_string_value(json_array_get(row->options, option)),
                why);
}

/* "65536k", "10%": how much a tmpfs may hold. */
static bool is_size(const char *text)
{
    size_t digits = strspn(text, "0123456789");

    return digits > 0 && (text[digits] == '\0' || (strchr("kKmMgG%", text[digits]) && !text[digits + 1]));
}

static bool option_matches(const char *known, const char *option)
{
    size_t length = strlen(known);

    if (known[length - 1] == '=' && strncmp(option, known, length) == 0)
        return is_size(option + length);
    return strcmp(option, known) == 0;
}

static bool option_of(const struct standard *standard, const char *option)
{
    for (size_t i = 0; common[i] != NULL; i++)
        if (strcmp(common[i], option) == 0)
            return true;
    for (size_t i = 0; i < ELEMENTS(standard->options) && standard->options[i] != NULL; i++)
        if (option_matches(standard->options[i], option))
            return true;
    return false;
}

static bool has_option(const struct mount_row *row, const char *option)
{
    const json_t *value;
    size_t i;

    json_array_foreach(row->options, i, value)
        if (strcmp(json_string_value(value), option) == 0)
            return true;
    return false;
}

static int check_standard(struct oci_reading *reading, const struct standard *standard,
                          const struct mount_row *row, size_t i)
{
    const json_t *value;
    size_t k;

    json_array_foreach(row->options, k, value)
        if (!option_of(standard, json_string_value(value)))
            return fail_option(reading, i, k, row, "which the native launcher does not set on this mount");
    if (standard->read_only && !has_option(row, "ro"))
        return fail(reading, i, "options", "must have ro: the native launcher mounts %s read-only",
                    standard->destination);
    return 0;
}

/* Bytes of "65536k", "64M"; not of "10%", which is a share of nobody knows what. Returns -1 if it is none. */
static json_int_t size_of(const char *text)
{
    static const char units[] = "kmg";
    char *end;
    long long number;
    const char *unit;
    int shift = 0;

    errno = 0;
    number = strtoll(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || errno != 0)
        return -1;
    if (*end != '\0') {
        unit = strchr(units, tolower((unsigned char)*end));
        if (unit == NULL || end[1] != '\0')
            return -1;
        shift = 10 * (int)(unit - units + 1);
    }
    return number == 0 || number > INT64_MAX >> shift ? -1 : number << shift;
}

static json_int_t mode_of(const char *text)
{
    size_t length = strlen(text);

    return length > 0 && length <= 5 && strspn(text, "01234567") == length ? strtol(text, NULL, 8) & 07777
                                                                           : -1;
}

static bool is_bind(const struct mount_row *row)
{
    return (row->type != NULL && strcmp(row->type, "bind") == 0) || has_option(row, "bind") ||
           has_option(row, "rbind");
}

/* What one option of a bind or tmpfs means in Spawn's words. Returns whether it is known. */
static bool apply_option(json_t *mount, const char *option, bool bind)
{
    static const struct {
        const char *option, *member;
        bool value;
    } flags[] = {
        { "ro", "read_only", true },
        { "rw", "read_only", false },
        { "noexec", "exec", false },
        { "exec", "exec", true },
    };
    json_int_t number;

    for (size_t i = 0; i < ELEMENTS(flags); i++)
        if (strcmp(flags[i].option, option) == 0)
            return json_object_set_new(mount, flags[i].member, json_boolean(flags[i].value)) == 0;
    for (size_t i = 0; common[i] != NULL; i++)
        if (strcmp(common[i], option) == 0)
            return true;
    if (bind)
        return strcmp(option, "bind") == 0 || strcmp(option, "rbind") == 0 || strcmp(option, "idmap") == 0 ||
               strcmp(option, "ridmap") == 0;
    if (strncmp(option, "size=", 5) == 0) {
        number = size_of(option + 5);
        return number > 0 && json_object_set_new(mount, "size", json_integer(number)) == 0;
    }
    if (strncmp(option, "mode=", 5) == 0) {
        number = mode_of(option + 5);
        return number >= 0 && json_object_set_new(mount, "mode", json_integer(number)) == 0;
    }
    return false;
}

/* The option, or mappings that say the same: those of the container, for the launcher knows no others. */
static int read_owners(struct oci_reading *reading, const struct mount_row *row, size_t i, json_t *mount)
{
    bool mapped = json_array_size(row->uids) + json_array_size(row->gids) > 0;
    bool same =
        reading->uids != NULL && json_equal(row->uids, reading->uids) && json_equal(row->gids, reading->gids);

    if (mapped && !same)
        return fail(
            reading, i, json_array_size(row->uids) > 0 ? "uidMappings" : "gidMappings",
            "differs from the container's (linux.uidMappings, linux.gidMappings), and the native launcher "
            "can map a mount to the container's users only");
    if (!mapped && !has_option(row, "idmap") && !has_option(row, "ridmap"))
        return 0;
    if (reading->uids == NULL)
        return fail(reading, i, "options",
                    "ask for a mapping, and the container has no users of its own (linux.uidMappings)");
    return json_object_set_new(mount, "owners", json_string("shifted")) < 0 ? -ENOMEM : 0;
}

/* A mount that Spawn makes because it was asked to. */
static int add_mount(struct oci_reading *reading, const struct mount_row *row, const char *target, size_t i)
{
    CLEANUP_JSON json_t *mount = json_pack("{s:s, s:s, s:b}", "type", is_bind(row) ? "bind" : "tmpfs",
                                           "target", target, "read_only", 0);
    json_t *mounts = json_object_get(reading->spawn, "mounts");
    const json_t *value;
    size_t k;
    int r;

    if (mount == NULL)
        return -ENOMEM;
    if (is_bind(row) && (row->source == NULL || row->source[0] == '\0'))
        return fail(reading, i, "source", "is required for a bind mount");
    if (is_bind(row) && json_object_set_new(mount, "source", oci_path(reading, row->source)) < 0)
        return -ENOMEM;
    json_array_foreach(row->options, k, value)
        if (!apply_option(mount, json_string_value(value), is_bind(row)))
            return fail_option(reading, i, k, row, "which the native launcher does not have for this mount");
    r = is_bind(row) ? read_owners(reading, row, i, mount) : 0;
    if (r < 0)
        return r;
    if (mounts == NULL && oci_put(reading, "mounts", mounts = json_array()) < 0)
        return -ENOMEM;
    return json_array_append(mounts, mount) < 0 ? -ENOMEM : 0;
}

/* The standard mount of a place, or NULL. */
static const struct standard *find_standard(const char *target)
{
    for (size_t i = 0; i < ELEMENTS(standards); i++)
        if (strcmp(standards[i].destination, target) == 0)
            return &standards[i];
    return NULL;
}

static bool type_of(const struct standard *standard, const char *type)
{
    for (size_t i = 0; standard != NULL && i < ELEMENTS(standard->types) && standard->types[i] != NULL; i++)
        if (type != NULL && strcmp(standard->types[i], type) == 0)
            return true;
    return false;
}

static int read_row(struct oci_reading *reading, const struct mount_row *row, const char *target, size_t i,
                    unsigned int *seen)
{
    const struct standard *standard = find_standard(target);

    if (!is_bind(row) && json_array_size(row->uids) + json_array_size(row->gids) > 0)
        return fail(reading, i, json_array_size(row->uids) > 0 ? "uidMappings" : "gidMappings",
                    "is for bind mounts with the native launcher");
    if (type_of(standard, row->type) && !is_bind(row)) {
        if (*seen >> (standard - standards) & 1)
            return fail(reading, i, "destination", "is %s, which is mounted already", target);
        *seen |= 1u << (standard - standards);
        return check_standard(reading, standard, row, i);
    }
    if (is_bind(row) || (row->type != NULL && strcmp(row->type, "tmpfs") == 0))
        return add_mount(reading, row, target, i);
    return fail(
        reading, i, "type",
        "is %s on %s: the native launcher has bind and tmpfs, and proc, sysfs, cgroup, devpts and mqueue "
        "each at its usual place",
        row->type != NULL ? row->type : "absent", target);
}

/* "//a//b/" is "/a/b" to the kernel. In place. */
static void squeeze_slashes(char *path)
{
    char *to = path;

    for (const char *from = path; *from != '\0'; from++)
        if (*from != '/' || (from[1] != '/' && from[1] != '\0'))
            *to++ = *from;
    if (to == path)
        *to++ = '/';
    *to = '\0';
}

static int read_mount(struct oci_reading *reading, json_t *list, size_t i, unsigned int *seen)
{
    static const struct varlink_field fields[] = {
        { "destination", VARLINK_STRING, offsetof(struct mount_row, destination), VARLINK_REQUIRED, .min = 1,
          .max = 4095 },
        { "type", VARLINK_STRING, offsetof(struct mount_row, type), .max = 64 },
        { "source", VARLINK_STRING, offsetof(struct mount_row, source), .max = 4095 },
        { "options", VARLINK_STRINGS, offsetof(struct mount_row, options), .min = 1, .max = 4095,
          .count_max = 64 },
        { "uidMappings", VARLINK_OBJECTS, offsetof(struct mount_row, uids), .count_max = 32 },
        { "gidMappings", VARLINK_OBJECTS, offsetof(struct mount_row, gids), .count_max = 32 },
    };
    struct mount_row row = { .destination = "" };
    CLEANUP_FREE char *target = NULL;
    int r;

    r = varlink_objects_decode(list, i, "mounts", fields, ELEMENTS(fields), 0, &row, reading->fault);
    if (r < 0)
        return r;
    if (row.destination[0] != '/')
        return fail(reading, i, "destination", "is %s, and must be an absolute path", row.destination);
    target = strdup(row.destination);
    if (target == NULL)
        return -ENOMEM;
    squeeze_slashes(target);
    return read_row(reading, &row, target, i, seen);
}

int oci_mounts_read(struct oci_reading *reading, json_t *mounts)
{
    unsigned int seen = 0;
    int r = 0;

    for (size_t i = 0; r == 0 && i < json_array_size(mounts); i++)
        r = read_mount(reading, mounts, i, &seen);
    return r;
}
