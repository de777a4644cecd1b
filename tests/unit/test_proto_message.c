/* SPDX-License-Identifier: Apache-2.0 */
/* The wire rules of UAPI.20, one test each. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/fields.h"
#include "proto/frame.h"
#include "proto/message.h"

static struct varlink_call call;
static struct varlink_reply reply;
static struct reason reason;

static void teardown(void)
{
    varlink_call_done(&call);
    varlink_reply_done(&reply);
}

static int decode_call(const char *text)
{
    varlink_call_done(&call);
    return varlink_call_decode(text, strlen(text), &call, &reason);
}

static int decode_reply(const char *text)
{
    varlink_reply_done(&reply);
    return varlink_reply_decode(text, strlen(text), &reply, &reason);
}

START_TEST(a_call_has_a_method_and_parameters)
{
    ck_assert_int_eq(decode_call("{\"method\":\"io.czone.Zone.List\",\"parameters\":{\"a\":1}}"), 0);
    ck_assert_str_eq(call.method, "io.czone.Zone.List");
    ck_assert_uint_eq(json_object_size(call.parameters), 1);
    ck_assert_uint_eq(call.flags, 0);
}
END_TEST

static const char *const calls_without_parameters[] = {
    "{\"method\":\"a.b.C\"}",
    "{\"method\":\"a.b.C\",\"parameters\":null}",
    "{\"method\":\"a.b.C\",\"parameters\":{}}",
};

START_TEST(absent_null_and_empty_parameters_are_the_same)
{
    ck_assert_int_eq(decode_call(calls_without_parameters[_i]), 0);
    ck_assert(json_is_object(call.parameters));
    ck_assert_uint_eq(json_object_size(call.parameters), 0);
}
END_TEST

START_TEST(each_flag_is_known_and_false_or_null_is_absent)
{
    ck_assert_int_eq(decode_call("{\"method\":\"a.b.C\",\"more\":true,\"oneway\":false,\"upgrade\":null}"),
                     0);
    ck_assert_uint_eq(call.flags, VARLINK_MORE);
    ck_assert_int_eq(decode_call("{\"method\":\"a.b.C\",\"oneway\":true}"), 0);
    ck_assert_uint_eq(call.flags, VARLINK_ONEWAY);
    ck_assert_int_eq(decode_call("{\"method\":\"a.b.C\",\"upgrade\":true}"), 0);
    ck_assert_uint_eq(call.flags, VARLINK_UPGRADE);
}
END_TEST

START_TEST(vendor_objects_are_ignored)
{
    ck_assert_int_eq(decode_call("{\"method\":\"a.b.C\",\"org.example\":{\"x\":1}}"), 0);
    ck_assert_int_eq(decode_reply("{\"org.example\":{}}"), 0);
}
END_TEST

static const char *const bad_calls[] = {
    "{}",
    "{\"parameters\":{}}",
    "{\"method\":null}",
    "{\"method\":1}",
    "{\"method\":\"\"}",
    "{\"method\":\"a.b.C\\u0000\"}",
    "{\"method\":\"a.b.C\",\"parameters\":[]}",
    "{\"method\":\"a.b.C\",\"parameters\":\"x\"}",
    "{\"method\":\"a.b.C\",\"more\":1}",
    "{\"method\":\"a.b.C\",\"oneway\":\"true\"}",
    "{\"method\":\"a.b.C\",\"upgrade\":{}}",
    "{\"method\":\"a.b.C\",\"more\":true,\"oneway\":true}",
    "{\"method\":\"a.b.C\",\"more\":true,\"upgrade\":true}",
    "{\"method\":\"a.b.C\",\"id\":1}",
    "{\"method\":\"a.b.C\",\"X-id\":{}}",
    "{\"method\":\"a.b.C\",\"org.example\":1}",
};

START_TEST(a_call_against_the_rules_is_a_violation)
{
    ck_assert_int_eq(decode_call(bad_calls[_i]), -EPROTO);
    ck_assert_str_ne(reason.text, "");
    ck_assert_ptr_null(call.method);
}
END_TEST

START_TEST(a_method_name_has_a_longest_length)
{
    char text[600];

    (void)snprintf(text, sizeof(text), "{\"method\":\"%0*d\"}", (int)VARLINK_NAME_MAX, 0);
    ck_assert_int_eq(decode_call(text), 0);
    (void)snprintf(text, sizeof(text), "{\"method\":\"%0*d\"}", (int)VARLINK_NAME_MAX + 1, 0);
    ck_assert_int_eq(decode_call(text), -EPROTO);
}
END_TEST

START_TEST(a_reply_may_have_everything_absent_or_null)
{
    ck_assert_int_eq(decode_reply("{}"), 0);
    ck_assert_int_eq(decode_reply("{\"parameters\":null,\"continues\":null,\"error\":null}"), 0);
    ck_assert_ptr_null(reply.error);
    ck_assert(!reply.continues);
    ck_assert(json_is_object(reply.parameters));
    ck_assert_int_eq(decode_reply("{\"continues\":true,\"parameters\":{\"a\":1}}"), 0);
    ck_assert(reply.continues);
    ck_assert_int_eq(
        decode_reply("{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"x\"}}"),
        0);
    ck_assert_str_eq(reply.error, "org.varlink.service.MethodNotFound");
}
END_TEST

static const char *const bad_replies[] = {
    "{\"error\":\"a.b.C\",\"continues\":true}",
    "{\"error\":1}",
    "{\"error\":\"\"}",
    "{\"error\":\"no name\"}",
    "{\"error\":\"\\u001b[2J.a.B\"}",
    "{\"continues\":1}",
    "{\"parameters\":[]}",
    "{\"id\":1}",
};

START_TEST(a_reply_against_the_rules_is_a_violation)
{
    ck_assert_int_eq(decode_reply(bad_replies[_i]), -EPROTO);
    ck_assert_str_ne(reason.text, "");
}
END_TEST

static void expect_text(const char *expected, int r, char *text, size_t length)
{
    ck_assert_int_eq(r, 0);
    ck_assert_str_eq(text, expected);
    ck_assert_uint_eq(length, strlen(expected) + 1);
    free(text);
}

START_TEST(what_is_empty_or_false_is_not_sent)
{
    json_t *empty = json_object();
    char *text = NULL;
    size_t length = 0;
    int r = varlink_reply_encode(NULL, empty, false, &text, &length);

    expect_text("{}", r, text, length);
    r = varlink_reply_encode(NULL, NULL, false, &text, &length);
    expect_text("{}", r, text, length);
    r = varlink_call_encode("a.b.C", empty, 0, &text, &length);
    expect_text("{\"method\":\"a.b.C\"}", r, text, length);
    json_decref(empty);
}
END_TEST

START_TEST(messages_are_compact_ascii)
{
    json_t *parameters = json_pack("{s:s}", "name", "\xc3\xa9\x1b");
    char *text = NULL;
    size_t length = 0;
    int r = varlink_call_encode("a.b.C", parameters, VARLINK_MORE, &text, &length);

    expect_text("{\"method\":\"a.b.C\",\"more\":true,\"parameters\":{\"name\":\"\\u00E9\\u001B\"}}", r, text,
                length);
    r = varlink_reply_encode(NULL, parameters, true, &text, &length);
    expect_text("{\"continues\":true,\"parameters\":{\"name\":\"\\u00E9\\u001B\"}}", r, text, length);
    r = varlink_reply_encode("a.b.C", parameters, false, &text, &length);
    expect_text("{\"error\":\"a.b.C\",\"parameters\":{\"name\":\"\\u00E9\\u001B\"}}", r, text, length);
    json_decref(parameters);
}
END_TEST

START_TEST(what_the_rules_forbid_is_not_encoded)
{
    json_t *array = json_array();
    char *text = NULL;
    size_t length = 0;

    ck_assert_int_eq(varlink_call_encode("a.b.C", NULL, VARLINK_MORE | VARLINK_ONEWAY, &text, &length),
                     -EINVAL);
    ck_assert_int_eq(varlink_call_encode("a.b.C", array, 0, &text, &length), -EINVAL);
    ck_assert_int_eq(varlink_call_encode("abc", NULL, 0, &text, &length), -EINVAL);
    ck_assert_int_eq(varlink_reply_encode("a.b.C", NULL, true, &text, &length), -EINVAL);
    ck_assert_int_eq(varlink_reply_encode("no name", NULL, false, &text, &length), -EINVAL);
    ck_assert_ptr_null(text);
    json_decref(array);
}
END_TEST

START_TEST(a_message_longer_than_the_limit_is_not_encoded)
{
    char *string = malloc(VARLINK_MESSAGE_MAX + 1);
    json_t *parameters;
    char *text = NULL;
    size_t length = 0;

    memset(string, 'x', VARLINK_MESSAGE_MAX);
    string[VARLINK_MESSAGE_MAX] = '\0';
    parameters = json_pack("{s:s}", "a", string);
    ck_assert_int_eq(varlink_reply_encode(NULL, parameters, false, &text, &length), -EMSGSIZE);
    json_decref(parameters);
    /* `{"parameters":{"a":""}}` is 23 bytes */
    string[VARLINK_MESSAGE_MAX - 23] = '\0';
    parameters = json_pack("{s:s}", "a", string);
    ck_assert_int_eq(varlink_reply_encode(NULL, parameters, false, &text, &length), 0);
    ck_assert_uint_eq(length, VARLINK_MESSAGE_MAX + 1);
    free(text);
    json_decref(parameters);
    free(string);
}
END_TEST

