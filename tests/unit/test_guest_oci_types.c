/* SPDX-License-Identifier: Apache-2.0 */
/* A config.json in which each value in turn is of another type than it should be. */
#include "tests/unit/oci_document.h"

/* A value of each type, none of which asks for nothing. */
static const char *const any[] = { "true", "7", "1.5", "\"x\"", "[7]", "{\"x\": 7}" };

static bool same_type(const json_t *a, const json_t *b)
{
    return json_typeof(a) == json_typeof(b) || (json_is_boolean(a) && json_is_boolean(b));
}

/* Puts a value of each other type in the place of one value, and expects to read that place's name. */
static void break_value(const json_t *document, const json_t *value, const char *place)
{
    for (size_t i = 0; i < ELEMENTS(any); i++) {
        CLEANUP_JSON json_t *changed = json_deep_copy(document),
                            *wrong = json_loads(any[i], JSON_DECODE_ANY, NULL);
        CLEANUP_JSON json_t *spawn = NULL;

        if (same_type(value, wrong))
            continue;
        change(changed, place, any[i]);
        ck_assert_msg(read_document(changed, &spawn) == -EINVAL, "%s = %s was accepted", place, any[i]);
        ck_assert_msg(strcmp(fault.parameter, place) == 0, "%s = %s: the error names %s", place, any[i],
                      fault.parameter);
    }
}

/* All that is in a value of the document, one after the other. Returns how many there are. */
static size_t break_all(const json_t *document, json_t *value, const char *place)
{
    char below[256];
    const char *name;
    json_t *member;
    size_t i, n = 0;

    json_object_foreach(value, name, member) {
        (void)snprintf(below, sizeof(below), "%s%s%s", place, place[0] != '\0' ? "." : "", name);
        break_value(document, member, below);
        n += 1 + break_all(document, member, below);
    }
    json_array_foreach(value, i, member) {
        (void)snprintf(below, sizeof(below), "%s[%zu]", place, i);
        break_value(document, member, below);
        n += 1 + break_all(document, member, below);
    }
    return n;
}

START_TEST(each_value_of_another_type_is_named)
{
    CLEANUP_JSON json_t *document = load(generated[_i]);

    ck_assert_uint_gt(break_all(document, document, ""), 100);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("oci_types");

    tcase_add_loop_test(tests, each_value_of_another_type_is_named, 0, ELEMENTS(generated));
    return guest_test_main(tests, "guest/oci_types");
}
