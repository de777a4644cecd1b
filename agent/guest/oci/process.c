/* SPDX-License-Identifier: Apache-2.0 */
/* `process` of a config.json. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/launch/identity.h"
#include "agent/guest/oci/part.h"

/* Of one string, and of one list; Spawn's own limits are narrower and have the last word. */
#define STRING_MAX 65536
#define COUNT_MAX  4096

struct user {
    int64_t uid, gid, umask;
    json_t *groups;
};

static int read_user(struct oci_reading *reading, json_t *value, struct user *user)
{
    static const char *const refused[] = { "username", NULL };
    static const struct varlink_field fields[] = {
        { "uid", VARLINK_INT, offsetof(struct user, uid), VARLINK_REQUIRED, .max = UINT32_MAX - 1 },
        { "gid", VARLINK_INT, offsetof(struct user, gid), VARLINK_REQUIRED, .max = UINT32_MAX - 1 },
        { "umask", VARLINK_INT, offsetof(struct user, umask), .max = 0777 },
        { "additionalGids", VARLINK_INTS, offsetof(struct user, groups), .max = UINT32_MAX - 1,
          .count_max = 256 },
    };
    int r = oci_refuse(reading, value, "process.user", refused);

    if (r == 0)
        r = oci_decode(reading, value, "process.user", fields, ELEMENTS(fields), user);
    if (r == 0)
        r = oci_put(reading, "user",
                    json_sprintf("%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT, (json_int_t)user->uid,
                                 (json_int_t)user->gid));
    if (r == 0 && json_array_size(user->groups) > 0)
        r = oci_put(reading, "groups", json_incref(user->groups));
    if (r == 0 && user->umask >= 0)
        r = oci_put(reading, "umask", json_integer(user->umask));
    return r;
}

/* A set of capabilities as bits. */
static int read_set(struct oci_reading *reading, json_t *list, const char *name, uint64_t *ret_set)
{
    uint64_t set = 0;
    json_t *value;
    size_t i;

    json_array_foreach(list, i, value) {
        uint64_t bit = launch_capability_find(json_string_value(value));
        char place[64];

        if (bit == 0) {
            (void)snprintf(place, sizeof(place), "process.capabilities.%s[%zu]", name, i);
            return varlink_fault_set(
                reading->fault, place,
                "is %s, and the native launcher grants at most CHOWN, DAC_OVERRIDE, FSETID, "
                "FOWNER, SETGID, SETUID, SETFCAP, SETPCAP, KILL, NET_BIND_SERVICE, "
                "SYS_CHROOT and AUDIT_WRITE",
                json_string_value(value));
        }
        set |= bit;
    }
    *ret_set = set;
    return 0;
}

/* The members of a list that are in a set too, each once. NULL without memory. */
static json_t *names_in(json_t *list, uint64_t set)
{
    json_t *names = json_array(), *value;
    size_t i;

    json_array_foreach(list, i, value) {
        uint64_t bit = launch_capability_find(json_string_value(value));

        if ((bit & set) == 0)
            continue;
        set &= ~bit;
        if (json_array_append(names, value) < 0) {
            json_decref(names);
            return NULL;
        }
    }
    return names;
}

struct capabilities {
    json_t *bounding, *effective, *inheritable, *permitted, *ambient;
};

#define SET(member)                                                                                          \
    {                                                                                                        \
#member, VARLINK_STRINGS, offsetof(struct capabilities, member), .min = 1, .max = 64,                \
                                                                         .count_max = 64                     \
    }

/*
 * What a process keeps after exec(): as user 0 its permitted set within the bounding set (no_new_privs is
 * always on), as any other user the ambient set, in which only what is inheritable can be. The launcher gives
 * user 0 the former and others nothing. effective and inheritable say nothing then that a program could see.
 */
static int read_capabilities(struct oci_reading *reading, json_t *value, int64_t uid)
{
    static const struct varlink_field fields[] = { SET(bounding), SET(effective), SET(inheritable),
                                                   SET(permitted), SET(ambient) };
    struct capabilities lists = { 0 };
    uint64_t bounding, effective, inheritable, permitted, ambient;
    int r = oci_decode(reading, value, "process.capabilities", fields, ELEMENTS(fields), &lists);

    if (r == 0)
        r = read_set(reading, lists.bounding, "bounding", &bounding);
    if (r == 0)
        r = read_set(reading, lists.effective, "effective", &effective);
    if (r == 0)
        r = read_set(reading, lists.inheritable, "inheritable", &inheritable);
    if (r == 0)
        r = read_set(reading, lists.permitted, "permitted", &permitted);
    if (r == 0)
        r = read_set(reading, lists.ambient, "ambient", &ambient);
    if (r < 0)
        return r;
    if (uid != 0 && (ambient & inheritable & permitted) != 0)
        return varlink_fault_set(reading->fault, "process.capabilities.ambient",
                                 "must be empty for user %" JSON_INTEGER_FORMAT
                                 ": the native launcher lets only user 0 keep capabilities",
                                 (json_int_t)uid);
    return oci_put(reading, "capabilities", names_in(lists.permitted, bounding));
}

