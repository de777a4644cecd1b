/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fields.h"
#include "proto/text.h"

struct spawn {
    bool read_only;
    int64_t memory;
    const char *id;
    int tier;
    json_t *args, *nodes, *environment, *root, *ranges;
};

static const char *const tiers[] = { "any", "fast", "slow", NULL };

static const struct varlink_field spawn_fields[] = {
    { "read_only", VARLINK_BOOL, offsetof(struct spawn, read_only), .flags = 0 },
    { "memory", VARLINK_INT, offsetof(struct spawn, memory), VARLINK_REQUIRED, .min = 1, .max = 1 << 20 },
    { "id", VARLINK_STRING, offsetof(struct spawn, id), 0, .min = 1, .max = 8 },
    { "tier", VARLINK_ENUM, offsetof(struct spawn, tier), 0, .choices = tiers },
    { "args", VARLINK_STRINGS, offsetof(struct spawn, args), 0, .max = 8, .count_max = 3 },
    { "nodes", VARLINK_INTS, offsetof(struct spawn, nodes), 0, .min = 0, .max = 127, .count_max = 2 },
    { "environment", VARLINK_MAP, offsetof(struct spawn, environment), 0, .max = 8, .count_max = 2 },
    VARLINK_FIELD(VARLINK_OBJECT, struct spawn, root),
    { "ranges", VARLINK_OBJECTS, offsetof(struct spawn, ranges), 0, .count_max = 2 },
};

struct range {
    int64_t start;
};

static const struct varlink_field range_fields[] = {
    { "start", VARLINK_INT, offsetof(struct range, start), VARLINK_REQUIRED, .min = 0, .max = INT64_MAX },
};

static json_t *parameters;
static struct spawn spawn;
static struct varlink_fault fault;

static void teardown(void)
{
    json_decref(parameters);
    parameters = NULL;
}

static int decode_with(const char *text, unsigned int flags)
{
    json_decref(parameters);
    parameters = NULL;
    ck_assert_int_eq(varlink_text_parse(text, strlen(text), &parameters, NULL), 0);
    spawn = (struct spawn){ .memory = -1, .tier = -1, .read_only = true };
    fault = (struct varlink_fault){ 0 };
    return varlink_fields_decode(parameters, spawn_fields, ELEMENTS(spawn_fields), flags, &spawn, &fault);
}

static int decode(const char *text)
{
    return decode_with(text, 0);
}

START_TEST(every_type_reaches_its_member)
{
    ck_assert_int_eq(decode("{\"read_only\":false,\"memory\":4096,\"id\":\"web\",\"tier\":\"slow\",\"args\":["
                            "\"sh\",\"-c\",\"\"],"
                            "\"nodes\":[0,127],\"environment\":{\"A\":\"b\",\"C\":\"\"},\"root\":{\"x\":1},"
                            "\"ranges\":[{\"start\":1},{\"start\":2}]}"),
                     0);
    ck_assert(!spawn.read_only);
    ck_assert_int_eq(spawn.memory, 4096);
    ck_assert_str_eq(spawn.id, "web");
    ck_assert_int_eq(spawn.tier, 2);
    ck_assert_uint_eq(json_array_size(spawn.args), 3);
    ck_assert_uint_eq(json_array_size(spawn.nodes), 2);
    ck_assert_uint_eq(json_object_size(spawn.environment), 2);
    ck_assert_uint_eq(json_object_size(spawn.root), 1);
    ck_assert_uint_eq(json_array_size(spawn.ranges), 2);
}
END_TEST

START_TEST(absent_and_null_leave_the_default)
{
    ck_assert_int_eq(decode("{\"memory\":1,\"tier\":null,\"read_only\":null,\"id\":null,\"args\":null}"), 0);
    ck_assert(spawn.read_only);
    ck_assert_int_eq(spawn.tier, -1);
    ck_assert_ptr_null(spawn.id);
    ck_assert_ptr_null(spawn.args);
}
END_TEST

