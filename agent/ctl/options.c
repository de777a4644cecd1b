/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/options.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/size.h"

/* An option as it was written, for messages. */
struct spelling {
    char text[48];
};

struct match {
    const struct option_row *row;
    void *member;
    struct spelling spelling;
};

static bool is_named(const struct option_row *row, const char *name, size_t length)
{
    return strlen(row->name) == length && memcmp(row->name, name, length) == 0;
}

/* By name, or by letter where there is no name. */
static bool find(const struct option_table *tables, size_t n_tables, const char *name, size_t length,
                 char letter, struct match *ret)
{
    for (size_t i = 0; i < n_tables; i++)
        for (const struct option_row *row = tables[i].rows; row && row->name; row++)
            if (name ? is_named(row, name, length) : row->letter == letter) {
                ret->row = row;
                ret->member = (char *)tables[i].target + row->offset;
                return true;
            }
    return false;
}

static int set_number(const struct match *match, const char *value, struct reason *reason)
{
    const struct option_row *row = match->row;
    long long number;
    char *end;

    errno = 0;
    number = strtoll(value, &end, 10);
    if (end == value || *end || errno || number < row->min || number > row->max)
        return reason_fail(reason, -EINVAL,
                           "%s takes a whole number from %" PRId64 " to %" PRId64 ", not '%s'",
                           match->spelling.text, row->min, row->max, value);
    *(int64_t *)match->member = number;
    return 0;
}

static int set_size(const struct match *match, const char *value, struct reason *reason)
{
    int64_t size;
    int r = size_parse(value, &size);

    if (r == -ERANGE)
        return reason_fail(reason, -EINVAL, "%s: '%s' is more than any machine has", match->spelling.text,
                           value);
    if (r < 0)
        return reason_fail(
            reason, r, "%s takes a size such as 128M, 1G or 134217728 (units are powers of 1024), not '%s'",
            match->spelling.text, value);
    if (!size)
        return reason_fail(reason, -EINVAL, "%s must be more than 0", match->spelling.text);
    *(int64_t *)match->member = size;
    return 0;
}

static int add_to_list(const struct match *match, const char *value, struct reason *reason)
{
    json_t **list = match->member, *text;

    if (!*list)
        *list = json_array();
    if (!*list)
        return reason_fail(reason, -ENOMEM, "out of memory");
    text = json_string(value);
    if (!text)
        return reason_fail(reason, -EINVAL, "%s: '%s' is not UTF-8, which the protocol requires",
                           match->spelling.text, value);
    return json_array_append_new(*list, text) < 0 ? reason_fail(reason, -ENOMEM, "out of memory") : 0;
}

static int set(const struct match *match, const char *value, struct reason *reason)
{
    switch (match->row->kind) {
    case OPTION_FLAG:
        *(bool *)match->member = true;
        return 0;
    case OPTION_TEXT:
        *(const char **)match->member = value;
        return 0;
    case OPTION_NUMBER:
        return set_number(match, value, reason);
    case OPTION_SIZE:
        return set_size(match, value, reason);
    case OPTION_LIST:
        return add_to_list(match, value, reason);
    }
    return -EINVAL;
}

static int need_value(const struct match *match, char *next, char **ret, struct reason *reason)
{
    if (!next) {
        reason_set(reason, "%s needs a value: %s", match->spelling.text, match->row->value);
        return -EINVAL;
    }
    *ret = next;
    return 0;
}

/* `--name`, `--name=value`. Returns how many words of argv were used, or a negative errno. */
static int parse_long(const struct option_table *tables, size_t n_tables, char *word, char *next,
                      struct reason *reason)
{
    size_t length = strcspn(word + 2, "=");
    char *value = word[2 + length] ? word + 2 + length + 1 : NULL;
    struct match match;
    int r, used = 1;

    (void)snprintf(match.spelling.text, sizeof(match.spelling.text), "--%.*s", (int)length, word + 2);
    if (!find(tables, n_tables, word + 2, length, 0, &match))
        return reason_fail(reason, -EINVAL, "there is no option %s", match.spelling.text);
    if (match.row->kind == OPTION_FLAG && value)
        return reason_fail(reason, -EINVAL, "%s takes no value", match.spelling.text);
    if (match.row->kind != OPTION_FLAG && !value) {
        r = need_value(&match, next, &value, reason);
        if (r < 0)
            return r;
        used = 2;
    }
    r = set(&match, value, reason);
    return r < 0 ? r : used;
}

/* `-d`, `-dq`, `-m1G`, `-m 1G`. Returns as parse_long(). */
static int parse_letters(const struct option_table *tables, size_t n_tables, char *word, char *next,
                         struct reason *reason)
{
    for (char *at = word + 1; *at; at++) {
        char *value = at[1] ? at + 1 : NULL;
        struct match match;
        int r, used = 1;

        (void)snprintf(match.spelling.text, sizeof(match.spelling.text), "-%c", *at);
        if (!find(tables, n_tables, NULL, 0, *at, &match))
            return reason_fail(reason, -EINVAL, "there is no option %s", match.spelling.text);
        if (match.row->kind == OPTION_FLAG) {
            (void)set(&match, NULL, reason);
            continue;
        }
        if (!value) {
            r = need_value(&match, next, &value, reason);
            if (r < 0)
                return r;
            used = 2;
        }
        r = set(&match, value, reason);
        return r < 0 ? r : used;
    }
    return 1;
}

int options_parse(const struct option_table *tables, size_t n_tables, char **argv, size_t argc, bool stop,
                  size_t *ret_count, struct reason *reason)
{
    size_t count = 0, i = 0;

    while (i < argc) {
        char *word = argv[i], *next = i + 1 < argc ? argv[i + 1] : NULL;
        int r;

        if (!strcmp(word, "--")) {
            i++;
            break;
        }
        if (word[0] != '-' || !word[1]) {
            if (stop)
                break;
            argv[count++] = word;
            i++;
            continue;
        }
        if (word[1] == '-')
            r = parse_long(tables, n_tables, word, next, reason);
        else
            r = parse_letters(tables, n_tables, word, next, reason);
        if (r < 0)
            return r;
        i += (size_t)r;
    }
    while (i < argc)
        argv[count++] = argv[i++];
    *ret_count = count;
    return 0;
}

void options_free(const struct option_row *rows, void *target)
{
    for (; rows && rows->name; rows++)
        if (rows->kind == OPTION_LIST)
            json_decref(*(json_t **)((char *)target + rows->offset));
}
