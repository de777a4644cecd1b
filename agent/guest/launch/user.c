/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/guest/launch/user.h"

#include <string.h>
#include <sys/stat.h>

#include "proto/cleanup.h"

/* Far more than any image has; a bigger file is an attack on the daemon's memory. */
#define ACCOUNT_FILE_MAX (1 << 20)

#define PASSWD_FIELDS 7
#define GROUP_FIELDS  4

struct field {
    const char *start;
    size_t length;
};

/* The request's user, taken apart. */
struct account {
    const char *name; /* NULL: by number */
    uint32_t uid;
    bool has_gid;
    uint32_t gid;
};

int launch_id_parse(const char *text, size_t length, uint32_t *ret_id)
{
    uint64_t value = 0;

    if (length == 0 || (length > 1 && text[0] == '0'))
        return -EINVAL;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -EINVAL;
        if (value < UINT32_MAX)
            value = value * 10 + (uint64_t)(text[i] - '0');
    }
    if (value >= UINT32_MAX)
        return -ERANGE;
    *ret_id = (uint32_t)value;
    return 0;
}

static bool field_is(struct field field, const char *text)
{
    return strlen(text) == field.length && memcmp(field.start, text, field.length) == 0;
}

/* Takes the next line off *text and splits it at colons. Returns whether it has exactly n fields. */
static bool next_line(const char **text, struct field *fields, size_t n)
{
    const char *end = strchrnul(*text, '\n');
    const char *p = *text;
    size_t count = 0;

    *text = *end ? end + 1 : end;
    for (;;) {
        const char *colon = memchr(p, ':', (size_t)(end - p));

        if (count == n)
            return false;
        fields[count++] = (struct field){ p, (size_t)((colon ? colon : end) - p) };
        if (!colon)
            return count == n;
        p = colon + 1;
    }
}

static int parse_account(const char *spec, struct account *ret_account)
{
    struct account account = { .name = spec };
    const char *colon = strchr(spec, ':');
    size_t length = colon ? (size_t)(colon - spec) : strlen(spec);
    int r;

    if (length == 0 || strpbrk(spec, "\n/"))
        return -EINVAL;
    r = launch_id_parse(spec, length, &account.uid);
    if (r == -ERANGE)
        return r;
    if (r == 0)
        account.name = NULL;
    else if (colon || (spec[0] >= '0' && spec[0] <= '9') || strchr("+- ", spec[0]))
        return -EINVAL; /* nearly a number, or the unsupported name:group */
    if (colon) {
        r = launch_id_parse(colon + 1, strlen(colon + 1), &account.gid);
        if (r < 0)
            return r;
        account.has_gid = true;
    }
    *ret_account = account;
    return 0;
}

static void take_home(struct field field, struct launch_user *user)
{
    if (field.length == 0 || field.length >= sizeof(user->home) || field.start[0] != '/')
        return;
    memcpy(user->home, field.start, field.length);
    user->home[field.length] = '\0';
}

/* Finds the first line that matches. Returns 1 and the user's name, 0 if there is none. */
static int find_passwd(const char *passwd, const struct account *account, struct launch_user *user,
                       struct field *ret_name)
{
    struct field fields[PASSWD_FIELDS];

    while (*passwd) {
        uint32_t uid, gid;

        if (!next_line(&passwd, fields, PASSWD_FIELDS) ||
            launch_id_parse(fields[2].start, fields[2].length, &uid) < 0 ||
            launch_id_parse(fields[3].start, fields[3].length, &gid) < 0)
            continue;
        if (account->name ? !field_is(fields[0], account->name) : uid != account->uid)
            continue;
        user->uid = uid;
        user->gid = gid;
        take_home(fields[5], user);
        *ret_name = fields[0];
        return 1;
    }
    return 0;
}

static bool is_member(struct field members, struct field name)
{
    const char *p = members.start, *end = members.start + members.length;

    while (p < end) {
        const char *comma = memchr(p, ',', (size_t)(end - p));
        const char *stop = comma ? comma : end;

        if ((size_t)(stop - p) == name.length && memcmp(p, name.start, name.length) == 0)
            return true;
        p = stop + 1;
    }
    return false;
}