#define RLIMIT_PREFIX "RLIMIT_"

static const char *const rlimit_types[] = {
    "RLIMIT_AS",      "RLIMIT_CORE",     "RLIMIT_CPU",        "RLIMIT_DATA",   "RLIMIT_FSIZE", "RLIMIT_LOCKS",
    "RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE", "RLIMIT_NICE",       "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_RSS",
    "RLIMIT_RTPRIO",  "RLIMIT_RTTIME",   "RLIMIT_SIGPENDING", "RLIMIT_STACK",  NULL,
};

struct rlimit_row {
    int type;
    int64_t soft, hard;
};

/* RLIM_INFINITY is 2^64 - 1, which varlink_text_parse() hands on as some real number beyond int64: as far as
 * limits go all of those are the same. */
static void replace_infinity(json_t *row, const char *name)
{
    const json_t *value = json_object_get(row, name);

    if (json_is_real(value) && json_real_value(value) >= 9223372036854775807.0)
        (void)json_object_set_new(row, name, json_integer(INT64_MAX));
}

/* As Spawn has it: the name in small letters, and no member where there is no limit. Returns 0 or -ENOMEM. */
static int append_rlimit(json_t *rows, const char *type, const struct rlimit_row *row)
{
    char name[16] = "";
    json_t *object = json_object();
    int r = 0;

    for (size_t i = 0; type[i] != '\0' && i < sizeof(name) - 1; i++)
        name[i] = (char)tolower((unsigned char)type[i]);
    r |= json_object_set_new(object, "name", json_string(name));
    if (row->soft != INT64_MAX)
        r |= json_object_set_new(object, "soft", json_integer(row->soft));
    if (row->hard != INT64_MAX)
        r |= json_object_set_new(object, "hard", json_integer(row->hard));
    r |= json_array_append(rows, object);
    json_decref(object);
    return r < 0 ? -ENOMEM : 0;
}

/* seen: the types before it, as bits. */
static int add_rlimit(struct oci_reading *reading, json_t *rows, const struct rlimit_row *row, size_t i,
                      unsigned int *seen)
{
    const char *type = rlimit_types[row->type];
    char place[48];

    (void)snprintf(place, sizeof(place), "process.rlimits[%zu].%s", i,
                   row->soft > row->hard ? "soft" : "type");
    if (row->soft > row->hard)
        return varlink_fault_set(reading->fault, place, "is above hard");
    if (*seen >> row->type & 1)
        return varlink_fault_set(reading->fault, place, "lists %s a second time", type);
    *seen |= 1u << row->type;
    return append_rlimit(rows, type + strlen(RLIMIT_PREFIX), row);
}

static int read_rlimits(struct oci_reading *reading, json_t *list)
{
    static const struct varlink_field fields[] = {
        { "type", VARLINK_ENUM, offsetof(struct rlimit_row, type), VARLINK_REQUIRED,
          .choices = rlimit_types },
        { "soft", VARLINK_INT, offsetof(struct rlimit_row, soft), VARLINK_REQUIRED, .max = INT64_MAX },
        { "hard", VARLINK_INT, offsetof(struct rlimit_row, hard), VARLINK_REQUIRED, .max = INT64_MAX },
    };
    unsigned int seen = 0;
    json_t *rows;
    int r = 0;

    if (json_array_size(list) == 0)
        return 0;
    rows = json_array();
    for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
        struct rlimit_row row = { 0 };

        replace_infinity(json_array_get(list, i), "soft");
        replace_infinity(json_array_get(list, i), "hard");
        r = varlink_objects_decode(list, i, "process.rlimits", fields, ELEMENTS(fields), 0, &row,
                                   reading->fault);
        if (r == 0)
            r = add_rlimit(reading, rows, &row, i, &seen);
    }
    if (r < 0) {
        json_decref(rows);
        return r;
    }
    return oci_put(reading, "rlimits", rows);
}

