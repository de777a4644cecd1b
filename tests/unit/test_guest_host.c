/* SPDX-License-Identifier: Apache-2.0 */
/* Signals to a host and what it answers, on a machine where no memory ever comes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guest/zone/lease.h"
#include "tests/unit/guest_host.h"

START_TEST(a_spawn_without_room_asks_the_attached_host)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_int_gt(expect_signal(host, "plug"), 0);
}
END_TEST

START_TEST(a_refusal_of_the_host_fails_the_container_and_carries_its_words)
{
    struct varlink_reply reply;
    const json_t *failure;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_str_eq(
        report(expect_signal(host, "plug"),
               "\"ok\": false, \"reason\": \"limit\", \"limit\": 5, \"message\": \"all is given\""),
        "");
    expect_failed("io.czone.Container.HostRefused");
    reply = machine_call(&machine, caller, "io.czone.Container.Inspect", "{\"id\": \"a\"}", 0);
    failure = json_object_get(json_object_get(reply.parameters, "container"), "failure");
    ck_assert_ptr_nonnull(
        strstr(json_string_value(json_object_get(failure, "message")), "limit: all is given"));
    varlink_reply_done(&reply);
}
END_TEST

START_TEST(more_than_the_host_gives_is_refused_at_once_without_a_signal)
{
    struct varlink_reply reply;

    attach(host, "134217728");
    reply = machine_call(&machine, caller, "io.czone.Container.Spawn",
                         "{\"args\": [\"/bin/sh\"], \"memory\": 134217729}", 0);
    ck_assert_str_eq(reply.error, "io.czone.Container.HostRefused");
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "limit")), BLOCK);
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "bytes")), 2 * BLOCK);
    varlink_reply_done(&reply);
    ck_assert_uint_eq(machine.manager->host.book.n_open, 0);
    ck_assert_uint_eq(machine.manager->n_containers, 0);
}
END_TEST

START_TEST(a_host_that_never_answers_fails_the_container_and_is_told_to_cancel)
{
    int64_t id;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    id = expect_signal(host, "plug");
    expect_failed("io.czone.Container.HostFailed");
    ck_assert_int_eq(expect_signal(host, "cancel"), id);
    ck_assert_str_eq(report(id, "\"ok\": true, \"start\": 4294967296, \"bytes\": 134217728"),
                     "io.czone.Host.NoSuchSignal");
}
END_TEST

/* Reports of a plug that cannot be true. */
static const char *const nonsense[] = {
    "\"ok\": true",
    "\"ok\": true, \"start\": 4294967296",
    "\"ok\": true, \"bytes\": 134217728",
    "\"ok\": true, \"start\": 4294967297, \"bytes\": 134217728",
    "\"ok\": true, \"start\": 4294967296, \"bytes\": 134217729",
    "\"ok\": true, \"start\": 4294967296, \"bytes\": 1048576",
    "\"ok\": true, \"start\": 134217728, \"bytes\": 134217728",
    "\"ok\": true, \"start\": 402653184, \"bytes\": 268435456",
    "\"ok\": true, \"start\": 9223372036720558080, \"bytes\": 134217728",
};

START_TEST(a_report_that_cannot_be_fails_the_container_and_cancels_the_plug)
{
    int64_t id;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    id = expect_signal(host, "plug");
    ck_assert_str_eq(report(id, nonsense[_i]), "io.czone.Host.BadReport");
    ck_assert_int_eq(expect_signal(host, "cancel"), id);
    expect_failed("io.czone.Container.HostFailed");
    ck_assert_uint_eq(machine.manager->host.n_loans, 0);
}
END_TEST

START_TEST(memory_that_never_shows_up_is_asked_back)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_str_eq(
        report(expect_signal(host, "plug"), "\"ok\": true, \"start\": 4294967296, \"bytes\": 134217728"), "");
    ck_assert_uint_eq(machine.manager->host.n_loans, 1);
    machine_run(&machine, 5200);
    expect_failed("io.czone.Container.HostFailed");
    ck_assert_str_eq(report(expect_signal(host, "unplug"), "\"ok\": true, \"bytes\": 134217728"), "");
    ck_assert_uint_eq(machine.manager->host.n_loans, 0);
}
END_TEST

