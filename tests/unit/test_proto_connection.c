/* SPDX-License-Identifier: Apache-2.0 */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/cleanup.h"
#include "proto/connection.h"
#include "proto/frame.h"

static struct varlink_connection *connection;
static const struct varlink_call *call;
static int peer = -EBADF;
static int n_changed, n_gone;

static void on_changed(struct varlink_connection *changed, void *userdata)
{
    ck_assert_ptr_eq(changed, connection);
    ck_assert_ptr_eq(userdata, &n_changed);
    n_changed++;
}

static void on_gone(struct varlink_connection *gone, void *userdata)
{
    ck_assert_ptr_eq(gone, connection);
    ck_assert_ptr_eq(userdata, &n_gone);
    n_gone++;
}

static void setup(void)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(varlink_connection_new(pair[0], &connection), 0);
    peer = pair[1];
    varlink_connection_set_changed(connection, on_changed, &n_changed);
    n_changed = n_gone = 0;
    call = NULL;
}

static void teardown(void)
{
    connection = varlink_connection_unref(connection);
    if (peer >= 0)
        close(peer);
}

static void send_bytes(const char *data, size_t length)
{
    ck_assert_int_eq(send(peer, data, length, MSG_NOSIGNAL), (ssize_t)length);
}

/* With its NUL. */
static void send_text(const char *text)
{
    send_bytes(text, strlen(text) + 1);
}

static int process(void)
{
    return varlink_connection_process(connection, POLLIN | POLLOUT);
}

static int next_call(void)
{
    return varlink_connection_next_call(connection, &call);
}

static void expect_call(const char *method)
{
    ck_assert_int_eq(next_call(), 1);
    ck_assert_str_eq(call->method, method);
    ck_assert_ptr_eq(call, varlink_connection_call(connection));
}

/* All that arrived at the peer, NULs shown as '|'. */
static void expect_received(const char *expected)
{
    char text[4096];
    ssize_t n = recv(peer, text, sizeof(text) - 1, MSG_DONTWAIT);

    n = n < 0 ? 0 : n;
    for (ssize_t i = 0; i < n; i++)
        text[i] = text[i] == '\0' ? '|' : text[i];
    text[n] = '\0';
    ck_assert_str_eq(text, expected);
}

START_TEST(the_socket_becomes_nonblocking_and_close_on_exec)
{
    int fd = varlink_connection_fd(connection);

    ck_assert(fcntl(fd, F_GETFL) & O_NONBLOCK);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    ck_assert_int_eq(varlink_connection_events(connection), POLLIN);
}
END_TEST

START_TEST(a_call_is_answered)
{
    send_text("{\"method\":\"a.b.C\"}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_reply(connection, json_pack("{s:i}", "x", 1)), 0);
    ck_assert_int_eq(n_changed, 1);
    ck_assert(varlink_connection_events(connection) & POLLOUT);
    ck_assert_int_eq(process(), 1);
    expect_received("{\"parameters\":{\"x\":1}}|");
    ck_assert_int_eq(varlink_connection_events(connection), POLLIN);
}
END_TEST

START_TEST(a_call_that_arrives_byte_by_byte_is_answered)
{
    const char text[] = "{\"method\":\"a.b.C\"}";

    for (size_t i = 0; i < sizeof(text); i++) {
        ck_assert_int_eq(next_call(), 0);
        send_bytes(text + i, 1);
        ck_assert_int_eq(process(), 1);
    }
    expect_call("a.b.C");
}
END_TEST

START_TEST(pipelined_calls_come_one_at_a_time_and_in_order)
{
    send_bytes("{\"method\":\"a.b.C\"}\0{\"method\":\"a.b.D\"}", 38);
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(next_call(), 0);
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    expect_call("a.b.D");
    ck_assert_int_eq(varlink_connection_reply(connection, json_pack("{s:i}", "d", 1)), 0);
    ck_assert_int_eq(next_call(), 0);
    ck_assert_int_eq(process(), 1);
    expect_received("{}|{\"parameters\":{\"d\":1}}|");
}
END_TEST

START_TEST(a_stream_holds_the_next_call_back_until_its_final_reply)
{
    send_bytes("{\"method\":\"a.b.C\",\"more\":true}\0{\"method\":\"a.b.D\"}", 50);
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_reply_continue(connection, json_pack("{s:i}", "i", 1)), 0);
    ck_assert_int_eq(next_call(), 0);
    ck_assert_int_eq(varlink_connection_reply_continue(connection, json_pack("{s:i}", "i", 2)), 0);
    ck_assert_int_eq(varlink_connection_reply(connection, json_pack("{s:i}", "i", 3)), 0);
    expect_call("a.b.D");
    ck_assert_int_eq(process(), 1);
    expect_received(
        "{\"continues\":true,\"parameters\":{\"i\":1}}|{\"continues\":true,\"parameters\":{\"i\":2}}|"
        "{\"parameters\":{\"i\":3}}|");
}
END_TEST

START_TEST(without_more_there_is_one_reply)
{
    send_text("{\"method\":\"a.b.C\"}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_reply_continue(connection, json_object()), -EINVAL);
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), -EINVAL);
    ck_assert_int_eq(process(), 1);
    expect_received("{}|");
}
END_TEST

