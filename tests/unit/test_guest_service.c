/* SPDX-License-Identifier: Apache-2.0 */
/* What czoned answers to calls, good and hostile. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/guest/session.h"
#include "tests/unit/guest_machine.h"
#include "tests/unit/guest_test.h"

static struct machine machine;

static void set_up(void)
{
    machine_set_up(&machine, 3);
}

static void tear_down(void)
{
    machine_tear_down(&machine);
}

/* Nothing of a refused request stays: no container, no lease, no claim. */
static void expect_nothing_left(void)
{
    struct czone_zone_info *infos = NULL;

    ck_assert_uint_eq(machine.manager->n_containers, 0);
    ck_assert(TAILQ_EMPTY(&machine.manager->leases));
    ck_assert_int_eq(czone_zone_list(machine.manager->ctx, &infos), 0);
    free(infos);
}

static void expect_error(const char *method, const char *parameters, const char *error, const char *field,
                         const char *value)
{
    struct varlink_client *client = machine_client(&machine);
    struct varlink_reply reply = machine_call(&machine, client, method, parameters, 0);

    ck_assert_ptr_nonnull(reply.error);
    ck_assert_str_eq(reply.error, error);
    if (field != NULL && value != NULL)
        ck_assert_str_eq(json_string_value(json_object_get(reply.parameters, field)), value);
    else if (field != NULL)
        ck_assert_ptr_nonnull(json_object_get(reply.parameters, field));
    varlink_reply_done(&reply);
    varlink_client_free(client);
    machine_run(&machine, 0);
    ck_assert_uint_eq(machine.manager->n_sessions, 0);
}

static const struct {
    const char *parameters, *error, *field, *value;
} bad_spawns[] = {
    { "{}", "org.varlink.service.InvalidParameter", "parameter", "args" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 0}", "org.varlink.service.InvalidParameter", "parameter",
      "memory" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 9223372036854775807}", "io.czone.Container.NoMemory", "bytes",
      NULL },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"tier\": \"turbo\"}", "io.czone.Container.NoSuchTier",
      "tier", "turbo" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"tier\": \"memory_tier77\"}",
      "io.czone.Container.NoSuchTier", "tier", "memory_tier77" },
    { "{\"args\": [\"no-such-program\"], \"memory\": 1}", "io.czone.Container.NoSuchProgram", "program",
      "no-such-program" },
    { "{\"args\": [\"/etc/passwd\"], \"memory\": 1}", "io.czone.Container.NotExecutable", "program",
      "/etc/passwd" },
    { "{\"args\": [\"/bin\"], \"memory\": 1}", "io.czone.Container.NotExecutable", "program", "/bin" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"root\": \"/no/such/root\"}",
      "io.czone.Container.NoSuchRoot", "root", "/no/such/root" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"user\": \"no-such-user\"}", "io.czone.Container.NoSuchUser",
      "user", "no-such-user" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"layers\": [\"/usr\", \"/no/such/layer\"]}",
      "io.czone.Container.NoSuchLayer", "layer", "/no/such/layer" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"mounts\": [{\"type\": \"bind\", \"target\": \"/mnt\", "
      "\"source\": \"/no/such/source\"}]}",
      "io.czone.Container.NoSuchSource", "source", "/no/such/source" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"mounts\": [{\"type\": \"tmpfs\", \"target\": \"/proc\"}]}",
      "org.varlink.service.InvalidParameter", "parameter", "mounts" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"network\": {\"mode\": \"veth\", \"bridge\": "
      "\"no-such-bridge\"}}",
      "org.varlink.service.InvalidParameter", "parameter", "network" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"rlimits\": [{\"name\": \"nofile\", \"hard\": 1}]}",
      "org.varlink.service.InvalidParameter", "parameter", "rlimits" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"id\": \"../x\"}", "org.varlink.service.InvalidParameter",
      "parameter", "id" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"cwd\": \"relative\"}",
      "org.varlink.service.InvalidParameter", "parameter", "cwd" },
    { "{\"args\": [\"/bin/sh\\u0000x\"], \"memory\": 1}", "org.varlink.service.InvalidParameter", "parameter",
      "args[0]" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"colour\": 1}", "org.varlink.service.InvalidParameter",
      "parameter", "colour" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1, \"capabilities\": [\"CAP_KILL\", \"CAP_SYS_ADMIN\"]}",
      "org.varlink.service.InvalidParameter", "parameter", "capabilities[1]" },
    { "{\"bundle\": \"bundle\", \"memory\": 1}", "org.varlink.service.InvalidParameter", "parameter",
      "bundle" },
    { "{\"bundle\": \"/bundle\", \"memory\": 1, \"args\": [\"sh\"]}", "org.varlink.service.InvalidParameter",
      "parameter", "args" },
    { "{\"bundle\": \"/no/such/bundle\", \"memory\": 1}", "io.czone.Container.BadBundle", "member",
      "config.json" },
    { "{\"bundle\": \"/no/such/bundle\", \"memory\": 1, \"key\": \"k\"}", "io.czone.Container.BadBundle",
      "bundle", "/no/such/bundle" },
    { "{\"args\": [\"/bin/sh\"], \"memory\": 1}", "io.czone.Container.NoMemory", "bytes", NULL },
};