START_TEST(an_open_signal_is_repeated_to_a_host_that_attaches_anew)
{
    int64_t id;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    id = expect_signal(host, "plug");
    varlink_client_free(host);
    machine_run(&machine, 0);
    ck_assert(!host_attached(&machine.manager->host));
    host = machine_client(&machine);
    attach(host, "0");
    ck_assert_int_eq(expect_signal(host, "plug"), id);
    ck_assert_str_eq(report(id, "\"ok\": false, \"reason\": \"no-device\""), "");
    expect_failed("io.czone.Container.HostRefused");
}
END_TEST

START_TEST(a_second_host_takes_over_and_the_first_is_told)
{
    struct varlink_client *second = machine_client(&machine);
    char old[sizeof(session)];
    struct varlink_reply reply;

    attach(host, "0");
    memcpy(old, session, sizeof(old));
    attach(second, "0");
    reply = machine_next(&machine, host);
    ck_assert_str_eq(reply.error, "io.czone.Host.Replaced");
    varlink_reply_done(&reply);
    ck_assert_str_ne(old, session);
    memcpy(session, old, sizeof(old));
    ck_assert_str_eq(report(1, "\"ok\": true"), "io.czone.Host.NoSuchSession");
    varlink_client_free(second);
}
END_TEST

START_TEST(a_signal_is_answered_once)
{
    int64_t id;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    id = expect_signal(host, "plug");
    ck_assert_str_eq(report(id, "\"ok\": false, \"reason\": \"rate\""), "");
    ck_assert_str_eq(report(id, "\"ok\": false, \"reason\": \"rate\""), "io.czone.Host.NoSuchSignal");
}
END_TEST

START_TEST(removing_a_container_that_waits_for_memory_cancels_its_plug)
{
    struct varlink_reply reply;
    int64_t id;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    id = expect_signal(host, "plug");
    reply = machine_call(&machine, caller, "io.czone.Container.Remove", "{\"id\": \"a\"}", 0);
    ck_assert_str_eq(reply.error, "io.czone.Container.WrongState");
    varlink_reply_done(&reply);
    reply =
        machine_call(&machine, caller, "io.czone.Container.Remove", "{\"id\": \"a\", \"force\": true}", 0);
    ck_assert_ptr_null(reply.error);
    varlink_reply_done(&reply);
    ck_assert_int_eq(expect_signal(host, "cancel"), id);
    ck_assert_uint_eq(machine.manager->n_containers, 0);
    ck_assert(TAILQ_EMPTY(&machine.manager->leases));
}
END_TEST

START_TEST(a_wait_times_out_and_another_goes_on)
{
    struct varlink_client *patient = machine_client(&machine);
    struct varlink_reply reply;
    int64_t id;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    id = expect_signal(host, "plug");
    ck_assert_int_eq(
        varlink_client_send(patient, "io.czone.Container.Wait", json_pack("{s:s}", "id", "a"), 0), 0);
    (void)varlink_client_process(patient, varlink_client_events(patient));
    reply =
        machine_call(&machine, caller, "io.czone.Container.Wait", "{\"id\": \"a\", \"timeout_ms\": 20}", 0);
    ck_assert_str_eq(reply.error, "io.czone.Container.Timeout");
    varlink_reply_done(&reply);
    ck_assert_str_eq(report(id, "\"ok\": false"), "");
    reply = machine_next(&machine, patient);
    ck_assert_ptr_null(reply.error);
    varlink_reply_done(&reply);
    varlink_client_free(patient);
}
END_TEST

START_TEST(a_waiter_that_vanishes_is_forgotten)
{
    struct varlink_client *client = machine_client(&machine);

    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_int_eq(varlink_client_send(client, "io.czone.Container.Wait", json_pack("{s:s}", "id", "a"), 0),
                     0);
    (void)varlink_client_process(client, varlink_client_events(client));
    machine_run(&machine, 0);
    varlink_client_free(client);
    machine_run(&machine, 0);
    expect_failed("io.czone.Container.HostFailed");
}
END_TEST

