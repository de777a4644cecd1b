/* SPDX-License-Identifier: Apache-2.0 */
#include "agent/ctl/environment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/cleanup.h"

static enum exit_code add(const struct ctl *ctl, json_t *environment, const char *item, const char *origin)
{
    CLEANUP_FREE char *taken = NULL;
    json_t *text;

    if (!*item || *item == '=') {
        ctl_error(ctl, "%s: '%s' has no name; write NAME=VALUE or NAME", origin, item);
        return EXIT_USAGE;
    }
    if (!strchr(item, '=')) {
        const char *value = getenv(item);

        if (!value)
            return EXIT_OK;
        if (asprintf(&taken, "%s=%s", item, value) < 0)
            return ctl_no_memory(ctl);
        item = taken;
    }
    text = json_string(item);
    if (!text) {
        ctl_error(ctl, "%s: '%s' is not UTF-8, which the protocol requires", origin, item);
        return EXIT_USAGE;
    }
    return json_array_append_new(environment, text) < 0 ? ctl_no_memory(ctl) : EXIT_OK;
}

static void cleanup_file(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

static enum exit_code read_file(const struct ctl *ctl, const char *path, json_t *environment)
{
    CLEANUP(cleanup_file) FILE *file = fopen(path, "re");
    CLEANUP_FREE char *line = NULL;
    enum exit_code code = EXIT_OK;
    size_t allocated = 0;
    ssize_t length;

    if (!file) {
        ctl_error(ctl, "--env-file %s: %s", path, strerror(errno));
        return EXIT_USAGE;
    }
    while (!code && (length = getline(&line, &allocated, file)) >= 0) {
        if (length && line[length - 1] == '\n')
            line[--length] = '\0';
        if (strlen(line) != (size_t)length) {
            ctl_error(ctl, "--env-file %s has a NUL in it: it is no text file", path);
            return EXIT_USAGE;
        }
        if (*line && *line != '#')
            code = add(ctl, environment, line, path);
    }
    if (!code && ferror(file)) {
        ctl_error(ctl, "--env-file %s: %s", path, strerror(errno));
        return EXIT_USAGE;
    }
    return code;
}

enum exit_code environment_collect(const struct ctl *ctl, const char *file, const json_t *items, json_t **ret)
{
    CLEANUP_JSON json_t *environment = json_array();
    enum exit_code code = EXIT_OK;
    json_t *item;
    size_t i;

    if (!environment)
        return ctl_no_memory(ctl);
    if (file)
        code = read_file(ctl, file, environment);
    if (code)
        return code;
    json_array_foreach(items, i, item) {
        code = add(ctl, environment, json_string_value(item), "--env");
        if (code)
            return code;
    }
    *ret = json_array_size(environment) ? TAKE(environment) : NULL;
    return EXIT_OK;
}