START_TEST(a_oneway_call_gets_neither_reply_nor_error)
{
    send_text("{\"method\":\"a.b.C\",\"oneway\":true}");
    send_text("{\"method\":\"a.b.D\",\"oneway\":true}");
    send_text("{\"method\":\"a.b.E\"}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_reply(connection, json_pack("{s:i}", "i", 1)), 0);
    expect_call("a.b.D");
    ck_assert_int_eq(varlink_connection_method_not_found(connection, call->method), 0);
    expect_call("a.b.E");
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    ck_assert_int_eq(process(), 1);
    expect_received("{}|");
}
END_TEST

START_TEST(the_standard_errors_name_what_is_wrong)
{
    struct varlink_fault fault;

    varlink_fault_set(&fault, "memory", "must be positive");
    for (int i = 0; i < 6; i++)
        send_text("{\"method\":\"a.b.C\"}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_invalid_parameter(connection, &fault), 0);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_interface_not_found(connection, "a.b"), 0);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_method_not_found(connection, call->method), 0);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_method_not_implemented(connection, call->method), 0);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_permission_denied(connection), 0);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_expected_more(connection), 0);
    ck_assert_int_eq(process(), 1);
    expect_received(
        "{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":\"memory\","
        "\"message\":\"must be positive\"}}|"
        "{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":\"a.b\"}}|"
        "{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":\"a.b.C\"}}|"
        "{\"error\":\"org.varlink.service.MethodNotImplemented\",\"parameters\":{\"method\":\"a.b.C\"}}|"
        "{\"error\":\"org.varlink.service.PermissionDenied\"}|"
        "{\"error\":\"org.varlink.service.ExpectedMore\"}|");
}
END_TEST

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

START_TEST(a_pipelining_peer_that_does_not_read_gets_no_further_calls_begun)
{
    char *text = malloc(200001);
    int n_calls = 0;

    memset(text, 'x', 200000);
    text[200000] = '\0';
    for (int i = 0; i < 100; i++)
        send_text("{\"method\":\"a.b.C\"}");
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(process(), 1);
        if (next_call() != 1)
            break;
        n_calls++;
        ck_assert_int_eq(varlink_connection_reply(connection, json_pack("{s:s}", "x", text)), 0);
    }
    ck_assert_int_lt(n_calls, 10);
    ck_assert_uint_lt(varlink_connection_output(connection), 2 * VARLINK_OUTPUT_BUSY);
    free(text);
}
END_TEST

START_TEST(reading_pauses_while_calls_wait)
{
    char block[8192];
    ssize_t n, sent = 0;

    memset(block, ' ', sizeof(block));
    memcpy(block, "{\"method\":\"a.b.C\"}", 18);
    block[sizeof(block) - 1] = '\0';
    send_bytes(block, sizeof(block));
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    for (int i = 0; i < 1000; i++) {
        n = send(peer, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += n > 0 ? n : 0;
        ck_assert_int_eq(process(), 1);
    }
    ck_assert_int_lt(sent, 2L * 1024 * 1024); /* the rest waits in the kernel, then at the sender */
    ck_assert_int_eq(varlink_connection_events(connection) & POLLIN, 0);
    ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    for (size_t i = 0; i < VARLINK_MESSAGE_MAX / sizeof(block); i++) {
        expect_call("a.b.C");
        ck_assert_int_eq(varlink_connection_reply(connection, json_object()), 0);
    }
    ck_assert(varlink_connection_events(connection) & POLLIN);
}
END_TEST

START_TEST(a_reply_that_cannot_be_built_breaks_the_connection)
{
    send_text("{\"method\":\"a.b.C\"}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_reply(connection, json_pack("{s:s}", "name", "\xff")), -ENOMEM);
    ck_assert_int_eq(process(), -ENOMEM);
}
END_TEST

START_TEST(a_reply_that_is_too_long_leaves_the_call_to_be_answered)
{
    char *text = malloc(VARLINK_MESSAGE_MAX + 1);

    memset(text, 'x', VARLINK_MESSAGE_MAX);
    text[VARLINK_MESSAGE_MAX] = '\0';
    send_text("{\"method\":\"a.b.C\"}");
    ck_assert_int_eq(process(), 1);
    expect_call("a.b.C");
    ck_assert_int_eq(varlink_connection_reply(connection, json_pack("{s:s}", "x", text)), -EMSGSIZE);
    ck_assert_int_eq(varlink_connection_error(connection, "a.b.TooMuch", json_object()), 0);
    ck_assert_int_eq(process(), 1);
    expect_received("{\"error\":\"a.b.TooMuch\"}|");
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

static void add_ending_tests(TCase *tcase)
{
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
}

int main(void)
{
    Suite *suite = suite_create("proto/connection");
    TCase *calls = tcase_create("calls"), *ending = tcase_create("ending");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, calls);
    suite_add_tcase(suite, ending);
    tcase_add_checked_fixture(calls, setup, teardown);
    tcase_add_test(calls, the_socket_becomes_nonblocking_and_close_on_exec);
    tcase_add_test(calls, a_call_is_answered);
    tcase_add_test(calls, a_call_that_arrives_byte_by_byte_is_answered);
    tcase_add_test(calls, pipelined_calls_come_one_at_a_time_and_in_order);
    tcase_add_test(calls, a_stream_holds_the_next_call_back_until_its_final_reply);
    tcase_add_test(calls, without_more_there_is_one_reply);
    tcase_add_test(calls, a_oneway_call_gets_neither_reply_nor_error);
    tcase_add_test(calls, the_standard_errors_name_what_is_wrong);
    tcase_add_test(calls, a_pipelining_peer_that_does_not_read_gets_no_further_calls_begun);
    tcase_add_test(calls, reading_pauses_while_calls_wait);
    tcase_add_test(calls, a_reply_that_cannot_be_built_breaks_the_connection);
    tcase_add_test(calls, a_reply_that_is_too_long_leaves_the_call_to_be_answered);
    add_ending_tests(ending);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