START_TEST(a_bad_spawn_is_refused_with_its_reason_and_leaves_nothing)
{
    expect_error("io.czone.Container.Spawn", bad_spawns[_i].parameters, bad_spawns[_i].error,
                 bad_spawns[_i].field, bad_spawns[_i].value);
    expect_nothing_left();
}
END_TEST

START_TEST(without_a_second_node_the_error_names_the_vmm_s_flags)
{
    struct varlink_client *client;
    struct varlink_reply reply;
    const char *message;

    machine_tear_down(&machine);
    machine_set_up(&machine, 1);
    client = machine_client(&machine);
    reply = machine_call(&machine, client, "io.czone.Container.Spawn",
                         "{\"args\": [\"/bin/sh\"], \"memory\": 1}", 0);
    ck_assert_str_eq(reply.error, "io.czone.Container.NoZoneNode");
    message = json_string_value(json_object_get(reply.parameters, "message"));
    ck_assert_ptr_nonnull(strstr(message, "-numa node"));
    varlink_reply_done(&reply);
    varlink_client_free(client);
    expect_nothing_left();
}
END_TEST

static const struct {
    const char *method, *parameters, *error;
} bad_calls[] = {
    { "io.czone.Container.Inspect", "{\"id\": \"nobody\"}", "io.czone.Container.NoSuchContainer" },
    { "io.czone.Container.Wait", "{\"id\": \"nobody\"}", "io.czone.Container.NoSuchContainer" },
    { "io.czone.Container.Wait", "{\"id\": \"x\", \"until\": \"never\"}",
      "org.varlink.service.InvalidParameter" },
    { "io.czone.Container.Kill", "{\"id\": \"nobody\"}", "io.czone.Container.NoSuchContainer" },
    { "io.czone.Container.Start", "{\"id\": \"nobody\"}", "io.czone.Container.NoSuchContainer" },
    { "io.czone.Container.Start", "{}", "org.varlink.service.InvalidParameter" },
    { "io.czone.Container.Kill", "{\"id\": \"x\", \"signal\": \"SIGFUN\"}",
      "org.varlink.service.InvalidParameter" },
    { "io.czone.Container.Kill", "{\"id\": \"x\", \"signal\": \"0\"}",
      "org.varlink.service.InvalidParameter" },
    { "io.czone.Container.Kill", "{\"id\": \"x\", \"signal\": \"-9\"}",
      "org.varlink.service.InvalidParameter" },
    { "io.czone.Container.Remove", "{\"id\": \"nobody\"}", "io.czone.Container.NoSuchContainer" },
    { "io.czone.Container.Logs", "{\"id\": \"nobody\"}", "io.czone.Container.NoSuchContainer" },
    { "io.czone.Container.List", "{\"x\": 1}", "org.varlink.service.InvalidParameter" },
    { "io.czone.Container.Fly", "{}", "org.varlink.service.MethodNotFound" },
    { "io.czone.Nothing.Fly", "{}", "org.varlink.service.InterfaceNotFound" },
    { "io.czone.Zone.Verify", "{\"zone\": \"nobody\"}", "io.czone.Zone.NoSuchZone" },
    { "io.czone.Zone.Verify", "{\"zone\": \"../../etc/passwd\"}", "io.czone.Zone.NoSuchZone" },
    { "io.czone.Monitor.Subscribe", "{}", "org.varlink.service.ExpectedMore" },
    { "io.czone.Host.Attach", "{\"driver\": \"x\", \"max_bytes\": 0}", "org.varlink.service.ExpectedMore" },
    { "io.czone.Host.Report", "{\"session\": \"x\", \"id\": 1, \"ok\": true}",
      "io.czone.Host.NoSuchSession" },
};

