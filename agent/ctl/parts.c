/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/parts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"
#include "proto/size.h"

#define MODE_MAX 07777

/* Cuts at the first `separator`; returns what is behind it, or NULL. */
static char *cut(char *text, char separator)
{
    char *found = strchr(text, separator);

    if (found)
        *found++ = '\0';
    return found;
}

static int set_mode(json_t *mount, const char *value)
{
    char *end;
    long mode = strtol(value, &end, 8);

    if (end == value || *end || value[0] == '-' || mode > MODE_MAX)
        return -EINVAL;
    return json_object_set_new(mount, "mode", json_integer(mode));
}

static int set_size(json_t *mount, const char *value)
{
    int64_t size;

    if (size_parse(value, &size) < 0 || size == 0)
        return -EINVAL;
    return json_object_set_new(mount, "size", json_integer(size));
}

/* One word of the list behind the target. Returns 0, -EINVAL, or -1 without memory. */
static int set_option(json_t *mount, const char *word, bool tmpfs)
{
    if (!strcmp(word, "ro") || !strcmp(word, "rw"))
        return json_object_set_new(mount, "read_only", json_boolean(word[1] == 'o'));
    if (!strcmp(word, "noexec"))
        return json_object_set_new(mount, "exec", json_false());
    if (!tmpfs && !strncmp(word, "owners=", 7))
        return json_object_set_new(mount, "owners", json_string(word + 7));
    if (tmpfs && !strncmp(word, "size=", 5))
        return set_size(mount, word + 5);
    if (tmpfs && !strncmp(word, "mode=", 5))
        return set_mode(mount, word + 5);
    return -EINVAL;
}

static enum exit_code add_mount(const struct ctl *ctl, json_t *mounts, const char *text, bool tmpfs)
{
    CLEANUP_FREE char *copy = strdup(text);
    json_t *mount = json_object();
    char *target = copy, *options, *save = NULL;
    int r;

    if (!copy || json_array_append_new(mounts, mount) < 0)
        return ctl_no_memory(ctl);
    if (!tmpfs)
        target = cut(copy, ':');
    if (!target || !*target || !*copy) {
        ctl_error(ctl, "%s, not '%s'",
                  tmpfs ? "--tmpfs takes TARGET or TARGET:OPTIONS"
                        : "--mount takes SOURCE:TARGET or SOURCE:TARGET:OPTIONS",
                  text);
        return EXIT_USAGE;
    }
    options = cut(target, ':');
    r = json_object_set_new(mount, "type", json_string(tmpfs ? "tmpfs" : "bind"));
    r |= json_object_set_new(mount, "target", json_string(target));
    if (!tmpfs)
        r |= json_object_set_new(mount, "source", json_string(copy));
    for (char *word = options ? strtok_r(options, ",", &save) : NULL; word && !r;
         word = strtok_r(NULL, ",", &save)) {
        r = set_option(mount, word, tmpfs);
        if (r == -EINVAL) {
            ctl_error(ctl, "%s %s: '%s' is none of %s", tmpfs ? "--tmpfs" : "--mount", text, word,
                      tmpfs ? "size=SIZE, mode=OCTAL, ro, rw and noexec"
                            : "ro, rw, noexec and owners=OWNERS");
            return EXIT_USAGE;
        }
    }
    return r ? ctl_no_memory(ctl) : EXIT_OK;
}

static size_t depth(const json_t *mount)
{
    const char *target = json_string_value(json_object_get(mount, "target"));
    size_t n = 0;

    for (; *target; target++)
        n += *target == '/';
    return n;
}

/* By depth, otherwise as they are: a mount must not cover one that lies inside it. */
static int sort(json_t *mounts)
{
    size_t n = json_array_size(mounts);

    for (size_t i = 1; i < n; i++) {
        CLEANUP_JSON json_t *mount = json_incref(json_array_get(mounts, i));
        size_t to = i;

        while (to > 0 && depth(json_array_get(mounts, to - 1)) > depth(mount))
            to--;
        if (to < i && (json_array_remove(mounts, i) < 0 || json_array_insert(mounts, to, mount) < 0))
            return -1;
    }
    return 0;
}

