/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "proto/cleanup.h"

__attribute__((format(printf, 3, 0))) static int
fault_set_list(struct varlink_fault *fault, const char *parameter, const char *format, va_list list)
{
    size_t size;

    if (!fault)
        return -EINVAL;
    size = sizeof(fault->parameter);
    reason_clean(fault->parameter, size, snprintf(fault->parameter, size, "%s", parameter) >= (int)size);
    reason_set_list(&fault->reason, format, list);
    return -EINVAL;
}

int varlink_fault_set(struct varlink_fault *fault, const char *parameter, const char *format, ...)
{
    va_list list;
    int r;

    va_start(list, format);
    r = fault_set_list(fault, parameter, format, list);
    va_end(list);
    return r;
}

static const char *type_name(const json_t *value)
{
    switch (json_typeof(value)) {
    case JSON_OBJECT:
        return "an object";
    case JSON_ARRAY:
        return "an array";
    case JSON_STRING:
        return "a string";
    case JSON_INTEGER:
        return "an integer";
    case JSON_REAL:
        return "no integer, or one beyond 64 bits";
    case JSON_TRUE:
    case JSON_FALSE:
        return "a boolean";
    default:
        return "null";
    }
}

static int check_integer(const struct varlink_field *field, const json_t *value, const char *name,
                         struct varlink_fault *fault)
{
    if (!json_is_integer(value))
        return varlink_fault_set(fault, name, "must be an integer from %" PRId64 " to %" PRId64 ", and is %s",
                                 field->min, field->max, type_name(value));
    if (json_integer_value(value) < field->min || json_integer_value(value) > field->max)
        return varlink_fault_set(fault, name,
                                 "must be from %" PRId64 " to %" PRId64 ", and is %" JSON_INTEGER_FORMAT,
                                 field->min, field->max, json_integer_value(value));
    return 0;
}

static int check_string(const struct varlink_field *field, const json_t *value, const char *name,
                        struct varlink_fault *fault)
{
    size_t length = json_string_length(value);

    if (!json_is_string(value))
        return varlink_fault_set(fault, name, "must be a string, and is %s", type_name(value));
    if (strlen(json_string_value(value)) != length)
        return varlink_fault_set(fault, name, "must not have a NUL character");
    if (length < (uint64_t)field->min || length > (uint64_t)field->max)
        return varlink_fault_set(fault, name, "must have %" PRId64 " to %" PRId64 " bytes, and has %zu",
                                 field->min, field->max, length);
    return 0;
}

static int check_object(const struct varlink_field *field, const json_t *value, const char *name,
                        struct varlink_fault *fault)
{
    (void)field;
    if (!json_is_object(value))
        return varlink_fault_set(fault, name, "must be an object, and is %s", type_name(value));
    return 0;
}

static int check_array(const struct varlink_field *field, const json_t *value, const char *name,
                       struct varlink_fault *fault)
{
    int (*check)(const struct varlink_field *, const json_t *, const char *, struct varlink_fault *) =
        field->type == VARLINK_INTS      ? check_integer
        : field->type == VARLINK_STRINGS ? check_string
                                         : check_object;
    char element_name[sizeof(fault->parameter)];
    json_t *element;
    size_t i;
    int r;