START_TEST(a_repeat_with_the_same_key_gets_the_first_answer_and_spawns_nothing)
{
    static const char request[] = "{\"id\": \"a\", \"args\": [\"/bin/sh\"], \"memory\": 1, \"key\": \"k\"}";
    struct varlink_reply reply;

    attach(host, "0");
    spawn(request, "wanted");
    expect_failed("io.czone.Container.HostFailed");
    spawn(request, "wanted");
    ck_assert_uint_eq(machine.manager->n_containers, 1);
    reply = machine_call(&machine, caller, "io.czone.Container.Spawn",
                         "{\"id\": \"a\", \"args\": [\"/bin/sh\"], \"memory\": 2, \"key\": \"k\"}", 0);
    ck_assert_str_eq(reply.error, "io.czone.Container.KeyReused");
    varlink_reply_done(&reply);
    reply = machine_call(&machine, caller, "io.czone.Container.Spawn", SPAWN, 0);
    ck_assert_str_eq(reply.error, "io.czone.Container.Exists");
    varlink_reply_done(&reply);
}
END_TEST

START_TEST(more_containers_than_the_limit_are_refused)
{
    static const char request[] = "{\"args\": [\"/bin/sh\"], \"memory\": 1}";
    struct varlink_reply reply;

    attach(host, "0");
    for (int i = 0; i < 4; i++)
        spawn(request, "wanted");
    reply = machine_call(&machine, caller, "io.czone.Container.Spawn", request, 0);
    ck_assert_str_eq(reply.error, "io.czone.Container.TooMany");
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "limit")), 4);
    varlink_reply_done(&reply);
}
END_TEST

START_TEST(the_log_of_a_container_that_never_ran_ends_for_who_follows_it)
{
    struct varlink_client *reader = machine_client(&machine);
    struct varlink_reply reply;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_int_eq(
        varlink_client_send(reader, "io.czone.Container.Logs", json_pack("{s:s}", "id", "a"), VARLINK_MORE),
        0);
    (void)varlink_client_process(reader, varlink_client_events(reader));
    expect_failed("io.czone.Container.HostFailed");
    reply = machine_next(&machine, reader);
    ck_assert_ptr_null(reply.error);
    ck_assert(json_is_true(json_object_get(reply.parameters, "eof")));
    ck_assert(!reply.continues);
    varlink_reply_done(&reply);
    varlink_client_free(reader);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("host");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_spawn_without_room_asks_the_attached_host);
    tcase_add_test(tests, a_refusal_of_the_host_fails_the_container_and_carries_its_words);
    tcase_add_test(tests, more_than_the_host_gives_is_refused_at_once_without_a_signal);
    tcase_add_test(tests, a_host_that_never_answers_fails_the_container_and_is_told_to_cancel);
    tcase_add_loop_test(tests, a_report_that_cannot_be_fails_the_container_and_cancels_the_plug, 0,
                        (int)ELEMENTS(nonsense));
    tcase_add_test(tests, memory_that_never_shows_up_is_asked_back);
    tcase_add_test(tests, an_open_signal_is_repeated_to_a_host_that_attaches_anew);
    tcase_add_test(tests, a_second_host_takes_over_and_the_first_is_told);
    tcase_add_test(tests, a_signal_is_answered_once);
    tcase_add_test(tests, removing_a_container_that_waits_for_memory_cancels_its_plug);
    tcase_add_test(tests, a_wait_times_out_and_another_goes_on);
    tcase_add_test(tests, a_waiter_that_vanishes_is_forgotten);
    tcase_add_test(tests, a_repeat_with_the_same_key_gets_the_first_answer_and_spawns_nothing);
    tcase_add_test(tests, more_containers_than_the_limit_are_refused);
    tcase_add_test(tests, the_log_of_a_container_that_never_ran_ends_for_who_follows_it);
    return guest_test_main(tests, "guest_host");
}