enum exit_code parts_mounts(const struct ctl *ctl, const json_t *binds, const json_t *tmpfs, json_t **ret)
{
    CLEANUP_JSON json_t *mounts = json_array();
    const json_t *lists[] = { binds, tmpfs };
    enum exit_code code = mounts ? EXIT_OK : ctl_no_memory(ctl);

    for (size_t list = 0; list < 2; list++)
        for (size_t i = 0; !code && i < json_array_size(lists[list]); i++)
            code = add_mount(ctl, mounts, json_string_value(json_array_get(lists[list], i)), list == 1);
    if (code)
        return code;
    if (sort(mounts) < 0)
        return ctl_no_memory(ctl);
    *ret = json_array_size(mounts) > 0 ? TAKE(mounts) : NULL;
    return EXIT_OK;
}

/* Sets a limit; "unlimited" is one that is absent. Returns 0, -EINVAL, or -1 without memory. */
static int set_limit(json_t *limit, const char *name, const char *value)
{
    char *end;
    long long number;

    if (!strcmp(value, "unlimited"))
        return 0;
    errno = 0;
    number = strtoll(value, &end, 10);
    if (end == value || *end || errno || number < 0)
        return -EINVAL;
    return json_object_set_new(limit, name, json_integer(number));
}

static enum exit_code add_rlimit(const struct ctl *ctl, json_t *limits, const char *text)
{
    CLEANUP_FREE char *copy = strdup(text);
    json_t *limit = json_object();
    char *soft, *hard;
    int r;

    if (!copy || json_array_append_new(limits, limit) < 0)
        return ctl_no_memory(ctl);
    soft = cut(copy, '=');
    hard = soft ? cut(soft, ':') : NULL;
    r = soft && *copy ? json_object_set_new(limit, "name", json_string(copy)) : -EINVAL;
    if (!r)
        r = set_limit(limit, "soft", soft);
    if (!r)
        r = set_limit(limit, "hard", hard ? hard : soft);
    if (r == -EINVAL) {
        ctl_error(ctl,
                  "--ulimit takes NAME=SOFT or NAME=SOFT:HARD with whole numbers or 'unlimited', not '%s'",
                  text);
        return EXIT_USAGE;
    }
    return r ? ctl_no_memory(ctl) : EXIT_OK;
}

enum exit_code parts_rlimits(const struct ctl *ctl, const json_t *items, json_t **ret)
{
    CLEANUP_JSON json_t *limits = json_array();
    enum exit_code code = limits ? EXIT_OK : ctl_no_memory(ctl);

    for (size_t i = 0; !code && i < json_array_size(items); i++)
        code = add_rlimit(ctl, limits, json_string_value(json_array_get(items, i)));
    if (code)
        return code;
    *ret = json_array_size(limits) > 0 ? TAKE(limits) : NULL;
    return EXIT_OK;
}

/* One word of a veth's list. Returns 0, -EINVAL, or -1 without memory. */
static int set_network(json_t *network, json_t *addresses, const char *word)
{
    if (!strncmp(word, "bridge=", 7))
        return json_object_set_new(network, "bridge", json_string(word + 7));
    if (!strncmp(word, "gateway=", 8))
        return json_object_set_new(network, "gateway", json_string(word + 8));
    if (!strncmp(word, "address=", 8))
        return json_array_append_new(addresses, json_string(word + 8));
    return -EINVAL;
}

enum exit_code parts_network(const struct ctl *ctl, const char *text, json_t **ret)
{
    CLEANUP_FREE char *copy = strdup(text ? text : "");
    CLEANUP_JSON json_t *network = json_object(), *addresses = json_array();
    bool simple = text && (!strcmp(text, "host") || !strcmp(text, "none"));
    char *save = NULL;
    int r;

