/* SPDX-License-Identifier: Apache-2.0 */
/* A client against a server that is hostile, slow or gone: the test writes its bytes. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "proto/cleanup.h"
#include "proto/client.h"
#include "proto/deadline.h"
#include "proto/fields.h"
#include "proto/frame.h"

static struct varlink_client *client;
static struct varlink_reply reply;
static int server = -EBADF;

static void setup(void)
{
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(varlink_client_new(pair[0], &client), 0);
    server = pair[1];
}

static void teardown(void)
{
    varlink_reply_done(&reply);
    client = varlink_client_free(client);
    if (server >= 0)
        close(server);
}

/* With its NUL. */
static void answer(const char *text)
{
    ck_assert_int_eq(send(server, text, strlen(text) + 1, MSG_NOSIGNAL), (ssize_t)strlen(text) + 1);
}

static int receive(void)
{
    varlink_reply_done(&reply);
    return varlink_client_receive(client, 1000, &reply);
}

static void send_call(unsigned int flags)
{
    ck_assert_int_eq(varlink_client_send(client, "a.b.C", json_object(), flags), 0);
}

START_TEST(a_call_gets_its_reply)
{
    char text[64] = "";

    answer("{\"parameters\":{\"x\":1}}");
    ck_assert_int_eq(varlink_client_call(client, "a.b.C", json_pack("{s:i}", "a", 1), 0, 1000, &reply), 0);
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "x")), 1);
    ck_assert_int_gt(recv(server, text, sizeof(text), 0), 0);
    ck_assert_str_eq(text, "{\"method\":\"a.b.C\",\"parameters\":{\"a\":1}}");
    ck_assert(!varlink_client_busy(client));
}
END_TEST

START_TEST(an_error_is_a_reply)
{
    answer("{\"error\":\"a.b.Failed\",\"parameters\":{\"message\":\"why\"}}");
    ck_assert_int_eq(varlink_client_call(client, "a.b.C", json_object(), 0, 1000, &reply), 0);
    ck_assert_str_eq(reply.error, "a.b.Failed");
    ck_assert_str_eq(json_string_value(json_object_get(reply.parameters, "message")), "why");
}
END_TEST

START_TEST(a_stream_goes_on_until_its_final_reply)
{
    send_call(VARLINK_MORE);
    answer("{\"continues\":true}");
    answer("{\"continues\":true}");
    answer("{}");
    ck_assert_int_eq(receive(), 0);
    ck_assert(reply.continues);
    ck_assert_int_eq(receive(), 0);
    ck_assert_int_eq(varlink_client_send(client, "a.b.C", json_object(), 0), -EBUSY);
    ck_assert_int_eq(receive(), 0);
    ck_assert(!reply.continues);
    ck_assert_int_eq(receive(), -EINVAL);
    send_call(0);
}
END_TEST

START_TEST(a_oneway_call_waits_for_nothing)
{
    ck_assert_int_eq(varlink_client_call(client, "a.b.C", json_object(), VARLINK_ONEWAY, 1000, &reply), 0);
    ck_assert_ptr_null(reply.parameters);
    ck_assert(!varlink_client_busy(client));
    send_call(0);
}
END_TEST

START_TEST(a_deadline_ends_the_wait_but_not_the_call)
{
    int64_t before = deadline_now();

    ck_assert_int_eq(varlink_client_call(client, "a.b.C", json_object(), 0, 50, &reply), -ETIMEDOUT);
    ck_assert_int_ge(deadline_now() - before, 50);
    answer("{}");
    ck_assert_int_eq(receive(), 0);
}
END_TEST

static void on_alarm(int signal)
{
    (void)signal;
}

START_TEST(a_signal_ends_the_wait_of_receive)
{
    struct itimerval timer = { .it_value.tv_usec = 30000 };
    struct sigaction action = { .sa_handler = on_alarm };

    ck_assert_int_eq(sigaction(SIGALRM, &action, NULL), 0);
    send_call(0);
    ck_assert_int_eq(setitimer(ITIMER_REAL, &timer, NULL), 0);
    ck_assert_int_eq(varlink_client_receive(client, -1, &reply), -EINTR);
    answer("{}");
    ck_assert_int_eq(receive(), 0);
}
END_TEST

static const struct {
    const char *text;
    int error;
} nonsense[] = {
    { "HTTP/1.1 400 Bad Request", -EBADMSG },
    { "[]", -EBADMSG },
    { "{\"id\":1}", -EPROTO },
    { "{\"continues\":true}", -EPROTO }, /* nobody asked for more */
    { "{\"error\":\"a.b.C\",\"continues\":true}", -EPROTO },
    { "{\"parameters\":{\"a\":\"\xc3\"}}", -EILSEQ },
    { "{\"parameters\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", -E2BIG },
};

START_TEST(nonsense_ends_the_connection_and_nothing_after_it_is_believed)
{
    send_call(0);
    answer(nonsense[_i].text);
    answer("{}");
    ck_assert_int_eq(receive(), nonsense[_i].error);
    ck_assert_str_ne(varlink_client_reason(client), "");
    ck_assert_int_eq(receive(), nonsense[_i].error);
    ck_assert_int_eq(varlink_client_send(client, "a.b.C", json_object(), 0), nonsense[_i].error);
}
END_TEST

