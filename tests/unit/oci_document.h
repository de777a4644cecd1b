/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_OCI_DOCUMENT_H
#define TESTS_OCI_DOCUMENT_H

/* A config.json as tools generate it, changed in one place, and what becomes of it. One file per test
 * program. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/oci/config.h"
#include "proto/cleanup.h"
#include "tests/unit/guest_test.h"

static struct varlink_fault fault;

/* What `crun spec` and `runc spec` wrote. */
static inline json_t *load(const char *name)
{
    char path[4096];
    json_t *document;

    (void)snprintf(path, sizeof(path), "%s/%s", OCI_CORPUS, name);
    document = json_load_file(path, 0, NULL);
    ck_assert_msg(document != NULL, "cannot read %s", path);
    return document;
}

static inline int read_document(const json_t *document, json_t **ret_spawn)
{
    CLEANUP_FREE char *text = json_dumps(document, JSON_COMPACT);

    ck_assert_ptr_nonnull(text);
    fault = (struct varlink_fault){ 0 };
    *ret_spawn = NULL;
    return oci_config_read(text, strlen(text), "/bundle", ret_spawn, &fault);
}

/* Takes the first name of a path, `mounts[3].options` -> `mounts`, 3. Returns what follows. */
static inline const char *take_name(const char *path, char *name, size_t size, int *ret_index)
{
    size_t length = strcspn(path, ".[");

    ck_assert_uint_lt(length, size);
    memcpy(name, path, length);
    name[length] = '\0';
    path += length;
    *ret_index = -1;
    if (*path == '[') {
        *ret_index = atoi(path + 1);
        path = strchr(path, ']') + 1;
    }
    return *path == '.' ? path + 1 : path;
}

/* Puts a value at a place, or removes what is there. */
static inline void change(json_t *document, const char *path, const char *value)
{
    json_t *at = document,
           *set = value != NULL ? json_loads(value, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : NULL;
    char name[64];
    int index;

    ck_assert_msg(value == NULL || set != NULL, "no JSON: %s", value);
    while (*(path = take_name(path, name, sizeof(name), &index))) {
        if (json_object_get(at, name) == NULL)
            ck_assert_int_eq(json_object_set_new(at, name, json_object()), 0);
        at = json_object_get(at, name);
        if (index >= 0)
            at = json_array_get(at, (size_t)index);
        ck_assert_ptr_nonnull(at);
    }
    if (index >= 0 && (size_t)index < json_array_size(json_object_get(at, name)))
        ck_assert_int_eq(json_array_set_new(json_object_get(at, name), (size_t)index, set), 0);
    else if (index >= 0)
        ck_assert_int_eq(json_array_append_new(json_object_get(at, name), set), 0);
    else if (set != NULL)
        ck_assert_int_eq(json_object_set_new(at, name, set), 0);
    else
        ck_assert_int_eq(json_object_del(at, name), 0);
}

static const char *const generated[] = { "crun-1.8.1", "runc-1.1.5" };

#endif