START_TEST(a_bad_call_gets_the_error_that_is_documented)
{
    expect_error(bad_calls[_i].method, bad_calls[_i].parameters, bad_calls[_i].error, NULL, NULL);
}
END_TEST

START_TEST(lists_of_an_empty_guest_are_complete)
{
    struct varlink_client *client = machine_client(&machine);
    struct varlink_reply reply = machine_call(&machine, client, "io.czone.Container.List", "{}", 0);

    ck_assert_ptr_null(reply.error);
    ck_assert_uint_eq(json_array_size(json_object_get(reply.parameters, "containers")), 0);
    varlink_reply_done(&reply);
    reply = machine_call(&machine, client, "io.czone.Zone.List", "{\"blocks\": true}", 0);
    ck_assert_ptr_null(reply.error);
    ck_assert_uint_eq(json_array_size(json_object_get(reply.parameters, "nodes")), 3);
    ck_assert_uint_eq(json_array_size(json_object_get(reply.parameters, "blocks")), 4);
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "block_size")), BLOCK);
    varlink_reply_done(&reply);
    reply = machine_call(&machine, client, "io.czone.Zone.Receipts", "{}", 0);
    ck_assert_ptr_null(reply.error);
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "limit")), RECEIPTS_LIMIT);
    varlink_reply_done(&reply);
    varlink_client_free(client);
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
} garbage[] = {
#define BYTES(text)                                                                                          \
    {                                                                                                        \
        text, sizeof(text) - 1                                                                               \
    }
    BYTES("\0"),
    BYTES("not json\0"),
    BYTES("[]\0"),
    BYTES("{\"method\": 1}\0"),
    BYTES("{\"method\": \"io.czone.Container.List\", \"more\": \"yes\"}\0"),
    BYTES("{\"method\": \"io.czone.Container.List\", \"more\": true, \"oneway\": true}\0"),
    BYTES("{\"method\": \"io.czone.Container.List\", \"extra\": 1}\0"),
    BYTES("{\"method\": \"io.czone.Container.List\", \"method\": \"x.y.Z\"}\0"),
    BYTES("{\"method\": \"io.czone.\xff\xfe\"}\0"),
    BYTES("{\"method\": \"io.czone.Container.List\"\0, \"parameters\": {}}\0"),
    BYTES("GET / HTTP/1.1\r\n\r\n\0"),
    BYTES("{\"parameters\": {}}\0"),
};

static bool closed(int fd)
{
    char byte;

    machine_run(&machine, 0);
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
}

