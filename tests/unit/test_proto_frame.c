/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"

static struct varlink_frame frame;

static void setup(void)
{
    frame = VARLINK_FRAME_INIT;
}

static void teardown(void)
{
    varlink_frame_done(&frame);
}

/* As much as fits; returns how much that was. */
static size_t feed(const char *data, size_t length)
{
    size_t fed = 0;

    while (fed < length) {
        char *buffer;
        size_t space;
        int r = varlink_frame_reserve(&frame, &buffer, &space);

        if (r == -ENOBUFS)
            break;
        ck_assert_int_eq(r, 0);
        ck_assert_uint_gt(space, 0);
        if (space > length - fed)
            space = length - fed;
        memcpy(buffer, data + fed, space);
        varlink_frame_commit(&frame, space);
        fed += space;
    }
    return fed;
}

static void expect(const char *expected)
{
    const char *message;
    size_t length;

    ck_assert_int_eq(varlink_frame_next(&frame, &message, &length), 1);
    ck_assert_uint_eq(length, strlen(expected));
    ck_assert_str_eq(message, expected);
}

static void expect_none(void)
{
    const char *message;
    size_t length;

    ck_assert_int_eq(varlink_frame_next(&frame, &message, &length), 0);
}

START_TEST(a_message_ends_at_its_nul)
{
    expect_none();
    feed("{}", 2);
    expect_none();
    feed("", 1);
    expect("{}");
    expect_none();
    ck_assert_uint_eq(varlink_frame_pending(&frame), 0);
}
END_TEST

START_TEST(messages_that_arrive_together_come_out_apart_and_in_order)
{
    feed("one\0two\0\0thr", 12);
    expect("one");
    expect("two");
    expect("");
    expect_none();
    ck_assert_uint_eq(varlink_frame_pending(&frame), 3);
    feed("ee", 3);
    expect("three");
}
END_TEST

START_TEST(a_message_that_arrives_byte_by_byte_is_whole)
{
    const char text[] = "{\"method\":\"a.b.C\"}";

    for (size_t i = 0; i < sizeof(text); i++) {
        expect_none();
        feed(text + i, 1);
    }
    expect(text);
}
END_TEST

START_TEST(a_message_of_exactly_the_limit_passes)
{
    char *text = malloc(VARLINK_MESSAGE_MAX + 1);
    const char *message;
    size_t length;

    memset(text, 'x', VARLINK_MESSAGE_MAX);
    text[VARLINK_MESSAGE_MAX] = '\0';
    ck_assert_uint_eq(feed("first", 6), 6);
    expect("first");
    ck_assert_uint_eq(feed(text, VARLINK_MESSAGE_MAX), VARLINK_MESSAGE_MAX);
    expect_none();
    feed("", 1);
    ck_assert_int_eq(varlink_frame_next(&frame, &message, &length), 1);
    ck_assert_uint_eq(length, VARLINK_MESSAGE_MAX);
    ck_assert_mem_eq(message, text, length + 1);
    free(text);
}
END_TEST

START_TEST(one_byte_more_than_the_limit_is_refused)
{
    const bool terminated = _i == 1;
    char *text = malloc(VARLINK_MESSAGE_MAX + 2);
    const char *message;
    size_t length;

    memset(text, 'x', VARLINK_MESSAGE_MAX + 1);
    text[VARLINK_MESSAGE_MAX + 1] = '\0';
    feed(text, VARLINK_MESSAGE_MAX + 1 + terminated);
    ck_assert_int_eq(varlink_frame_next(&frame, &message, &length), -EMSGSIZE);
    ck_assert_int_eq(varlink_frame_next(&frame, &message, &length), -EMSGSIZE);
    free(text);
}
END_TEST

START_TEST(memory_is_bounded_however_much_is_sent)
{
    char block[8192];
    size_t total = 0, fed;

    memset(block, 'x', sizeof(block));
    do {
        fed = feed(block, sizeof(block));
        total += fed;
    } while (fed == sizeof(block));
    ck_assert_uint_eq(total, VARLINK_BUFFER_MAX);
    ck_assert(varlink_frame_full(&frame));
}
END_TEST

START_TEST(reading_pauses_while_whole_messages_fill_the_buffer)
{
    char block[4096];
    const char *message;
    size_t length, n = 0;

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = i % 16 == 15 ? '\0' : 'x';
    while (feed(block, sizeof(block)) == sizeof(block))
        ;
    ck_assert(varlink_frame_full(&frame));
    while (varlink_frame_next(&frame, &message, &length) == 1) {
        ck_assert_uint_eq(length, 15);
        n++;
    }
    ck_assert_uint_eq(n, VARLINK_BUFFER_MAX / 16);
    ck_assert(!varlink_frame_full(&frame));
    ck_assert_uint_eq(feed(block, 16), 16);
}
END_TEST

START_TEST(an_empty_buffer_gives_its_memory_back)
{
    char *text = calloc(1, 100000);
    const char *message;
    size_t length;

    memset(text, 'x', 99999);
    feed(text, 100000);
    ck_assert_int_eq(varlink_frame_next(&frame, &message, &length), 1);
    feed("", 1);
    ck_assert_uint_le(frame.size, 4096);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/frame");
    TCase *tcase = tcase_create("frame");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_message_ends_at_its_nul);
    tcase_add_test(tcase, messages_that_arrive_together_come_out_apart_and_in_order);
    tcase_add_test(tcase, a_message_that_arrives_byte_by_byte_is_whole);
    tcase_add_test(tcase, a_message_of_exactly_the_limit_passes);
    tcase_add_loop_test(tcase, one_byte_more_than_the_limit_is_refused, 0, 2);
    tcase_add_test(tcase, memory_is_bounded_however_much_is_sent);
    tcase_add_test(tcase, reading_pauses_while_whole_messages_fill_the_buffer);
    tcase_add_test(tcase, an_empty_buffer_gives_its_memory_back);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