static const struct {
    const char *text;
    const char *parameter;
    const char *reason;
} faults[] = {
    { "{}", "memory", "is required" },
    { "{\"memory\":null}", "memory", "is required" },
    { "{\"memory\":1,\"memroy\":2}", "memroy", "is not known" },
    { "{\"memory\":0}", "memory", "must be from 1 to 1048576, and is 0" },
    { "{\"memory\":-5}", "memory", "must be from" },
    { "{\"memory\":1048577}", "memory", "and is 1048577" },
    { "{\"memory\":99999999999999999999999}", "memory", "beyond 64 bits" },
    { "{\"memory\":1.0}", "memory", "must be an integer" },
    { "{\"memory\":\"1\"}", "memory", "must be an integer from 1 to 1048576, and is a string" },
    { "{\"memory\":true}", "memory", "is a boolean" },
    { "{\"memory\":1,\"read_only\":1}", "read_only", "must be true or false, and is an integer" },
    { "{\"memory\":1,\"id\":7}", "id", "must be a string, and is an integer" },
    { "{\"memory\":1,\"id\":\"\"}", "id", "must have 1 to 8 bytes, and has 0" },
    { "{\"memory\":1,\"id\":\"123456789\"}", "id", "and has 9" },
    { "{\"memory\":1,\"id\":\"a\\u0000b\"}", "id", "NUL" },
    { "{\"memory\":1,\"tier\":\"Fast\"}", "tier", "must be one of: any, fast, slow" },
    { "{\"memory\":1,\"tier\":\"fast\\u0000\"}", "tier", "must be one of" },
    { "{\"memory\":1,\"tier\":1}", "tier", "must be one of" },
    { "{\"memory\":1,\"args\":\"sh\"}", "args", "must be an array" },
    { "{\"memory\":1,\"args\":[\"1\",\"2\",\"3\",\"4\"]}", "args", "at most 3 elements, and has 4" },
    { "{\"memory\":1,\"args\":[\"sh\",null]}", "args[1]", "must be a string, and is null" },
    { "{\"memory\":1,\"args\":[\"a\\u0000\"]}", "args[0]", "NUL" },
    { "{\"memory\":1,\"nodes\":[0,128]}", "nodes[1]", "and is 128" },
    { "{\"memory\":1,\"environment\":[]}", "environment", "must be an object" },
    { "{\"memory\":1,\"environment\":{\"A\":1}}", "environment.A", "must be a string" },
    { "{\"memory\":1,\"environment\":{\"\":\"\"}}", "environment", "keys of 1 to 8" },
    { "{\"memory\":1,\"environment\":{\"123456789\":\"\"}}", "environment", "keys of 1 to 8" },
    { "{\"memory\":1,\"environment\":{\"A\":\"\",\"B\":\"\",\"C\":\"\"}}", "environment",
      "at most 2 members" },
    { "{\"memory\":1,\"root\":[]}", "root", "must be an object, and is an array" },
    { "{\"memory\":1,\"ranges\":[{},1]}", "ranges[1]", "must be an object" },
    { "{\"memory\":1,\"\\u001b[31m\":1}", "?[31m", "is not known" },
};

START_TEST(a_fault_names_its_field_and_says_what_is_expected)
{
    ck_assert_int_eq(decode(faults[_i].text), -EINVAL);
    ck_assert_str_eq(fault.parameter, faults[_i].parameter);
    ck_assert_msg(strstr(fault.reason.text, faults[_i].reason), "%s", fault.reason.text);
}
END_TEST

START_TEST(a_long_unknown_name_is_cut)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "{\"memory\":1,\"%0300d\":1}", 0);
    ck_assert_int_eq(decode(text), -EINVAL);
    ck_assert_uint_eq(strlen(fault.parameter), 64);
}
END_TEST