static const struct {
    const char *name;
    size_t interface;
} names[] = {
    { "io.czone.Container.Spawn", 18 },
    { "org.varlink.service.GetInfo", 19 },
    { "a.b.C", 3 },
    { "a-b.0-1.C2", 7 },
    { "A.B.C", 3 },
    { "", 0 },
    { "a", 0 },
    { "Spawn", 0 },
    { "a.C", 0 }, /* an interface has two components at least */
    { "a.b.c", 0 },
    { "a.b.", 0 },
    { "a..b.C", 0 },
    { ".a.b.C", 0 },
    { "0.b.C", 0 },
    { "-a.b.C", 0 },
    { "a-.b.C", 0 },
    { "a.b-.C", 0 },
    { "a.b.C-D", 0 },
    { "a.b.C D", 0 },
    { "a_b.c.D", 0 },
    { "a/b.c.D", 0 },
};

START_TEST(names_follow_the_grammar)
{
    ck_assert_uint_eq(varlink_name_interface(names[_i].name), names[_i].interface);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/message");
    TCase *tcase = tcase_create("message");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, NULL, teardown);
    tcase_add_test(tcase, a_call_has_a_method_and_parameters);
    tcase_add_loop_test(tcase, absent_null_and_empty_parameters_are_the_same, 0,
                        ELEMENTS(calls_without_parameters));
    tcase_add_test(tcase, each_flag_is_known_and_false_or_null_is_absent);
    tcase_add_test(tcase, vendor_objects_are_ignored);
    tcase_add_loop_test(tcase, a_call_against_the_rules_is_a_violation, 0, ELEMENTS(bad_calls));
    tcase_add_test(tcase, a_method_name_has_a_longest_length);
    tcase_add_test(tcase, a_reply_may_have_everything_absent_or_null);
    tcase_add_loop_test(tcase, a_reply_against_the_rules_is_a_violation, 0, ELEMENTS(bad_replies));
    tcase_add_test(tcase, what_is_empty_or_false_is_not_sent);
    tcase_add_test(tcase, messages_are_compact_ascii);
    tcase_add_test(tcase, what_the_rules_forbid_is_not_encoded);
    tcase_add_test(tcase, a_message_longer_than_the_limit_is_not_encoded);
    tcase_add_loop_test(tcase, names_follow_the_grammar, 0, ELEMENTS(names));
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
