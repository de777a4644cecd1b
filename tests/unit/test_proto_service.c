/* SPDX-License-Identifier: Apache-2.0 */
/* The server and the client of this folder against each other, over one socket pair and without a thread. */
#include <check.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "proto/client.h"
#include "proto/service.h"
#include "varlink_interface_texts.h"

static struct varlink_service *service;
static struct varlink_connection *connection;
static struct varlink_client *client;
static struct varlink_reply reply;
static struct varlink_connection *waiting;
static bool denied;

static int on_echo(struct varlink_connection *c, const struct varlink_call *call, void *userdata)
{
    ck_assert_ptr_eq(userdata, &service);
    return varlink_connection_reply(c, json_incref(call->parameters));
}

static int on_count(struct varlink_connection *c, const struct varlink_call *call, void *userdata)
{
    (void)call;
    (void)userdata;
    for (int i = 0; i < 3; i++) {
        int r = varlink_connection_reply_continue(c, json_pack("{s:i}", "i", i));

        if (r < 0)
            return r;
    }
    return varlink_connection_reply(c, json_pack("{s:i}", "i", 3));
}

static int on_later(struct varlink_connection *c, const struct varlink_call *call, void *userdata)
{
    (void)call;
    (void)userdata;
    waiting = varlink_connection_ref(c);
    return 0;
}

static int on_broken(struct varlink_connection *c, const struct varlink_call *call, void *userdata)
{
    (void)c;
    (void)call;
    (void)userdata;
    return -EIO;
}

static int on_drop(struct varlink_connection *c, const struct varlink_call *call, void *userdata)
{
    (void)call;
    (void)userdata;
    varlink_connection_close(c);
    return 0;
}

static const char text[] = "# Comment: method Commented() -> ()\n"
                           "interface org.example.test\n"
                           "type Thing (method: string)\n"
                           "method Echo(a: ?int) -> (a: ?int)\n"
                           "  method Count() -> (i: int)\n"
                           "method Later() -> ()\n"
                           "method Broken() -> ()\n"
                           "method Drop() -> ()\n"
                           "method Slow() -> ()\n"
                           "method Planned\n"
                           "() -> ()\n";

static const struct varlink_method methods[] = {
    { "Echo", 0, on_echo },   { "Count", VARLINK_METHOD_MORE, on_count },
    { "Later", 0, on_later }, { "Broken", 0, on_broken },
    { "Drop", 0, on_drop },   { "Slow", VARLINK_METHOD_SLOW, on_echo },
};

static const struct varlink_interface interface = { "org.example.test", text, methods, ELEMENTS(methods) };

static int authorize(struct varlink_connection *c, const struct varlink_call *call, void *userdata)
{
    (void)c;
    (void)call;
    ck_assert_ptr_eq(userdata, &service);
    return denied ? -EACCES : 0;
}