START_TEST(unknown_fields_of_a_reply_may_be_ignored_but_known_ones_not)
{
    ck_assert_int_eq(decode_with("{\"memory\":1,\"new\":2}", VARLINK_IGNORE_UNKNOWN), 0);
    ck_assert_int_eq(decode_with("{\"memory\":\"1\",\"new\":2}", VARLINK_IGNORE_UNKNOWN), -EINVAL);
}
END_TEST

START_TEST(the_fault_is_optional)
{
    ck_assert_int_eq(varlink_fields_decode(NULL, spawn_fields, ELEMENTS(spawn_fields), 0, &spawn, NULL),
                     -EINVAL);
    ck_assert_int_eq(varlink_fields_decode(NULL, spawn_fields, 1, 0, &spawn, NULL), 0);
}
END_TEST

START_TEST(elements_are_decoded_one_by_one)
{
    struct range range = { 0 };

    ck_assert_int_eq(decode("{\"memory\":1,\"ranges\":[{\"start\":5},{\"start\":-1}],\"root\":{\"end\":1}}"),
                     0);
    ck_assert_int_eq(varlink_objects_decode(spawn.ranges, 0, "ranges", range_fields, 1, 0, &range, &fault),
                     0);
    ck_assert_int_eq(range.start, 5);
    ck_assert_int_eq(varlink_objects_decode(spawn.ranges, 1, "ranges", range_fields, 1, 0, &range, &fault),
                     -EINVAL);
    ck_assert_str_eq(fault.parameter, "ranges[1].start");
    ck_assert_int_eq(varlink_objects_decode(spawn.ranges, 2, "ranges", range_fields, 1, 0, &range, &fault),
                     -EINVAL);
    ck_assert_str_eq(fault.parameter, "ranges[2]");
    ck_assert_int_eq(varlink_object_decode(spawn.root, "root", range_fields, 1, 0, &range, &fault), -EINVAL);
    ck_assert_str_eq(fault.parameter, "root.end");
}
END_TEST

START_TEST(vectors_are_ready_for_execve_and_one_free)
{
    char **vector = NULL;

    ck_assert_int_eq(decode("{\"memory\":1,\"args\":[\"sh\",\"\"],\"environment\":{\"B\":\"1\",\"A\":\"\"}}"),
                     0);
    ck_assert_int_eq(varlink_strings_copy(spawn.args, &vector), 0);
    json_decref(parameters);
    parameters = NULL;
    ck_assert_str_eq(vector[0], "sh");
    ck_assert_str_eq(vector[1], "");
    ck_assert_ptr_null(vector[2]);
    free(vector);
    ck_assert_int_eq(varlink_strings_copy(NULL, &vector), 0);
    ck_assert_ptr_null(vector[0]);
    free(vector);
    ck_assert_int_eq(decode("{\"memory\":1,\"environment\":{\"B\":\"1\",\"A\":\"\"}}"), 0);
    ck_assert_int_eq(varlink_map_copy(spawn.environment, &vector), 0);
    ck_assert_str_eq(vector[0], "B=1");
    ck_assert_str_eq(vector[1], "A=");
    ck_assert_ptr_null(vector[2]);
    free(vector);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/fields");
    TCase *tcase = tcase_create("fields");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, every_type_reaches_its_member);
    tcase_add_test(tcase, absent_and_null_leave_the_default);
    tcase_add_loop_test(tcase, a_fault_names_its_field_and_says_what_is_expected, 0, ELEMENTS(faults));
    tcase_add_test(tcase, a_long_unknown_name_is_cut);
    tcase_add_test(tcase, unknown_fields_of_a_reply_may_be_ignored_but_known_ones_not);
    tcase_add_test(tcase, the_fault_is_optional);
    tcase_add_test(tcase, elements_are_decoded_one_by_one);
    tcase_add_test(tcase, vectors_are_ready_for_execve_and_one_free);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