START_TEST(garbage_ends_the_connection_and_nothing_else)
{
    int fd = machine_connect(&machine);

    ck_assert_int_eq(send(fd, garbage[_i].bytes, garbage[_i].length, MSG_NOSIGNAL),
                     (ssize_t)garbage[_i].length);
    ck_assert(closed(fd));
    ck_assert_uint_eq(machine.manager->n_sessions, 0);
    (void)close(fd);
    expect_error("io.czone.Container.Inspect", "{\"id\": \"nobody\"}", "io.czone.Container.NoSuchContainer",
                 NULL, NULL);
    expect_nothing_left();
}
END_TEST

/* Sends as much as is taken, letting the daemon read in between. */
static void flood(int fd, const char *unit, size_t total)
{
    size_t length = strlen(unit), sent = 0;

    for (int i = 0; i < 100000 && sent < total; i++) {
        ssize_t n = send(fd, unit, length, MSG_NOSIGNAL | MSG_DONTWAIT);

        if (n > 0)
            sent += (size_t)n;
        else if (errno == EAGAIN)
            machine_run(&machine, 0);
        else
            return;
    }
}

START_TEST(a_message_without_end_is_cut_off_at_the_limit)
{
    int fd = machine_connect(&machine);

    flood(fd, "{\"method\":\"io.czone.Container.List\",\"parameters\":{\"x\":\"", 54);
    flood(fd, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          (size_t)1024 * 1024);
    machine_run(&machine, 0);
    ck_assert_uint_eq(machine.manager->n_sessions, 0);
    (void)close(fd);
}
END_TEST

START_TEST(deep_nesting_is_cut_off)
{
    int fd = machine_connect(&machine);

    flood(fd, "{\"method\":\"io.czone.Container.List\",\"parameters\":{\"x\":", 52);
    flood(fd, "[[[[[[[[[[", 10000);
    ck_assert_int_eq(send(fd, "", 1, MSG_NOSIGNAL), 1);
    machine_run(&machine, 0);
    ck_assert_uint_eq(machine.manager->n_sessions, 0);
    (void)close(fd);
}
END_TEST

START_TEST(a_peer_that_vanishes_half_way_leaves_nothing)
{
    int fd = machine_connect(&machine);

    ck_assert_int_eq(send(fd, "{\"method\":\"io.cz", 16, MSG_NOSIGNAL), 16);
    machine_run(&machine, 0);
    (void)close(fd);
    machine_run(&machine, 0);
    ck_assert_uint_eq(machine.manager->n_sessions, 0);
}
END_TEST

START_TEST(a_subscriber_that_vanishes_is_forgotten_and_others_go_on)
{
    struct varlink_client *first = machine_client(&machine), *second = machine_client(&machine);
    struct varlink_reply reply;

    reply = machine_call(&machine, first, "io.czone.Monitor.Subscribe", "{}", VARLINK_MORE);
    ck_assert(reply.continues);
    varlink_reply_done(&reply);
    reply = machine_call(&machine, second, "io.czone.Monitor.Subscribe", "{}", VARLINK_MORE);
    varlink_reply_done(&reply);
    varlink_client_free(first);
    machine_run(&machine, 0);
    ck_assert_uint_eq(machine.manager->subscribers.n, 1);
    manager_publish(machine.manager, &(struct event_fact){ EVENT_FACT("danger"), .message = "planted" });
    reply = machine_next(&machine, second);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(reply.parameters, "event"), "message")), "planted");
    varlink_reply_done(&reply);
    varlink_client_free(second);
}
END_TEST

START_TEST(more_subscribers_than_the_limit_are_refused)
{
    struct varlink_client *clients[SUBSCRIBERS_MAX + 1];
    struct varlink_reply reply;

    for (size_t i = 0; i < SUBSCRIBERS_MAX + 1; i++) {
        clients[i] = machine_client(&machine);
        reply = machine_call(&machine, clients[i], "io.czone.Monitor.Subscribe", "{}", VARLINK_MORE);
        if (i < SUBSCRIBERS_MAX)
            ck_assert_ptr_null(reply.error);
        else
            ck_assert_str_eq(reply.error, "io.czone.Monitor.TooManySubscribers");
        varlink_reply_done(&reply);
    }
    for (size_t i = 0; i < SUBSCRIBERS_MAX + 1; i++)
        varlink_client_free(clients[i]);
}
END_TEST

