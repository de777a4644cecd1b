/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One message as a call and as a reply, and its parameters through a table of every type. What was accepted
 * must survive encoding and decoding; what was refused must have a reason that is printable.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "proto/fields.h"
#include "proto/message.h"
#include "proto/text.h"
#include "tests/fuzz/check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct everything {
    bool flag;
    int64_t number;
    const char *text;
    int choice;
    json_t *texts, *numbers, *map, *object, *objects;
};

static const char *const choices[] = { "any", "fast", NULL };

static const struct varlink_field fields[] = {
    VARLINK_FIELD(VARLINK_BOOL, struct everything, flag),
    VARLINK_FIELD(VARLINK_INT, struct everything, number, .flags = VARLINK_REQUIRED, .min = 1,
                  .max = INT64_MAX),
    VARLINK_FIELD(VARLINK_STRING, struct everything, text, .min = 1, .max = 64),
    VARLINK_FIELD(VARLINK_ENUM, struct everything, choice, .choices = choices),
    VARLINK_FIELD(VARLINK_STRINGS, struct everything, texts, .max = 64, .count_max = 8),
    VARLINK_FIELD(VARLINK_INTS, struct everything, numbers, .min = 0, .max = 100, .count_max = 8),
    VARLINK_FIELD(VARLINK_MAP, struct everything, map, .max = 64, .count_max = 8),
    VARLINK_FIELD(VARLINK_OBJECT, struct everything, object),
    VARLINK_FIELD(VARLINK_OBJECTS, struct everything, objects, .count_max = 4),
};

static void check_reason(const char *text)
{
    CHECK(text[0] != '\0');
    CHECK(varlink_text_check(text, strlen(text), NULL) == 0 || strpbrk(text, "[{,"));
    for (const char *c = text; *c; c++)
        CHECK((unsigned char)*c >= 0x20 && *c != 0x7f);
}

static void check_fields(json_t *parameters, unsigned int flags)
{
    struct everything everything = { 0 };
    struct varlink_fault fault;
    char **vector;

    if (varlink_fields_decode(parameters, fields, ELEMENTS(fields), flags, &everything, &fault) < 0) {
        check_reason(fault.reason.text);
        return;
    }
    CHECK(everything.number >= 1);
    CHECK(!everything.text || (strlen(everything.text) >= 1 && strlen(everything.text) <= 64));
    CHECK(everything.choice >= 0 && everything.choice < 2);
    CHECK(varlink_strings_copy(everything.texts, &vector) == 0);
    free(vector);
    CHECK(varlink_map_copy(everything.map, &vector) == 0);
    free(vector);
    for (size_t i = 0; i < json_array_size(everything.objects); i++) {
        if (varlink_objects_decode(everything.objects, i, "objects", fields, ELEMENTS(fields), flags,
                                   &everything, &fault) < 0) {
            check_reason(fault.reason.text);
            break;
        }
    }
}

static void check_call(const char *text, size_t size)
{
    struct varlink_call call = VARLINK_CALL_INIT, again = VARLINK_CALL_INIT;
    struct reason reason;
    char *encoded;
    size_t length;
    int r = varlink_call_decode(text, size, &call, &reason);

    if (r < 0) {
        check_reason(reason.text);
        return;
    }
    check_fields(call.parameters, 0);
    check_fields(call.parameters, VARLINK_IGNORE_UNKNOWN);
    r = varlink_call_encode(call.method, call.parameters, call.flags, &encoded, &length);
    CHECK(r == 0 || r == -EMSGSIZE ||
          (r == -EINVAL && (call.flags == VARLINK_UPGRADE || !varlink_name_interface(call.method))));
    if (r == 0) {
        CHECK(strlen(encoded) + 1 == length);
        CHECK(varlink_call_decode(encoded, length - 1, &again, NULL) == 0);
        CHECK(strcmp(call.method, again.method) == 0 && call.flags == again.flags);
        CHECK(json_equal(call.parameters, again.parameters));
        free(encoded);
    }
    varlink_call_done(&call);
    varlink_call_done(&again);
}

static void check_reply(const char *text, size_t size)
{
    struct varlink_reply reply = VARLINK_REPLY_INIT, again = VARLINK_REPLY_INIT;
    struct reason reason;
    char *encoded;
    size_t length;
    int r = varlink_reply_decode(text, size, &reply, &reason);

    if (r < 0) {
        check_reason(reason.text);
        return;
    }
    CHECK(!(reply.error && reply.continues));
    r = varlink_reply_encode(reply.error, reply.parameters, reply.continues, &encoded, &length);
    CHECK(r == 0 || r == -EMSGSIZE);
    if (r == 0) {
        CHECK(varlink_reply_decode(encoded, length - 1, &again, NULL) == 0);
        CHECK(json_equal(reply.parameters, again.parameters) && reply.continues == again.continues);
        free(encoded);
    }
    varlink_reply_done(&reply);
    varlink_reply_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check_call((const char *)data, size);
    check_reply((const char *)data, size);
    return 0;
}