static int find_groups(const char *group, struct field name, struct launch_user *user)
{
    struct field fields[GROUP_FIELDS];

    while (*group) {
        uint32_t gid;

        if (!next_line(&group, fields, GROUP_FIELDS) ||
            launch_id_parse(fields[2].start, fields[2].length, &gid) < 0 || gid == user->gid ||
            !is_member(fields[3], name))
            continue;
        if (user->n_groups == LAUNCH_GROUPS_MAX)
            return -E2BIG;
        user->groups[user->n_groups++] = gid;
    }
    return 0;
}

int launch_user_parse(const char *spec, const char *passwd, const char *group, struct launch_user *ret_user)
{
    struct launch_user user = { .home = "/" };
    struct field name = { "", 0 };
    struct account account;
    int found, r;

    r = parse_account(spec, &account);
    if (r < 0)
        return r;
    found = passwd ? find_passwd(passwd, &account, &user, &name) : 0;
    if (!found && account.name)
        return -ENOENT;
    if (!found) {
        user.uid = account.uid;
        user.gid = account.uid;
    }
    if (account.has_gid)
        user.gid = account.gid;
    else if (found && group && name.length > 0) {
        r = find_groups(group, name, &user);
        if (r < 0)
            return r;
    }
    *ret_user = user;
    return 0;
}

int launch_user_add_groups(struct launch_user *user, const gid_t *groups, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t known = 0;

        while (known < user->n_groups && user->groups[known] != groups[i])
            known++;
        if (known < user->n_groups)
            continue;
        if (user->n_groups == LAUNCH_GROUPS_MAX)
            return -E2BIG;
        user->groups[user->n_groups++] = groups[i];
    }
    return 0;
}

/* Reads a whole file of the root. Returns 0 with NULL if there is none. */
static int read_account_file(const struct launch_root *root, const char *path, char **ret_text)
{
    CLEANUP_FD int fd = launch_root_open_file(root, path);
    CLEANUP_FREE char *text = NULL;
    struct stat st;
    size_t used = 0;

    if (fd == -ENOENT || fd == -ENOTDIR) {
        *ret_text = NULL;
        return 0;
    }
    if (fd < 0)
        return fd;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (st.st_size > ACCOUNT_FILE_MAX)
        return -EFBIG;
    text = malloc((size_t)st.st_size + 1);
    if (!text)
        return -ENOMEM;
    while (used < (size_t)st.st_size) {
        ssize_t n = read(fd, text + used, (size_t)st.st_size - used);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    text[used] = '\0';
    *ret_text = TAKE(text);
    return 0;
}

static int user_failure(struct launch_failure *failure, const char *spec, int error)
{
    const char *why = strerror(-error);

    if (error == -ENOENT)
        why = "no such name in /etc/passwd of the root";
    else if (error == -EINVAL)
        why = "must be a name, a uid or uid:gid (plain decimal numbers)";
    else if (error == -ERANGE)
        why = "the number is too big: 4294967294 is the last";
    else if (error == -E2BIG)
        why = "is in more groups of /etc/group than supported";
    return launch_failure_set(failure, LAUNCH_NO_USER, LAUNCH_STAGE_USER, error, "user", "user '%s': %s",
                              spec, why);
}

static int read_failure(struct launch_failure *failure, const char *spec, const char *path, int error)
{
    return launch_failure_set(failure, LAUNCH_NO_USER, LAUNCH_STAGE_USER, error, "user",
                              "user '%s': cannot read %s of the root: %s", spec, path,
                              error == -EINVAL ? "not a regular file" : strerror(-error));
}

int launch_user_find(const struct launch_root *root, const char *spec, struct launch_user *ret_user,
                     struct launch_failure *failure)
{
    char *passwd = NULL, *group = NULL;
    int r;

    if (!spec)
        spec = "0:0";
    r = read_account_file(root, "/etc/passwd", &passwd);
    if (r < 0)
        return read_failure(failure, spec, "/etc/passwd", r);
    r = read_account_file(root, "/etc/group", &group);
    if (r < 0) {
        free(passwd);
        return read_failure(failure, spec, "/etc/group", r);
    }
    r = launch_user_parse(spec, passwd, group, ret_user);
    free(passwd);
    free(group);
    return r < 0 ? user_failure(failure, spec, r) : 0;
}
