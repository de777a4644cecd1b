/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROTO_FIELDS_H
#define PROTO_FIELDS_H

/*
 * Parameters into a C struct, by a static table with one row per field. Strict: unknown, missing, ill-typed,
 * out of range are errors that name the field.
 *
 *     struct spawn { const char *id; int64_t memory; json_t *args; int tier; };
 *     static const char *const tiers[] = { "fast", "slow", "any", NULL };
 *     static const struct varlink_field spawn_fields[] = {
 *         VARLINK_FIELD(VARLINK_STRING, struct spawn, id, .flags = VARLINK_REQUIRED, .min = 1, .max = 64),
 *         VARLINK_FIELD(VARLINK_INT, struct spawn, memory, .flags = VARLINK_REQUIRED, .min = 1, .max = 9),
 *         VARLINK_FIELD(VARLINK_STRINGS, struct spawn, args, .max = 4096, .count_max = 256),
 *         VARLINK_FIELD(VARLINK_ENUM, struct spawn, tier, .choices = tiers),
 *     };
 *     struct spawn spawn = { .tier = TIER_ANY };
 *     r = varlink_fields_decode(call->parameters, spawn_fields, ELEMENTS(spawn_fields), 0, &spawn, &fault);
 *     if (r < 0)
 *         return varlink_connection_invalid_parameter(connection, &fault);
 *
 * A field that is absent or null leaves its member as it was: what the caller put there is the default.
 * Nothing is copied: strings and JSON values are borrowed from `parameters` and live as long as that does.
 * Nothing has to be freed.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/reason.h"

enum varlink_type {
    VARLINK_BOOL,    /* bool */
    VARLINK_INT,     /* int64_t in [min, max] */
    VARLINK_STRING,  /* const char *: min to max bytes, no NUL inside */
    VARLINK_ENUM,    /* int: index into `choices` */
    VARLINK_STRINGS, /* json_t *: array of at most count_max strings of min to max bytes each */
    VARLINK_INTS,    /* json_t *: array of at most count_max integers in [min, max] */
    VARLINK_MAP,     /* json_t *: object of at most count_max strings of min to max bytes; keys of 1 to max */
    VARLINK_OBJECT,  /* json_t *: an object, to be decoded with its own table */
    VARLINK_OBJECTS, /* json_t *: array of at most count_max objects, see varlink_objects_decode() */
};

enum {
    VARLINK_REQUIRED = 1 << 0, /* of a row: absent or null is an error */
};

enum {
    VARLINK_IGNORE_UNKNOWN = 1 << 0, /* of a table: for replies, which a newer peer may extend */
};

struct varlink_field {
    const char *name;
    enum varlink_type type;
    unsigned int offset; /* of the member whose C type stands beside the type above */
    unsigned int flags;
    int64_t min, max;
    size_t count_max;
    const char *const *choices; /* NULL-terminated */
};

/* A row for a member that is called on the wire as it is in C. */
#define VARLINK_FIELD(type_, struct_, member, ...)                                                           \
    {                                                                                                        \
        .name = #member, .type = (type_), .offset = offsetof(struct_, member), __VA_ARGS__                   \
    }

/* Which field is wrong, and how. */
struct varlink_fault {
    char parameter[128]; /* `memory`, `ranges[3].start`; printable like a reason */
    struct reason reason;
};

/*
 * Decodes an object.
 *
 * @parameters  an object; NULL is an empty one
 * @flags       0 or VARLINK_IGNORE_UNKNOWN
 * @target      the struct; if decoding fails some members may already be set
 * @fault       says what is wrong; may be NULL
 *
 * Returns 0 or -EINVAL.
 */
int varlink_fields_decode(json_t *parameters, const struct varlink_field *fields, size_t n_fields,
                          unsigned int flags, void *target, struct varlink_fault *fault);

/*
 * Decodes a nested object, or one element of an array of objects; the fault is named `name.field` or
 * `name[index].field`.
 *
 * @value  the object or array that the outer table delivered; NULL is an empty one
 *
 * Return 0 or -EINVAL (also for an index beyond the array's end).
 */
int varlink_object_decode(json_t *value, const char *name, const struct varlink_field *fields,
                          size_t n_fields, unsigned int flags, void *target, struct varlink_fault *fault);
int varlink_objects_decode(json_t *array, size_t index, const char *name, const struct varlink_field *fields,
                           size_t n_fields, unsigned int flags, void *target, struct varlink_fault *fault);

/*
 * Copies a decoded VARLINK_STRINGS into a NULL-terminated vector, as execve(2) wants it.
 *
 * @strings  may be NULL: an empty vector
 * @ret      one allocation, strings included: a single free() releases all
 *
 * Returns 0 or -ENOMEM.
 */
int varlink_strings_copy(json_t *strings, char ***ret);

/* As varlink_strings_copy(), for a decoded VARLINK_MAP: `key=value` strings, in the order they were sent. */
int varlink_map_copy(json_t *map, char ***ret);

/* Sets the fault, for a check that a table cannot express. Returns -EINVAL. `fault` may be NULL. */
int varlink_fault_set(struct varlink_fault *fault, const char *parameter, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define ELEMENTS(array) (sizeof(array) / sizeof(*(array)))

#endif