START_TEST(a_subscriber_that_does_not_read_costs_a_bounded_amount)
{
    struct varlink_client *client = machine_client(&machine);
    struct varlink_reply reply;
    char message[301];

    memset(message, 'm', sizeof(message) - 1);
    message[sizeof(message) - 1] = '\0';
    reply = machine_call(&machine, client, "io.czone.Monitor.Subscribe", "{}", VARLINK_MORE);
    varlink_reply_done(&reply);
    for (int i = 0; i < 5000; i++) {
        manager_publish(machine.manager, &(struct event_fact){ EVENT_FACT("danger"), .message = message });
        ck_assert_uint_le(
            varlink_connection_output(TAILQ_FIRST(&machine.manager->subscribers.list)->connection),
            VARLINK_OUTPUT_BUSY + 1024);
    }
    machine_run(&machine, 0);
    ck_assert_uint_eq(machine.manager->subscribers.n, 1);
    varlink_client_free(client);
}
END_TEST

START_TEST(a_connection_too_many_is_told_so_and_ends)
{
    struct varlink_client *client;
    struct varlink_reply reply;

    machine.refuse = true;
    client = machine_client(&machine);
    ck_assert_uint_eq(machine.manager->n_refused, 1);
    reply = machine_call(&machine, client, "io.czone.Container.List", "{}", 0);
    ck_assert_str_eq(reply.error, "io.czone.Monitor.TooManyConnections");
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "limit")), SESSIONS_MAX);
    varlink_reply_done(&reply);
    machine_run(&machine, 0);
    ck_assert_uint_eq(machine.manager->n_sessions, 0);
    ck_assert_uint_eq(machine.manager->n_refused, 0);
    varlink_client_free(client);
}
END_TEST

START_TEST(the_host_is_heard_on_a_connection_too_many)
{
    struct varlink_client *client;
    struct varlink_reply reply;

    machine.refuse = true;
    client = machine_client(&machine);
    reply = machine_call(&machine, client, "io.czone.Host.Report",
                         "{\"session\": \"x\", \"id\": 1, \"ok\": true}", 0);
    ck_assert_str_eq(reply.error, "io.czone.Host.NoSuchSession");
    varlink_reply_done(&reply);
    machine_run(&machine, 0);
    ck_assert_uint_eq(machine.manager->n_sessions, 0);
    varlink_client_free(client);
    client = machine_client(&machine);
    reply = machine_call(&machine, client, "io.czone.Host.Attach", "{\"driver\": \"x\", \"max_bytes\": 0}",
                         VARLINK_MORE);
    ck_assert_ptr_null(reply.error);
    varlink_reply_done(&reply);
    machine_run(&machine, SESSION_REFUSED_SECONDS * 1000 + 200);
    ck_assert(host_attached(&machine.manager->host));
    varlink_client_free(client);
}
END_TEST

START_TEST(an_idle_connection_makes_room_for_another_and_one_with_a_call_does_not)
{
    struct varlink_client *idle = machine_client(&machine), *busy = machine_client(&machine);
    struct varlink_reply reply = machine_call(&machine, idle, "io.czone.Container.List", "{}", 0);
    struct session *session;

    varlink_reply_done(&reply);
    reply = machine_call(&machine, busy, "io.czone.Monitor.Subscribe", "{}", VARLINK_MORE);
    varlink_reply_done(&reply);
    ck_assert(!session_evict(machine.manager));
    TAILQ_FOREACH(session, &machine.manager->sessions, link)
        session->active_at = 0;
    ck_assert(session_evict(machine.manager));
    ck_assert(!session_evict(machine.manager));
    ck_assert_uint_eq(machine.manager->n_sessions, 1);
    ck_assert_uint_eq(machine.manager->subscribers.n, 1);
    varlink_client_free(idle);
    varlink_client_free(busy);
}
END_TEST