START_TEST(a_reply_that_nobody_asked_for_is_not_taken_for_the_next_answer)
{
    answer("{}");
    ck_assert_int_eq(varlink_client_process(client, POLLIN), 0);
    ck_assert_int_eq(varlink_client_send(client, "a.b.C", json_object(), 0), -EPROTO);
}
END_TEST

START_TEST(a_second_reply_to_one_call_is_a_violation)
{
    send_call(0);
    answer("{}");
    answer("{}");
    ck_assert_int_eq(receive(), 0);
    varlink_reply_done(&reply);
    ck_assert_int_eq(varlink_client_next_reply(client, &reply), -EPROTO);
}
END_TEST

START_TEST(an_endless_reply_is_cut_off)
{
    char block[4096];
    ssize_t n;

    memset(block, ' ', sizeof(block));
    send_call(0);
    for (int i = 0; i < 200; i++) {
        n = send(server, block, sizeof(block), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EPIPE)
            break;
        if (varlink_client_process(client, POLLIN) < 0 || varlink_client_next_reply(client, &reply) < 0)
            break;
    }
    ck_assert_int_eq(receive(), -EMSGSIZE);
}
END_TEST

START_TEST(a_server_that_closes_is_told_from_one_that_is_cut)
{
    send_call(0);
    ck_assert_int_eq(send(server, "{\"para", 6, 0), 6);
    close(take_fd(&server));
    ck_assert_int_eq(receive(), -ECONNRESET);
    ck_assert_ptr_nonnull(strstr(varlink_client_reason(client), "closed the connection"));
}
END_TEST

START_TEST(a_reply_before_the_close_is_still_delivered)
{
    send_call(0);
    answer("{\"parameters\":{\"x\":1}}");
    shutdown(server, SHUT_WR);
    ck_assert_int_eq(varlink_client_process(client, POLLIN), 0);
    ck_assert_int_eq(receive(), 0);
    ck_assert_int_eq(varlink_client_process(client, 0), -ECONNRESET);
}
END_TEST

START_TEST(a_large_call_to_a_slow_server_is_queued_and_sent)
{
    char *text = malloc(200001), *received = malloc(300000);
    size_t total = 0;

    memset(text, 'x', 200000);
    text[200000] = '\0';
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(varlink_client_send(client, "a.b.C", json_pack("{s:s}", "x", text), VARLINK_ONEWAY),
                         0);
    ck_assert(varlink_client_events(client) & POLLOUT);
    while (varlink_client_events(client) & POLLOUT) {
        ssize_t n = recv(server, received, 300000, MSG_DONTWAIT);

        total += n > 0 ? (size_t)n : 0;
        ck_assert_int_eq(varlink_client_process(client, POLLOUT), 0);
    }
    ck_assert_uint_gt(total, 500000);
    free(text);
    free(received);
}
END_TEST

START_TEST(what_cannot_be_sent_is_refused_and_the_connection_stays)
{
    char *text = malloc(VARLINK_MESSAGE_MAX + 1);

    memset(text, 'x', VARLINK_MESSAGE_MAX);
    text[VARLINK_MESSAGE_MAX] = '\0';
    ck_assert_int_eq(varlink_client_send(client, "no name", json_object(), 0), -EINVAL);
    ck_assert_int_eq(varlink_client_send(client, "a.b.C", NULL, 0), -ENOMEM);
    ck_assert_int_eq(varlink_client_send(client, "a.b.C", json_object(), VARLINK_MORE | VARLINK_ONEWAY),
                     -EINVAL);
    ck_assert_int_eq(varlink_client_send(client, "a.b.C", json_pack("{s:s}", "x", text), 0), -EMSGSIZE);
    ck_assert_int_eq(varlink_client_call(client, "a.b.C", json_object(), 0, 0, &reply), -ETIMEDOUT);
    free(text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("proto/client");
    TCase *tcase = tcase_create("client");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_call_gets_its_reply);
    tcase_add_test(tcase, an_error_is_a_reply);
    tcase_add_test(tcase, a_stream_goes_on_until_its_final_reply);
    tcase_add_test(tcase, a_oneway_call_waits_for_nothing);
    tcase_add_test(tcase, a_deadline_ends_the_wait_but_not_the_call);
    tcase_add_test(tcase, a_signal_ends_the_wait_of_receive);
    tcase_add_loop_test(tcase, nonsense_ends_the_connection_and_nothing_after_it_is_believed, 0,
                        ELEMENTS(nonsense));
    tcase_add_test(tcase, a_reply_that_nobody_asked_for_is_not_taken_for_the_next_answer);
    tcase_add_test(tcase, a_second_reply_to_one_call_is_a_violation);
    tcase_add_test(tcase, an_endless_reply_is_cut_off);
    tcase_add_test(tcase, a_server_that_closes_is_told_from_one_that_is_cut);
    tcase_add_test(tcase, a_reply_before_the_close_is_still_delivered);
    tcase_add_test(tcase, a_large_call_to_a_slow_server_is_queued_and_sent);
    tcase_add_test(tcase, what_cannot_be_sent_is_refused_and_the_connection_stays);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
