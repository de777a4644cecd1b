/* SPDX-License-Identifier: Apache-2.0 */
/* How a connection ends: by the peer, by a violation, by us. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "proto/cleanup.h"
#include "proto/frame.h"
#include "tests/unit/proto_connection.h"

static const struct {
    const char *text;
    int error;
} violations[] = {
    { "x", -EBADMSG },
    { "[]", -EBADMSG },
    { "", -EBADMSG },
    { "{\"method\":\"a.b.C\",\"x\":1}", -EPROTO },
    { "{\"method\":\"a.b.C\",\"more\":1}", -EPROTO },
    { "{\"method\":\"a.b.C\",\"parameters\":{\"x\":\"\xff\"}}", -EILSEQ },
    { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", -E2BIG },
};

START_TEST(a_violation_ends_the_connection_after_the_replies_before_it)
{
    int fd = varlink_connection_fd(connection);
    struct pollfd pollfd = { .fd = fd, .events = 0 };

    send_text("{\"method\":\"a.b.C\"}");
    send_text(violations[_i].text);
    send_text("{\"method\":\"a.b.D\"}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    ck_assert_int_eq(next_call(), violations[_i].error);
    ck_assert_str_ne(varlink_connection_reason(connection), "");
    ck_assert_int_eq(next_call(), violations[_i].error);
    ck_assert_int_eq(process(), violations[_i].error);
    expect_received("{}|");
    /* whatever loop the owner has, it is called */
    pollfd.events = varlink_connection_events(connection);
    ck_assert_int_eq(poll(&pollfd, 1, 0), 1);
}
END_TEST

START_TEST(an_oversize_message_ends_the_connection)
{
    char block[4096];
    int r = 1;

    memset(block, ' ', sizeof(block));
    for (size_t sent = 0; sent < VARLINK_BUFFER_MAX + sizeof(block) && r == 1; sent += sizeof(block)) {
        send_bytes(block, sizeof(block));
        r = process();
        if (r == 1)
            r = next_call() < 0 ? -1 : 1;
    }
    ck_assert_int_eq(process(), -EMSGSIZE);
    ck_assert_ptr_nonnull(strstr(varlink_connection_reason(connection), "longer than 262144"));
}
END_TEST

START_TEST(who_only_stops_sending_gets_its_replies)
{
    send_bytes("{\"method\":\"a.b.C\"}\0{\"method\":\"a.b.D\"}", 38);
    ck_assert_int_eq(shutdown(peer, SHUT_WR), 0);
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(process(), 1);
    ck_assert_int_eq(varlink_connection_events(connection), 0);
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    ck_assert(varlink_connection_events(connection) & POLLOUT);
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.D");
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    ck_assert_int_eq(varlink_connection_process(connection, POLLOUT), 0);
    expect_received("{}|{}|");
    ck_assert(varlink_connection_events(connection) & POLLOUT);
    ck_assert_int_eq(n_gone, 0);
}
END_TEST