static void setup(void)
{
    static const struct varlink_service_info info = { "CZone", "test", "1", "https://example.org/" };
    int pair[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    ck_assert_int_eq(varlink_service_new(&info, &service, &service), 0);
    ck_assert_int_eq(varlink_service_add(service, &interface), 0);
    varlink_service_set_authorize(service, authorize);
    ck_assert_int_eq(varlink_connection_new(pair[0], &connection), 0);
    ck_assert_int_eq(varlink_client_new(pair[1], &client), 0);
    denied = false;
}

static void teardown(void)
{
    varlink_reply_done(&reply);
    waiting = varlink_connection_unref(waiting);
    connection = varlink_connection_unref(connection);
    client = varlink_client_free(client);
    service = varlink_service_free(service);
}

static int serve(void)
{
    return varlink_service_process(service, connection, POLLIN | POLLOUT);
}

static void expect_reply(void)
{
    varlink_reply_done(&reply);
    (void)varlink_client_process(client, POLLIN | POLLOUT);
    ck_assert_int_eq(varlink_client_next_reply(client, &reply), 1);
}

static void call_with(const char *method, json_t *parameters, unsigned int flags)
{
    ck_assert_int_eq(varlink_client_send(client, method, parameters, flags), 0);
    ck_assert_int_eq(serve(), 1);
    expect_reply();
}

static void call(const char *method)
{
    call_with(method, json_object(), 0);
}

static const char *parameter(const char *name)
{
    return json_string_value(json_object_get(reply.parameters, name));
}

START_TEST(get_info_lists_every_interface)
{
    json_t *interfaces;

    call("org.varlink.service.GetInfo");
    ck_assert_ptr_null(reply.error);
    ck_assert_str_eq(parameter("vendor"), "CZone");
    ck_assert_str_eq(parameter("product"), "test");
    ck_assert_str_eq(parameter("version"), "1");
    ck_assert_str_eq(parameter("url"), "https://example.org/");
    interfaces = json_object_get(reply.parameters, "interfaces");
    ck_assert_uint_eq(json_array_size(interfaces), 2);
    ck_assert_str_eq(json_string_value(json_array_get(interfaces, 0)), "org.varlink.service");
    ck_assert_str_eq(json_string_value(json_array_get(interfaces, 1)), "org.example.test");
}
END_TEST

START_TEST(descriptions_are_the_texts)
{
    call_with("org.varlink.service.GetInterfaceDescription",
              json_pack("{s:s}", "interface", "org.example.test"), 0);
    ck_assert_str_eq(parameter("description"), text);
    call_with("org.varlink.service.GetInterfaceDescription",
              json_pack("{s:s}", "interface", "org.varlink.service"), 0);
    ck_assert_str_eq(parameter("description"), varlink_text_org_varlink_service);
    call_with("org.varlink.service.GetInterfaceDescription", json_pack("{s:s}", "interface", "org.example"),
              0);
    ck_assert_str_eq(reply.error, "org.varlink.service.InterfaceNotFound");
    ck_assert_str_eq(parameter("interface"), "org.example");
    call("org.varlink.service.GetInterfaceDescription");
    ck_assert_str_eq(reply.error, "org.varlink.service.InvalidParameter");
    ck_assert_str_eq(parameter("parameter"), "interface");
    call_with("org.varlink.service.GetInfo", json_pack("{s:i}", "x", 1), 0);
    ck_assert_str_eq(reply.error, "org.varlink.service.InvalidParameter");
    ck_assert_str_eq(parameter("parameter"), "x");
}
END_TEST

START_TEST(a_method_is_called_with_its_parameters)
{
    call_with("org.example.test.Echo", json_pack("{s:i}", "a", 7), 0);
    ck_assert_ptr_null(reply.error);
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "a")), 7);
}
END_TEST

static const struct {
    const char *method, *error, *name, *value;
} unknown[] = {
    { "org.example.other.Echo", "org.varlink.service.InterfaceNotFound", "interface", "org.example.other" },
    { "org.example.Echo", "org.varlink.service.InterfaceNotFound", "interface", "org.example" },
    { "org.example.test.Nothing", "org.varlink.service.MethodNotFound", "method",
      "org.example.test.Nothing" },
    { "org.example.test.Ech", "org.varlink.service.MethodNotFound", "method", "org.example.test.Ech" },
    { "org.example.test.Echoo", "org.varlink.service.MethodNotFound", "method", "org.example.test.Echoo" },
    { "org.example.test.Commented", "org.varlink.service.MethodNotFound", "method",
      "org.example.test.Commented" },
    { "org.example.test.Thing", "org.varlink.service.MethodNotFound", "method", "org.example.test.Thing" },
    { "org.example.test.Planned", "org.varlink.service.MethodNotImplemented", "method",
      "org.example.test.Planned" },
};

START_TEST(what_is_not_there_is_named_in_the_error)
{
    call(unknown[_i].method);
    ck_assert_str_eq(reply.error, unknown[_i].error);
    ck_assert_str_eq(parameter(unknown[_i].name), unknown[_i].value);
}
END_TEST

START_TEST(a_malformed_method_name_is_not_found)
{
    static const char *const names[] = { "Echo", "echo", "org.example.test.echo", "..", "\\u001b[2J" };

    for (size_t i = 0; i < ELEMENTS(names); i++) {
        char message[128];
        int fd = varlink_client_fd(client);
        int n = snprintf(message, sizeof(message), "{\"method\":\"%s\"}", names[i]);

        ck_assert_int_eq(send(fd, message, (size_t)n + 1, 0), n + 1);
        ck_assert_int_eq(serve(), 1);
        n = (int)recv(fd, message, sizeof(message), MSG_DONTWAIT);
        ck_assert_int_gt(n, 0);
        ck_assert_ptr_nonnull(strstr(message, "org.varlink.service.MethodNotFound"));
    }
}
END_TEST

