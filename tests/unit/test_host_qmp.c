/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The QMP client against a peer that sends what the test says, on a real socket: what QEMU does seldom or
 * never. Each test steps the loop until what it waits for has come.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/host/qmp.h"
#include "agent/host/qmp_stream.h"

#define GREETING "{\"QMP\": {\"version\": {\"qemu\": {\"micro\": 22, \"minor\": 2, \"major\": 7}}}}\r\n"

static struct {
    char directory[32], path[64];
    struct event_base *base;
    struct qmp *qmp;
    int listener, peer;
    char input[65536]; /* what the client sent */
    size_t length;
    unsigned int ready, lost, events;
    struct reason reason;
    char version[32], event[64];
} t;

static void on_ready(const char *version, void *userdata)
{
    (void)userdata;
    t.ready++;
    (void)snprintf(t.version, sizeof(t.version), "%s", version);
}

static void on_event(const char *name, json_t *data, void *userdata)
{
    (void)userdata;
    ck_assert(json_is_object(data));
    t.events++;
    (void)snprintf(t.event, sizeof(t.event), "%s", name);
}

static void on_lost(const struct reason *reason, void *userdata)
{
    (void)userdata;
    t.lost++;
    t.reason = *reason;
}

static const struct qmp_hooks hooks = { on_ready, on_event, on_lost };

static void setup(void)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };

    memset(&t, 0, sizeof(t));
    (void)snprintf(t.directory, sizeof(t.directory), "/tmp/czone-qmp.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(t.directory));
    (void)snprintf(t.path, sizeof(t.path), "%s/qmp", t.directory);
    memcpy(address.sun_path, t.path, sizeof(t.path));
    t.peer = -1;
    t.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(t.listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(t.listener, 4), 0);
    t.base = event_base_new();
    ck_assert_int_eq(qmp_new(t.base, t.path, &hooks, NULL, &t.qmp), 0);
    qmp_start(t.qmp);
}

static void teardown(void)
{
    t.qmp = qmp_free(t.qmp);
    event_base_free(t.base);
    if (t.peer >= 0)
        (void)close(t.peer);
    (void)close(t.listener);
    (void)unlink(t.path);
    (void)rmdir(t.directory);
}

static void turn(void)
{
    ck_assert_int_ge(event_base_loop(t.base, EVLOOP_NONBLOCK), 0);
    (void)usleep(500);
    if (t.peer >= 0) {
        ssize_t n = recv(t.peer, t.input + t.length, sizeof(t.input) - 1 - t.length, MSG_DONTWAIT);

        if (n > 0)
            t.length += (size_t)n;
        t.input[t.length] = '\0';
    }
}