    *ret = NULL;
    if (!text)
        return EXIT_OK;
    if (!copy)
        return ctl_no_memory(ctl);
    r = json_object_set_new(network, "mode", json_string(simple ? text : "veth"));
    for (char *word = simple ? NULL : strtok_r(copy, ",", &save); word && !r;
         word = strtok_r(NULL, ",", &save))
        r = set_network(network, addresses, word);
    if (r == -EINVAL || (!r && !simple && !json_object_get(network, "bridge"))) {
        ctl_error(
            ctl, "--network takes host, none or bridge=NAME,address=ADDRESS/PREFIX,gateway=ADDRESS, not '%s'",
            text);
        return EXIT_USAGE;
    }
    if (!r && json_array_size(addresses) > 0)
        r = json_object_set(network, "addresses", addresses);
    if (r)
        return ctl_no_memory(ctl);
    *ret = TAKE(network);
    return EXIT_OK;
}

/* "INSIDE:OUTSIDE:COUNT". Returns 0, -EINVAL, or -1 without memory. */
static int add_range(json_t *ranges, const char *text)
{
    static const char *const names[] = { "inside", "outside", "count" };
    json_t *range = json_object();

    if (json_array_append_new(ranges, range) < 0)
        return -1;
    for (size_t i = 0; i < 3; i++) {
        char *end;
        long long number;

        errno = 0;
        number = strtoll(text, &end, 10);
        if (*text < '0' || *text > '9' || errno || *end != (i < 2 ? ':' : '\0'))
            return -EINVAL;
        if (json_object_set_new(range, names[i], json_integer(number)) < 0)
            return -1;
        text = end + 1;
    }
    return 0;
}

static int set_userns(json_t *userns, json_t *uids, json_t *gids, const char *word)
{
    if (!strcmp(word, "host") || !strcmp(word, "auto"))
        return json_object_get(userns, "mode") ? -EINVAL
                                               : json_object_set_new(userns, "mode", json_string(word));
    if (!strncmp(word, "owners=", 7))
        return json_object_set_new(userns, "owners", json_string(word + 7));
    if (!strncmp(word, "uids=", 5))
        return add_range(uids, word + 5);
    return strncmp(word, "gids=", 5) ? -EINVAL : add_range(gids, word + 5);
}

/* Returns 0, -EINVAL, or -1 without memory. */
static int finish_userns(json_t *userns, json_t *uids, json_t *gids)
{
    bool mapped = json_array_size(uids) > 0;

    if (mapped == (json_object_get(userns, "mode") != NULL) || (!mapped && json_array_size(gids) > 0))
        return -EINVAL;
    if (!mapped)
        return 0;
    return json_object_set_new(userns, "mode", json_string("map")) | json_object_set(userns, "uids", uids) |
           json_object_set(userns, "gids", json_array_size(gids) > 0 ? gids : uids);
}

enum exit_code parts_userns(const struct ctl *ctl, const char *text, json_t **ret)
{
    CLEANUP_FREE char *copy = strdup(text ? text : "");
    CLEANUP_JSON json_t *userns = json_object(), *uids = json_array(), *gids = json_array();
    char *save = NULL;
    int r = 0;

    *ret = NULL;
    if (!text)
        return EXIT_OK;
    if (!copy)
        return ctl_no_memory(ctl);
    for (char *word = strtok_r(copy, ",", &save); word && !r; word = strtok_r(NULL, ",", &save))
        r = set_userns(userns, uids, gids, word);
    if (!r)
        r = finish_userns(userns, uids, gids);
    if (r == -EINVAL) {
        ctl_error(ctl,
                  "--userns takes host, auto or uids=INSIDE:OUTSIDE:COUNT,gids=INSIDE:OUTSIDE:COUNT, and "
                  "owners=kept or owners=shifted behind the last two, not '%s'",
                  text);
        return EXIT_USAGE;
    }
    if (r)
        return ctl_no_memory(ctl);
    *ret = TAKE(userns);
    return EXIT_OK;
}