START_TEST(an_upgrade_is_never_confirmed)
{
    const char message[] = "{\"method\":\"org.example.test.Echo\",\"upgrade\":true}";
    char answer[256] = "";
    int fd = varlink_client_fd(client);

    ck_assert_int_eq(send(fd, message, sizeof(message), 0), (ssize_t)sizeof(message));
    ck_assert_int_eq(serve(), 1);
    ck_assert_int_gt(recv(fd, answer, sizeof(answer), MSG_DONTWAIT), 0);
    ck_assert_ptr_nonnull(strstr(answer, "org.varlink.service.MethodNotImplemented"));
}
END_TEST

START_TEST(a_stream_needs_more_and_gets_every_reply)
{
    call("org.example.test.Count");
    ck_assert_str_eq(reply.error, "org.varlink.service.ExpectedMore");
    call_with("org.example.test.Count", json_object(), VARLINK_MORE);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "i")), i);
        ck_assert(reply.continues == (i < 3));
        ck_assert(varlink_client_busy(client) == (i < 3));
        if (i < 3)
            expect_reply();
    }
}
END_TEST

START_TEST(a_handler_may_answer_later)
{
    ck_assert_int_eq(varlink_client_send(client, "org.example.test.Later", json_object(), 0), 0);
    ck_assert_int_eq(serve(), 1);
    (void)varlink_client_process(client, POLLIN);
    ck_assert_int_eq(varlink_client_next_reply(client, &reply), 0);
    ck_assert_int_eq(varlink_connection_reply(waiting, json_pack("{s:i}", "a", 1)), 0);
    ck_assert_int_eq(varlink_service_process(service, connection, POLLOUT), 1);
    expect_reply();
}
END_TEST

START_TEST(a_handler_that_cannot_answer_ends_the_connection)
{
    ck_assert_int_eq(varlink_client_send(client, "org.example.test.Broken", json_object(), 0), 0);
    ck_assert_int_eq(serve(), -EIO);
    ck_assert_int_eq(varlink_client_receive(client, 1000, &reply), -ECONNRESET);
}
END_TEST

START_TEST(a_handler_may_drop_the_connection)
{
    ck_assert_int_eq(varlink_client_send(client, "org.example.test.Drop", json_object(), 0), 0);
    ck_assert_int_eq(serve(), -ENOTCONN);
    ck_assert_int_eq(varlink_client_receive(client, 1000, &reply), -ECONNRESET);
}
END_TEST

START_TEST(what_the_policy_denies_is_denied_before_it_is_looked_up)
{
    denied = true;
    call("org.example.test.Echo");
    ck_assert_str_eq(reply.error, "org.varlink.service.PermissionDenied");
    call("org.example.nothing.Echo");
    ck_assert_str_eq(reply.error, "org.varlink.service.PermissionDenied");
    denied = false;
    call("org.example.test.Echo");
    ck_assert_ptr_null(reply.error);
}
END_TEST

START_TEST(one_turn_serves_a_bounded_number_of_calls_and_asks_for_another)
{
    const char message[] = "{\"method\":\"org.example.test.Echo\"}";
    char answers[4096];
    ssize_t n;
    int turns = 0, n_answers = 0;

    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(send(varlink_client_fd(client), message, sizeof(message), 0),
                         (ssize_t)sizeof(message));
    ck_assert_int_eq(serve(), 1);
    while (varlink_connection_events(connection) & POLLOUT) {
        ck_assert_int_eq(varlink_service_process(service, connection, POLLOUT), 1);
        turns++;
    }
    ck_assert_int_eq(turns, 24);
    n = recv(varlink_client_fd(client), answers, sizeof(answers), MSG_DONTWAIT);
    for (ssize_t i = 0; i < n; i++)
        n_answers += answers[i] == '\0';
    ck_assert_int_eq(n_answers, 100);
}
END_TEST