    if (!json_is_array(value))
        return varlink_fault_set(fault, name, "must be an array, and is %s", type_name(value));
    if (json_array_size(value) > field->count_max)
        return varlink_fault_set(fault, name, "must have at most %zu elements, and has %zu", field->count_max,
                                 json_array_size(value));
    json_array_foreach(value, i, element) {
        (void)snprintf(element_name, sizeof(element_name), "%.96s[%zu]", name, i);
        r = check(field, element, element_name, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

static int check_map(const struct varlink_field *field, json_t *value, const char *name,
                     struct varlink_fault *fault)
{
    char element_name[sizeof(fault->parameter)];
    const char *key;
    json_t *element;
    int r = check_object(field, value, name, fault);

    if (r < 0)
        return r;
    if (json_object_size(value) > field->count_max)
        return varlink_fault_set(fault, name, "must have at most %zu members, and has %zu", field->count_max,
                                 json_object_size(value));
    json_object_foreach(value, key, element) {
        if (key[0] == '\0' || strlen(key) > (uint64_t)field->max)
            return varlink_fault_set(fault, name, "must have keys of 1 to %" PRId64 " bytes", field->max);
        (void)snprintf(element_name, sizeof(element_name), "%.32s.%.64s", name, key);
        r = check_string(field, element, element_name, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

static int decode_enum(const struct varlink_field *field, const json_t *value, const char *name, int *ret,
                       struct varlink_fault *fault)
{
    char list[sizeof(fault->reason.text)] = "";
    const char *text = json_string_value(value);

    for (int i = 0; field->choices[i]; i++) {
        size_t used = strlen(list);

        if (text && strlen(text) == json_string_length(value) && strcmp(text, field->choices[i]) == 0) {
            *ret = i;
            return 0;
        }
        (void)snprintf(list + used, sizeof(list) - used, "%s%s", i > 0 ? ", " : "", field->choices[i]);
    }
    return varlink_fault_set(fault, name, "must be one of: %s", list);
}

/* Checks one value and stores it. The member at `target` has the C type that fields.h names beside the
 * field's type. */
static int decode_value(const struct varlink_field *field, json_t *value, const char *name, void *target,
                        struct varlink_fault *fault)
{
    int r;

    switch (field->type) {
    case VARLINK_BOOL:
        if (!json_is_boolean(value))
            return varlink_fault_set(fault, name, "must be true or false, and is %s", type_name(value));
        *(bool *)target = json_is_true(value);
        return 0;
    case VARLINK_INT:
        r = check_integer(field, value, name, fault);
        if (r == 0)
            *(int64_t *)target = json_integer_value(value);
        return r;
    case VARLINK_STRING:
        r = check_string(field, value, name, fault);
        if (r == 0)
            *(const char **)target = json_string_value(value);
        return r;
    case VARLINK_ENUM:
        return decode_enum(field, value, name, target, fault);
    case VARLINK_MAP:
        r = check_map(field, value, name, fault);
        break;
    case VARLINK_OBJECT:
        r = check_object(field, value, name, fault);
        break;
    default:
        r = check_array(field, value, name, fault);
        break;
    }
    if (r == 0)
        *(json_t **)target = value;
    return r;
}

static int check_unknown(json_t *parameters, const char *prefix, const struct varlink_field *fields,
                         size_t n_fields, struct varlink_fault *fault)
{
    char name[sizeof(fault->parameter)];
    const char *key;
    json_t *value;
    size_t i;

    json_object_foreach(parameters, key, value) {
        for (i = 0; i < n_fields && strcmp(fields[i].name, key) != 0; i++)
            ;
        if (i < n_fields)
            continue;
        (void)snprintf(name, sizeof(name), "%.48s%.64s", prefix, key);
        return varlink_fault_set(fault, name, "is not known here");
    }
    return 0;
}

static int decode_with_prefix(json_t *parameters, const char *prefix, const struct varlink_field *fields,
                              size_t n_fields, unsigned int flags, void *target, struct varlink_fault *fault)
{
    char name[sizeof(fault->parameter)];
    int r = flags & VARLINK_IGNORE_UNKNOWN ? 0 : check_unknown(parameters, prefix, fields, n_fields, fault);

    if (r < 0)
        return r;
    for (size_t i = 0; i < n_fields; i++) {
        json_t *value = json_object_get(parameters, fields[i].name);

        (void)snprintf(name, sizeof(name), "%.48s%.64s", prefix, fields[i].name);
        if (!value || json_is_null(value)) {
            if (fields[i].flags & VARLINK_REQUIRED)
                return varlink_fault_set(fault, name, "is required");
            continue;
        }
        r = decode_value(&fields[i], value, name, (char *)target + fields[i].offset, fault);
        if (r < 0)
            return r;
    }
    return 0;
}

int varlink_fields_decode(json_t *parameters, const struct varlink_field *fields, size_t n_fields,
                          unsigned int flags, void *target, struct varlink_fault *fault)
{
    if (parameters && !json_is_object(parameters))
        return varlink_fault_set(fault, "parameters", "must be an object");
    return decode_with_prefix(parameters, "", fields, n_fields, flags, target, fault);
}

int varlink_object_decode(json_t *value, const char *name, const struct varlink_field *fields,
                          size_t n_fields, unsigned int flags, void *target, struct varlink_fault *fault)
{
    char prefix[64];

    if (value && !json_is_object(value))
        return varlink_fault_set(fault, name, "must be an object, and is %s", type_name(value));
    (void)snprintf(prefix, sizeof(prefix), "%.46s.", name);
    return decode_with_prefix(value, prefix, fields, n_fields, flags, target, fault);
}

int varlink_objects_decode(json_t *array, size_t index, const char *name, const struct varlink_field *fields,
                           size_t n_fields, unsigned int flags, void *target, struct varlink_fault *fault)
{
    char element_name[64];

    (void)snprintf(element_name, sizeof(element_name), "%.36s[%zu]", name, index);
    if (index >= json_array_size(array))
        return varlink_fault_set(fault, element_name, "does not exist");
    return varlink_object_decode(json_array_get(array, index), element_name, fields, n_fields, flags, target,
                                 fault);
}

/* A NULL-terminated vector of `n` strings and `bytes` bytes for them, in one allocation. */
static char **vector_new(size_t n, size_t bytes, char **ret_text)
{
    char **vector = malloc((n + 1) * sizeof(*vector) + bytes);

    if (vector) {
        vector[n] = NULL;
        *ret_text = (char *)(vector + n + 1);
    }
    return vector;
}

int varlink_strings_copy(json_t *strings, char ***ret)
{
    size_t i, bytes = 0;
    json_t *value;
    char **vector, *text;

    json_array_foreach(strings, i, value)
        bytes += json_string_length(value) + 1;
    vector = vector_new(json_array_size(strings), bytes, &text);
    if (!vector)
        return -ENOMEM;
    json_array_foreach(strings, i, value) {
        vector[i] = text;
        text = stpcpy(text, json_string_value(value)) + 1;
    }
    *ret = vector;
    return 0;
}

int varlink_map_copy(json_t *map, char ***ret)
{
    size_t i = 0, bytes = 0;
    const char *key;
    json_t *value;
    char **vector, *text;

    json_object_foreach(map, key, value)
        bytes += strlen(key) + 1 + json_string_length(value) + 1;
    vector = vector_new(json_object_size(map), bytes, &text);
    if (!vector)
        return -ENOMEM;
    json_object_foreach(map, key, value) {
        vector[i++] = text;
        text = stpcpy(stpcpy(stpcpy(text, key), "="), json_string_value(value)) + 1;
    }
    *ret = vector;
    return 0;
}