struct process {
    json_t *user, *args, *env, *capabilities, *rlimits, *console;
    const char *cwd;
    int64_t oom_score_adj;
    bool terminal, no_new_privileges;
};

struct console {
    int64_t width, height;
};

int oci_console_read(struct oci_reading *reading, json_t *value)
{
    static const struct varlink_field fields[] = {
        { "width", VARLINK_INT, offsetof(struct console, width), VARLINK_REQUIRED, .max = UINT16_MAX },
        { "height", VARLINK_INT, offsetof(struct console, height), VARLINK_REQUIRED, .max = UINT16_MAX },
    };
    struct console console = { 0 };
    int r = oci_decode(reading, value, "process.consoleSize", fields, ELEMENTS(fields), &console);

    /* 0: not known. */
    if (r == 0 && console.width > 0)
        r = oci_put(reading, "columns", json_integer(console.width));
    if (r == 0 && console.height > 0)
        r = oci_put(reading, "rows", json_integer(console.height));
    return r;
}

static int check_process(struct oci_reading *reading, const struct process *process)
{
    if (json_array_size(process->args) == 0)
        return varlink_fault_set(reading->fault, "process.args", "names no program");
    if (process->cwd[0] != '/')
        return varlink_fault_set(reading->fault, "process.cwd", "is %s, and must be an absolute path",
                                 process->cwd);
    if (!process->no_new_privileges)
        return varlink_fault_set(
            reading->fault, "process.noNewPrivileges",
            "is false, and the native launcher always sets no_new_privs: make it true, or "
            "leave it out");
    if (process->console != NULL && !process->terminal)
        return varlink_fault_set(reading->fault, "process.consoleSize", "needs process.terminal to be true");
    return 0;
}

static int decode_process(struct oci_reading *reading, json_t *value, struct process *process)
{
    static const char *const refused[] = { "apparmorProfile", "selinuxLabel", "scheduler", "ioPriority",
                                           "execCPUAffinity", "commandLine",  NULL };
    static const struct varlink_field fields[] = {
        { "terminal", VARLINK_BOOL, offsetof(struct process, terminal), .flags = 0 },
        { "consoleSize", VARLINK_OBJECT, offsetof(struct process, console), .flags = 0 },
        { "user", VARLINK_OBJECT, offsetof(struct process, user), VARLINK_REQUIRED, .min = 0 },
        { "args", VARLINK_STRINGS, offsetof(struct process, args), VARLINK_REQUIRED, .max = STRING_MAX,
          .count_max = COUNT_MAX },
        { "env", VARLINK_STRINGS, offsetof(struct process, env), .min = 1, .max = STRING_MAX,
          .count_max = COUNT_MAX },
        { "cwd", VARLINK_STRING, offsetof(struct process, cwd), VARLINK_REQUIRED, .min = 1, .max = 4095 },
        { "capabilities", VARLINK_OBJECT, offsetof(struct process, capabilities), .flags = 0 },
        { "rlimits", VARLINK_OBJECTS, offsetof(struct process, rlimits), .count_max = 16 },
        { "noNewPrivileges", VARLINK_BOOL, offsetof(struct process, no_new_privileges), .flags = 0 },
        { "oomScoreAdj", VARLINK_INT, offsetof(struct process, oom_score_adj), .max = 0 },
    };
    int r = oci_refuse(reading, value, "process", refused);

    if (r == 0)
        r = oci_decode(reading, value, "process", fields, ELEMENTS(fields), process);
    return r == 0 ? check_process(reading, process) : r;
}

int oci_process_read(struct oci_reading *reading, json_t *value)
{
    struct process process = { .no_new_privileges = true };
    struct user user = { .umask = -1 };
    int r = decode_process(reading, value, &process);

    if (r == 0)
        r = read_user(reading, process.user, &user);
    if (r == 0)
        r = oci_put(reading, "args", json_incref(process.args));
    if (r == 0 && process.env != NULL)
        r = oci_put(reading, "env", json_incref(process.env));
    if (r == 0)
        r = oci_put(reading, "cwd", json_string(process.cwd));
    /* Not to list any is to have none. */
    if (r == 0)
        r = read_capabilities(reading, process.capabilities, user.uid);
    if (r == 0)
        r = read_rlimits(reading, process.rlimits);
    if (r == 0 && process.terminal)
        r = oci_put(reading, "tty", json_true());
    if (r == 0 && process.console != NULL)
        r = oci_console_read(reading, process.console);
    return r;
}