START_TEST(who_closes_during_its_call_is_gone)
{
    send_text("{\"method\":\"a.b.C\",\"more\":true}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    varlink_connection_watch(connection, on_gone, &n_gone);
    close(take_fd(&peer));
    ck_assert_int_eq(process(), -ECONNRESET);
    ck_assert_int_eq(n_gone, 1);
    ck_assert_int_eq(varlink_connection_reply_continue(connection, json_object()), -ENOTCONN);
    ck_assert_int_eq(process(), -ECONNRESET);
    varlink_connection_close(connection);
    ck_assert_int_eq(n_gone, 1);
}
END_TEST

START_TEST(who_closes_after_half_closing_is_gone_too)
{
    send_text("{\"method\":\"a.b.C\"}");
    shutdown(peer, SHUT_WR);
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    varlink_connection_watch(connection, on_gone, &n_gone);
    ck_assert_int_eq(process(), 1);
    ck_assert(varlink_connection_is_half_closed(connection));
    close(take_fd(&peer));
    ck_assert_int_eq(varlink_connection_process(connection, 0), -ECONNRESET);
    ck_assert(!varlink_connection_is_half_closed(connection));
    ck_assert_int_eq(n_gone, 1);
}
END_TEST

START_TEST(a_call_whose_sender_has_gone_is_not_begun)
{
    send_text("{\"method\":\"a.b.C\"}");
    close(take_fd(&peer));
    (void)process();
    ck_assert_int_eq(next_call(), -ECONNRESET);
}
END_TEST

START_TEST(oneway_calls_of_a_sender_that_has_gone_are_served)
{
    send_text("{\"method\":\"a.b.C\",\"oneway\":true}");
    send_text("{\"method\":\"a.b.D\",\"oneway\":true}");
    close(take_fd(&peer));
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(process(), 1);
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    expect_call("a.b.D");
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    ck_assert_int_eq(process(), 0);
}
END_TEST

START_TEST(a_peer_that_says_nothing_ends_cleanly)
{
    close(take_fd(&peer));
    ck_assert_int_eq(process(), 0);
}
END_TEST

START_TEST(a_truncated_message_is_an_error)
{
    send_bytes("{\"method\":", 10);
    close(take_fd(&peer));
    ck_assert_int_eq(process(), -ECONNRESET);
    ck_assert_ptr_nonnull(strstr(varlink_connection_reason(connection), "middle of a message"));
}
END_TEST

START_TEST(a_peer_that_does_not_read_is_dropped_and_costs_no_more_than_the_limit)
{
    char *text = malloc(100001);
    int r = 0;

    memset(text, 'x', 100000);
    text[100000] = '\0';
    send_text("{\"method\":\"a.b.C\",\"more\":true}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    varlink_connection_watch(connection, on_gone, &n_gone);
    for (int i = 0; i < 1000 && r == 0; i++) {
        r = varlink_connection_reply_continue(connection, json_pack("{s:s}", "x", text));
        ck_assert_uint_le(varlink_connection_output(connection), VARLINK_OUTPUT_MAX);
        if (r == 0)
            ck_assert_int_eq(process(), 1);
    }
    ck_assert_int_eq(r, -ENOBUFS);
    ck_assert_int_eq(n_gone, 0); /* not inside the reply */
    ck_assert_int_eq(process(), -ENOBUFS);
    ck_assert_int_eq(n_gone, 1);
    free(text);
}
END_TEST

START_TEST(a_reference_outlives_the_connection)
{
    struct varlink_connection *held = varlink_connection_ref(connection);

    send_text("{\"method\":\"a.b.C\"}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    varlink_connection_watch(connection, on_gone, &n_gone);
    varlink_connection_close(connection);
    ck_assert_int_eq(n_gone, 1);
    varlink_connection_unref(connection);
    ck_assert_int_eq(varlink_connection_fd(held), -EBADF);
    ck_assert_int_eq(varlink_connection_reply(held, json_object()), -ENOTCONN);
    ck_assert_int_eq(varlink_connection_process(held, POLLIN), -ENOTCONN);
    ck_assert_ptr_null(varlink_connection_call(held));
}
END_TEST

START_TEST(a_final_reply_withdraws_the_watch)
{
    send_text("{\"method\":\"a.b.C\"}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    varlink_connection_watch(connection, on_gone, &n_gone);
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    varlink_connection_close(connection);
    ck_assert_int_eq(n_gone, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/ending");
    TCase *tcase = tcase_create("ending");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_loop_test(tcase, a_violation_ends_the_connection_after_the_replies_before_it, 0,
                        ELEMENTS(violations));
    tcase_add_test(tcase, an_oversize_message_ends_the_connection);
    tcase_add_test(tcase, who_only_stops_sending_gets_its_replies);
    tcase_add_test(tcase, who_closes_during_its_call_is_gone);
    tcase_add_test(tcase, who_closes_after_half_closing_is_gone_too);
    tcase_add_test(tcase, a_call_whose_sender_has_gone_is_not_begun);
    tcase_add_test(tcase, oneway_calls_of_a_sender_that_has_gone_are_served);
    tcase_add_test(tcase, a_peer_that_says_nothing_ends_cleanly);
    tcase_add_test(tcase, a_truncated_message_is_an_error);
    tcase_add_test(tcase, a_peer_that_does_not_read_is_dropped_and_costs_no_more_than_the_limit);
    tcase_add_test(tcase, a_reference_outlives_the_connection);
    tcase_add_test(tcase, a_final_reply_withdraws_the_watch);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
