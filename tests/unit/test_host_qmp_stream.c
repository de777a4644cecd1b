/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/host/qmp_stream.h"

static void feed(struct qmp_stream *stream, const char *bytes, size_t length)
{
    while (length > 0) {
        char *buffer;
        size_t space;

        ck_assert_int_eq(qmp_stream_reserve(stream, &buffer, &space), 0);
        if (space > length)
            space = length;
        memcpy(buffer, bytes, space);
        qmp_stream_commit(stream, space);
        bytes += space;
        length -= space;
    }
}

/* The next message must be `expected`; NULL: there is none. */
static void ck_next(struct qmp_stream *stream, const char *expected)
{
    const char *text;
    size_t length;
    int r = qmp_stream_next(stream, &text, &length, NULL);

    ck_assert_int_eq(r, expected != NULL);
    if (expected) {
        ck_assert_uint_eq(length, strlen(expected));
        ck_assert_int_eq(memcmp(text, expected, length), 0);
    }
}

START_TEST(objects_are_found_however_the_bytes_come)
{
    static const char bytes[] = "{\"QMP\": {}}\r\n\r\n {\"a\":[{},{}]}{\"b\":\n1}\r\n";
    static const char *const expected[] = { "{\"QMP\": {}}", "{\"a\":[{},{}]}", "{\"b\":\n1}" };

    for (size_t piece = 1; piece < sizeof(bytes); piece++) {
        struct qmp_stream stream = { 0 };
        size_t found = 0;

        for (size_t at = 0; at < sizeof(bytes) - 1; at += piece) {
            const char *text;
            size_t length;

            feed(&stream, bytes + at, piece < sizeof(bytes) - 1 - at ? piece : sizeof(bytes) - 1 - at);
            while (qmp_stream_next(&stream, &text, &length, NULL) > 0) {
                ck_assert_uint_lt(found, 3);
                ck_assert_uint_eq(length, strlen(expected[found]));
                ck_assert_int_eq(memcmp(text, expected[found], length), 0);
                found++;
            }
        }
        ck_assert_uint_eq(found, 3);
        qmp_stream_done(&stream);
    }
}
END_TEST

START_TEST(brackets_in_strings_do_not_count)
{
    struct qmp_stream stream = { 0 };
    const char *text = "{\"a\":\"}{[\\\"}\\\\\"}";

    feed(&stream, text, strlen(text));
    ck_next(&stream, text);
    ck_next(&stream, NULL);
    qmp_stream_done(&stream);
}
END_TEST

START_TEST(a_truncated_object_is_no_message)
{
    struct qmp_stream stream = { 0 };
    const char *text = "{\"return\": [1, 2";

    feed(&stream, text, strlen(text));
    ck_next(&stream, NULL);
    feed(&stream, "]}", 2);
    ck_next(&stream, "{\"return\": [1, 2]}");
    qmp_stream_done(&stream);
}
END_TEST

START_TEST(what_is_no_object_ends_the_stream)
{
    static const char *const garbage[] = { "x", "[1]", "\"a\"", "}", "\xff{}", "SSH-2.0-OpenSSH\r\n" };

    struct qmp_stream stream = { 0 };
    struct reason reason = { 0 };
    const char *text;
    size_t length;

    feed(&stream, garbage[_i], strlen(garbage[_i]));
    ck_assert_int_eq(qmp_stream_next(&stream, &text, &length, &reason), -EBADMSG);
    ck_assert(reason.text[0] != '\0');
    qmp_stream_done(&stream);
}
END_TEST

START_TEST(deep_nesting_ends_the_stream)
{
    struct qmp_stream stream = { 0 };
    char bytes[QMP_DEPTH_MAX + 1];
    const char *text;
    size_t length;

    memset(bytes, '[', sizeof(bytes));
    bytes[0] = '{';
    feed(&stream, bytes, QMP_DEPTH_MAX);
    ck_next(&stream, NULL);
    feed(&stream, bytes + QMP_DEPTH_MAX, 1);
    ck_assert_int_eq(qmp_stream_next(&stream, &text, &length, NULL), -E2BIG);
    qmp_stream_done(&stream);
}
END_TEST

START_TEST(a_giant_message_ends_the_stream_and_memory_stays_bounded)
{
    struct qmp_stream stream = { 0 };
    static char bytes[65536];
    const char *text;
    size_t length;
    int r;

    memset(bytes, 'a', sizeof(bytes));
    feed(&stream, "{\"a\":\"", 6);
    do {
        ck_assert_uint_le(stream.end, QMP_MESSAGE_MAX + sizeof(bytes));
        feed(&stream, bytes, sizeof(bytes));
        r = qmp_stream_next(&stream, &text, &length, NULL);
    } while (r == 0);
    ck_assert_int_eq(r, -EMSGSIZE);
    ck_assert_uint_le(stream.size, 4 * QMP_MESSAGE_MAX);
    qmp_stream_done(&stream);
}
END_TEST

START_TEST(a_long_life_takes_no_more_room)
{
    struct qmp_stream stream = { 0 };

    for (unsigned int i = 0; i < 20000; i++) {
        feed(&stream, "{\"event\":\"X\"}\r\n{", 16);
        ck_next(&stream, "{\"event\":\"X\"}");
        ck_next(&stream, NULL);
        feed(&stream, "}", 1);
        ck_next(&stream, "{}");
    }
    ck_assert_uint_le(stream.size, 65536);
    qmp_stream_done(&stream);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/qmp_stream");
    TCase *tcase = tcase_create("qmp_stream");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, objects_are_found_however_the_bytes_come);
    tcase_add_test(tcase, brackets_in_strings_do_not_count);
    tcase_add_test(tcase, a_truncated_object_is_no_message);
    tcase_add_loop_test(tcase, what_is_no_object_ends_the_stream, 0, 6);
    tcase_add_test(tcase, deep_nesting_ends_the_stream);
    tcase_add_test(tcase, a_giant_message_ends_the_stream_and_memory_stays_bounded);
    tcase_add_test(tcase, a_long_life_takes_no_more_room);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