#define UNTIL(condition)                                                                                     \
    do {                                                                                                     \
        for (unsigned int turns_ = 0; !(condition) && turns_ < 4000; turns_++)                               \
            turn();                                                                                          \
        ck_assert_msg(condition, "never came: %s; %s", #condition, t.reason.text);                           \
    } while (0)

static void peer_send(const char *text)
{
    size_t length = strlen(text);

    while (length > 0) {
        ssize_t n = send(t.peer, text, length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0) {
            text += n;
            length -= (size_t)n;
        } else if (errno != EAGAIN) /* the client has hung up, as some tests want */
            return;
        turn();
    }
}

static void peer_accept(void)
{
    if (t.peer >= 0)
        (void)close(t.peer);
    t.length = 0;
    turn();
    t.peer = accept4(t.listener, NULL, NULL, SOCK_CLOEXEC);
    ck_assert_int_ge(t.peer, 0);
}

static unsigned int commands_seen(void)
{
    unsigned int count = 0;

    for (const char *at = t.input; (at = strstr(at, "\"execute\"")); at++)
        count++;
    return count;
}

/* Up to ready; the next command's id is 2. */
static void negotiate(void)
{
    peer_accept();
    peer_send(GREETING);
    UNTIL(strstr(t.input, "qmp_capabilities"));
    peer_send("{\"return\": {}, \"id\": 1}\r\n");
    UNTIL(t.ready == 1);
}

struct outcome {
    unsigned int calls;
    int error;
    json_int_t value;
    struct reason reason;
};

static void on_done(int error, json_t *value, const struct reason *reason, void *userdata)
{
    struct outcome *outcome = userdata;

    outcome->calls++;
    outcome->error = error;
    outcome->value = json_integer_value(value);
    if (reason)
        outcome->reason = *reason;
}

START_TEST(replies_are_matched_by_id_not_by_order)
{
    struct outcome a = { 0 }, b = { 0 };

    negotiate();
    ck_assert_str_eq(t.version, "7.2.22");
    ck_assert_int_eq(qmp_execute(t.qmp, "one", NULL, on_done, &a), 0);
    ck_assert_int_eq(qmp_execute(t.qmp, "two", json_pack("{si}", "x", 1), on_done, &b), 0);
    UNTIL(commands_seen() == 3);
    peer_send("{\"id\": 3, \"return\": 33}{\"return\": 22, \"id\": 2}");
    UNTIL(a.calls == 1 && b.calls == 1);
    ck_assert_int_eq(a.value, 22);
    ck_assert_int_eq(b.value, 33);
}
END_TEST

START_TEST(events_may_come_before_any_reply)
{
    struct outcome outcome = { 0 };

    peer_accept();
    peer_send(GREETING "{\"event\": \"EARLY\", \"data\": {}}\r\n");
    UNTIL(t.events == 1);
    peer_send("{\"timestamp\": {}, \"event\": \"BARE\"}{\"return\": {}, \"id\": 1}");
    UNTIL(t.ready == 1);
    ck_assert_str_eq(t.event, "BARE");
    ck_assert_int_eq(qmp_execute(t.qmp, "one", NULL, on_done, &outcome), 0);
    peer_send("{\"event\": \"BETWEEN\", \"data\": 7}");
    peer_send("{\"return\": 5, \"id\": 2}");
    UNTIL(outcome.calls == 1);
    ck_assert_int_eq(outcome.value, 5);
    ck_assert_uint_eq(t.events, 3);
}
END_TEST

START_TEST(an_error_is_told_in_qemu_s_words)
{
    struct outcome outcome = { 0 };

    negotiate();
    ck_assert_int_eq(qmp_execute(t.qmp, "one", NULL, on_done, &outcome), 0);
    UNTIL(commands_seen() == 2);
    peer_send(
        "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no free slots \\u001b[31m\"}, \"id\": 2}");
    UNTIL(outcome.calls == 1);
    ck_assert_int_eq(outcome.error, -EREMOTEIO);
    ck_assert_str_eq(outcome.reason.text, "QEMU: no free slots ?[31m");
    ck_assert_uint_eq(t.lost, 0);
}
END_TEST

START_TEST(no_more_than_eight_commands_are_under_way)
{
    struct outcome outcome = { 0 };
    char reply[64];

    negotiate();
    for (unsigned int i = 0; i < 20; i++)
        ck_assert_int_eq(qmp_execute(t.qmp, "many", NULL, on_done, &outcome), 0);
    UNTIL(commands_seen() == 1 + 8);
    for (unsigned int i = 0; i < 50; i++)
        turn();
    ck_assert_uint_eq(commands_seen(), 1 + 8);
    for (unsigned int i = 0; i < 20; i++) {
        (void)snprintf(reply, sizeof(reply), "{\"return\": {}, \"id\": %u}", i + 2);
        peer_send(reply);
        UNTIL(outcome.calls == i + 1);
        UNTIL(commands_seen() == (9 + i + 1 < 21 ? 9 + i + 1 : 21));
    }
    ck_assert_uint_eq(outcome.calls, 20);
}
END_TEST

static const char *const garbage[] = {
    "hello\r\n",
    "{\"return\": {}, \"id\": 77}",
    "{\"return\": {}}",
    "{\"error\": {\"class\": \"GenericError\", \"desc\": \"JSON parse error\"}}",
    "{\"what\": 1}",
    "{\"return\": {}, \"return\": {}, \"id\": 2}",
    "{\"event\": 7}",
    "{\"return\": \"\xff\", \"id\": 2}",
    "{\"return\": nul, \"id\": 2}",
    "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[",
};

START_TEST(garbage_ends_the_connection_and_every_command_hears_of_it)
{
    struct outcome a = { 0 }, b = { 0 };

    negotiate();
    ck_assert_int_eq(qmp_execute(t.qmp, "one", NULL, on_done, &a), 0);
    ck_assert_int_eq(qmp_execute(t.qmp, "two", NULL, on_done, &b), 0);
    UNTIL(commands_seen() == 3);
    peer_send(garbage[_i]);
    UNTIL(t.lost == 1);
    ck_assert_int_eq(a.error, -ENOTCONN);
    ck_assert_int_eq(b.error, -ENOTCONN);
    ck_assert_uint_eq(a.calls, 1);
    ck_assert(t.reason.text[0] != '\0');
    ck_assert_int_eq(qmp_execute(t.qmp, "three", NULL, on_done, &a), -ENOTCONN);
}
END_TEST

START_TEST(a_giant_message_ends_the_connection)
{
    char *giant = malloc(2 * QMP_MESSAGE_MAX);

    ck_assert_ptr_nonnull(giant);
    memset(giant, ' ', 2 * QMP_MESSAGE_MAX);
    memcpy(giant, "{\"return\":", 10);
    giant[2 * QMP_MESSAGE_MAX - 1] = '\0';
    negotiate();
    peer_send(giant);
    UNTIL(t.lost == 1);
    free(giant);
}
END_TEST

START_TEST(a_peer_that_hangs_up_is_dialed_again)
{
    struct outcome outcome = { 0 };

    negotiate();
    ck_assert_int_eq(qmp_execute(t.qmp, "one", NULL, on_done, &outcome), 0);
    UNTIL(commands_seen() == 2);
    peer_send("{\"return\": {\"half\"");
    (void)close(t.peer);
    t.peer = -1;
    UNTIL(t.lost == 1);
    ck_assert_int_eq(outcome.error, -ENOTCONN);
    (void)usleep((unsigned int)QMP_RETRY_MIN_US + 10000);
    peer_accept();
    peer_send(GREETING);
    UNTIL(strstr(t.input, "qmp_capabilities"));
    peer_send("{\"return\": {}, \"id\": 3}");
    UNTIL(t.ready == 2);
}
END_TEST

START_TEST(a_monitor_that_somebody_else_holds_is_named_as_such)
{
    (void)usleep((unsigned int)QMP_GREETING_US / 1000);
    for (unsigned int i = 0; t.lost == 0 && i < 5000; i++) {
        turn();
        (void)usleep(1000);
    }
    ck_assert_uint_eq(t.lost, 1);
    ck_assert_ptr_nonnull(strstr(t.reason.text, "one client"));
}
END_TEST

START_TEST(what_is_no_monitor_is_named_as_such)
{
    peer_accept();
    peer_send("{\"hello\": 1}");
    UNTIL(t.lost == 1);
    ck_assert_ptr_nonnull(strstr(t.reason.text, "QMP"));
}
END_TEST

START_TEST(a_forgotten_command_does_not_call_back)
{
    struct outcome outcome = { 0 }, other = { 0 };

    negotiate();
    ck_assert_int_eq(qmp_execute(t.qmp, "one", NULL, on_done, &outcome), 0);
    ck_assert_int_eq(qmp_execute(t.qmp, "two", NULL, on_done, &other), 0);
    UNTIL(commands_seen() == 3);
    qmp_forget(t.qmp, &outcome);
    peer_send("{\"return\": {}, \"id\": 2}{\"return\": {}, \"id\": 3}");
    UNTIL(other.calls == 1);
    ck_assert_uint_eq(outcome.calls, 0);
    ck_assert_uint_eq(t.lost, 0);
}
END_TEST

START_TEST(a_path_too_long_for_a_socket_is_refused)
{
    char path[200];
    struct qmp *qmp = NULL;

    memset(path, 'a', sizeof(path));
    path[sizeof(path) - 1] = '\0';
    ck_assert_int_eq(qmp_new(t.base, path, &hooks, NULL, &qmp), -ENAMETOOLONG);
    ck_assert_ptr_null(qmp);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("host/qmp");
    TCase *tcase = tcase_create("qmp");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, replies_are_matched_by_id_not_by_order);
    tcase_add_test(tcase, events_may_come_before_any_reply);
    tcase_add_test(tcase, an_error_is_told_in_qemu_s_words);
    tcase_add_test(tcase, no_more_than_eight_commands_are_under_way);
    tcase_add_loop_test(tcase, garbage_ends_the_connection_and_every_command_hears_of_it, 0,
                        (int)(sizeof(garbage) / sizeof(*garbage)));
    tcase_add_test(tcase, a_giant_message_ends_the_connection);
    tcase_add_test(tcase, a_peer_that_hangs_up_is_dialed_again);
    tcase_add_test(tcase, a_monitor_that_somebody_else_holds_is_named_as_such);
    tcase_add_test(tcase, what_is_no_monitor_is_named_as_such);
    tcase_add_test(tcase, a_forgotten_command_does_not_call_back);
    tcase_add_test(tcase, a_path_too_long_for_a_socket_is_refused);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