static varlink_handler deferred;

static int on_defer(struct varlink_connection *c, const struct varlink_call *call, varlink_handler handler,
                    void *userdata)
{
    ck_assert_ptr_eq(userdata, &service);
    ck_assert_ptr_eq(call, varlink_connection_call(c));
    ck_assert_uint_eq(call->length, strlen("{\"method\":\"org.example.test.Slow\"}"));
    deferred = handler;
    return 0;
}

START_TEST(a_slow_method_is_left_to_the_defer_function)
{
    varlink_service_set_defer(service, on_defer);
    ck_assert_int_eq(varlink_client_send(client, "org.example.test.Slow", json_object(), 0), 0);
    (void)varlink_client_process(client, varlink_client_events(client));
    ck_assert_int_eq(serve(), 1);
    ck_assert_ptr_eq(deferred, on_echo);
    ck_assert_int_eq(deferred(connection, varlink_connection_call(connection), &service), 0);
    ck_assert_int_eq(serve(), 1);
    expect_reply();
    ck_assert_ptr_null(reply.error);
    varlink_service_set_defer(service, NULL);
    call("org.example.test.Slow");
    ck_assert_ptr_null(reply.error);
}
END_TEST

START_TEST(an_interface_and_its_table_must_agree)
{
    static const struct varlink_method extra[] = { { "Echo", 0, on_echo }, { "Undeclared", 0, on_echo } };
    struct varlink_interface other = { "org.example.other", text, methods, ELEMENTS(methods) };

    ck_assert_int_eq(varlink_service_add(service, &interface), -EEXIST);
    ck_assert_int_eq(varlink_service_add(service, &other), -EINVAL);
    other = (struct varlink_interface){ "org.example.test", text, extra, ELEMENTS(extra) };
    ck_assert_int_eq(varlink_service_add(service, &other), -EINVAL);
}
END_TEST

START_TEST(the_interfaces_of_the_project_are_embedded)
{
    const struct varlink_interface interfaces[] = {
        { "io.czone.Container", varlink_text_io_czone_Container, NULL, 0 },
        { "io.czone.Host", varlink_text_io_czone_Host, NULL, 0 },
        { "io.czone.Monitor", varlink_text_io_czone_Monitor, NULL, 0 },
        { "io.czone.Zone", varlink_text_io_czone_Zone, NULL, 0 },
    };

    for (size_t i = 0; i < ELEMENTS(interfaces); i++)
        ck_assert_int_eq(varlink_service_add(service, &interfaces[i]), 0);
    call_with("org.varlink.service.GetInterfaceDescription", json_pack("{s:s}", "interface", "io.czone.Zone"),
              0);
    ck_assert_str_eq(parameter("description"), varlink_text_io_czone_Zone);
}
END_TEST

static void add_calling_tests(TCase *tcase)
{
    tcase_add_test(tcase, a_method_is_called_with_its_parameters);
    tcase_add_loop_test(tcase, what_is_not_there_is_named_in_the_error, 0, ELEMENTS(unknown));
    tcase_add_test(tcase, a_malformed_method_name_is_not_found);
    tcase_add_test(tcase, an_upgrade_is_never_confirmed);
    tcase_add_test(tcase, a_stream_needs_more_and_gets_every_reply);
    tcase_add_test(tcase, a_handler_may_answer_later);
    tcase_add_test(tcase, a_handler_that_cannot_answer_ends_the_connection);
    tcase_add_test(tcase, a_handler_may_drop_the_connection);
    tcase_add_test(tcase, what_the_policy_denies_is_denied_before_it_is_looked_up);
    tcase_add_test(tcase, one_turn_serves_a_bounded_number_of_calls_and_asks_for_another);
}

int main(void)
{
    Suite *suite = suite_create("proto/service");
    TCase *tcase = tcase_create("service");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, get_info_lists_every_interface);
    tcase_add_test(tcase, descriptions_are_the_texts);
    tcase_add_test(tcase, a_slow_method_is_left_to_the_defer_function);
    tcase_add_test(tcase, an_interface_and_its_table_must_agree);
    tcase_add_test(tcase, the_interfaces_of_the_project_are_embedded);
    add_calling_tests(tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
