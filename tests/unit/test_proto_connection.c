/* SPDX-License-Identifier: Apache-2.0 */
/* Calls and their replies on a server's connection; how it ends is in test_proto_ending.c. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "proto/frame.h"
#include "tests/unit/proto_connection.h"

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

int main(void)
{
    Suite *suite = suite_create("proto/connection");
    TCase *tcase = tcase_create("calls");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_socket_becomes_nonblocking_and_close_on_exec);
    tcase_add_test(tcase, a_call_is_answered);
    tcase_add_test(tcase, a_call_that_arrives_byte_by_byte_is_answered);
    tcase_add_test(tcase, pipelined_calls_come_one_at_a_time_and_in_order);
    tcase_add_test(tcase, a_stream_holds_the_next_call_back_until_its_final_reply);
    tcase_add_test(tcase, without_more_there_is_one_reply);
    tcase_add_test(tcase, a_oneway_call_gets_neither_reply_nor_error);
    tcase_add_test(tcase, the_standard_errors_name_what_is_wrong);
    tcase_add_test(tcase, a_pipelining_peer_that_does_not_read_gets_no_further_calls_begun);
    tcase_add_test(tcase, reading_pauses_while_calls_wait);
    tcase_add_test(tcase, a_reply_that_cannot_be_built_breaks_the_connection);
    tcase_add_test(tcase, a_reply_that_is_too_long_leaves_the_call_to_be_answered);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