START_TEST(a_peer_that_does_not_read_makes_room_for_another_and_one_that_reads_slowly_does_not)
{
    static const char call[] = "{\"method\": \"org.varlink.service.GetInterfaceDescription\", "
                               "\"parameters\": {\"interface\": \"io.czone.Container\"}}";
    int fd = machine_connect(&machine), size = 1;
    struct session *session = TAILQ_FIRST(&machine.manager->sessions);
    char some[16384];

    ck_assert_int_eq(
        setsockopt(varlink_connection_fd(session->connection), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
        0);
    ck_assert_int_eq(send(fd, call, sizeof(call), 0), sizeof(call));
    machine_run(&machine, 0);
    ck_assert(!session_evict(machine.manager));
    session->sent_at = 0;
    ck_assert_int_gt(recv(fd, some, sizeof(some), 0), 0);
    machine_run(&machine, 0);
    ck_assert_uint_gt(varlink_connection_output(session->connection), 0);
    ck_assert(!session_evict(machine.manager));
    session->sent_at = 0; /* and active_at is now */
    ck_assert(session_evict(machine.manager));
    (void)close(fd);
}
END_TEST

START_TEST(every_interface_describes_itself)
{
    static const char *const names[] = { "io.czone.Container", "io.czone.Zone", "io.czone.Host",
                                         "io.czone.Monitor", "org.varlink.service" };
    struct varlink_client *client = machine_client(&machine);
    char parameters[128];

    for (size_t i = 0; i < ELEMENTS(names); i++) {
        struct varlink_reply reply;

        (void)snprintf(parameters, sizeof(parameters), "{\"interface\": \"%s\"}", names[i]);
        reply = machine_call(&machine, client, "org.varlink.service.GetInterfaceDescription", parameters, 0);
        ck_assert_ptr_null(reply.error);
        ck_assert_ptr_nonnull(
            strstr(json_string_value(json_object_get(reply.parameters, "description")), names[i]));
        varlink_reply_done(&reply);
    }
    varlink_client_free(client);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("service");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, a_bad_spawn_is_refused_with_its_reason_and_leaves_nothing, 0,
                        (int)ELEMENTS(bad_spawns));
    tcase_add_test(tests, without_a_second_node_the_error_names_the_vmm_s_flags);
    tcase_add_loop_test(tests, a_bad_call_gets_the_error_that_is_documented, 0, (int)ELEMENTS(bad_calls));
    tcase_add_test(tests, lists_of_an_empty_guest_are_complete);
    tcase_add_loop_test(tests, garbage_ends_the_connection_and_nothing_else, 0, (int)ELEMENTS(garbage));
    tcase_add_test(tests, a_message_without_end_is_cut_off_at_the_limit);
    tcase_add_test(tests, deep_nesting_is_cut_off);
    tcase_add_test(tests, a_peer_that_vanishes_half_way_leaves_nothing);
    tcase_add_test(tests, a_subscriber_that_vanishes_is_forgotten_and_others_go_on);
    tcase_add_test(tests, more_subscribers_than_the_limit_are_refused);
    tcase_add_test(tests, a_subscriber_that_does_not_read_costs_a_bounded_amount);
    tcase_add_test(tests, a_connection_too_many_is_told_so_and_ends);
    tcase_add_test(tests, the_host_is_heard_on_a_connection_too_many);
    tcase_add_test(tests, an_idle_connection_makes_room_for_another_and_one_with_a_call_does_not);
    tcase_add_test(tests,
                   a_peer_that_does_not_read_makes_room_for_another_and_one_that_reads_slowly_does_not);
    tcase_add_test(tests, every_interface_describes_itself);
    return guest_test_main(tests, "guest_service");
}
