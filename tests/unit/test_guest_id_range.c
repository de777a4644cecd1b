/* SPDX-License-Identifier: Apache-2.0 */
/* Which ids of the guest a container with users of its own gets, on a machine where no memory ever comes. */
#include "agent/guest/container/container.h"
#include "agent/guest/container/id_range.h"
#include "tests/unit/guest_host.h"

#define FIRST  ((int64_t)ID_RANGE_FIRST)
#define SECOND (FIRST + LAUNCH_AUTO_IDS)
#define THIRD  (SECOND + LAUNCH_AUTO_IDS)

static void spawn_auto(const char *id)
{
    char text[256];

    (void)snprintf(
        text, sizeof(text),
        "{\"id\": \"%s\", \"args\": [\"/bin/sh\"], \"memory\": 1, \"userns\": {\"mode\": \"auto\"}}", id);
    spawn(text, "wanted");
}

/* Spawns with users `outside`…+9. Returns the error's id, "" for none. */
static const char *spawn_map(const char *id, int64_t outside)
{
    static char error[64];
    char text[512];
    struct varlink_reply reply;

    (void)snprintf(text, sizeof(text),
                   "{\"id\": \"%s\", \"args\": [\"/bin/sh\"], \"memory\": 1, \"userns\": {\"mode\": \"map\","
                   " \"uids\": [{\"inside\": 0, \"outside\": %lld, \"count\": 10}],"
                   " \"gids\": [{\"inside\": 0, \"outside\": 5, \"count\": 10}]}}",
                   id, (long long)outside);
    reply = machine_call(&machine, caller, "io.czone.Container.Spawn", text, 0);
    (void)snprintf(error, sizeof(error), "%s", reply.error != NULL ? reply.error : "");
    if (reply.error != NULL)
        ck_assert_str_eq(text_of(&reply, "parameter"), "userns");
    varlink_reply_done(&reply);
    return error;
}

/* The first of its ids outside, as Inspect tells it; -1 without users of its own. */
static int64_t first_of(const char *id)
{
    char text[64];
    struct varlink_reply reply;
    json_t *userns;
    int64_t first = -1;

    (void)snprintf(text, sizeof(text), "{\"id\": \"%s\"}", id);
    reply = machine_call(&machine, caller, "io.czone.Container.Inspect", text, 0);
    ck_assert_ptr_null(reply.error);
    userns = json_object_get(json_object_get(reply.parameters, "container"), "userns");
    if (userns != NULL) {
        const json_t *range = json_array_get(json_object_get(userns, "uids"), 0);

        ck_assert(json_equal(range, json_array_get(json_object_get(userns, "gids"), 0)));
        ck_assert_str_eq(json_string_value(json_object_get(userns, "mode")), "auto");
        ck_assert_int_eq(json_integer_value(json_object_get(range, "inside")), 0);
        ck_assert_int_eq(json_integer_value(json_object_get(range, "count")), 65536);
        first = json_integer_value(json_object_get(range, "outside"));
    }
    varlink_reply_done(&reply);
    return first;
}

static void remove_container(const char *id)
{
    char text[64];
    struct varlink_reply reply;

    (void)snprintf(text, sizeof(text), "{\"id\": \"%s\", \"force\": true}", id);
    reply = machine_call(&machine, caller, "io.czone.Container.Remove", text, 0);
    ck_assert_ptr_null(reply.error);
    varlink_reply_done(&reply);
}

static void restart(void)
{
    varlink_client_free(host);
    varlink_client_free(caller);
    varlink_client_free(reporter);
    machine_restart(&machine);
    host = machine_client(&machine);
    caller = machine_client(&machine);
    reporter = machine_client(&machine);
}

START_TEST(each_container_has_a_range_of_its_own_and_an_ended_one_none)
{
    attach(host, "0");
    spawn_auto("a");
    spawn_auto("b");
    spawn("{\"id\": \"other\", \"args\": [\"/bin/sh\"], \"memory\": 1}", "wanted");
    spawn_auto("c");
    ck_assert_int_eq(first_of("a"), FIRST);
    ck_assert_int_eq(first_of("b"), SECOND);
    ck_assert_int_eq(first_of("c"), THIRD);
    ck_assert_int_eq(first_of("other"), -1);
    remove_container("b");
    spawn_auto("d");
    ck_assert_int_eq(first_of("d"), SECOND);
}
END_TEST

START_TEST(a_range_stays_its_containers_over_a_restart)
{
    attach(host, "0");
    spawn_auto("a");
    spawn_auto("b");
    remove_container("a");
    restart();
    ck_assert_int_eq(first_of("b"), SECOND);
    attach(host, "0");
    spawn_auto("c");
    ck_assert_int_eq(first_of("c"), FIRST);
    spawn_auto("d");
    ck_assert_int_eq(first_of("d"), THIRD);
}
END_TEST

START_TEST(a_container_that_failed_has_given_its_range_back)
{
    attach(host, "0");
    spawn_auto("a");
    ck_assert_str_eq(report(expect_signal(host, "plug"), "\"ok\": false, \"reason\": \"limit\""), "");
    expect_failed("io.czone.Container.HostRefused");
    spawn_auto("b");
    ck_assert_int_eq(first_of("b"), FIRST);
}
END_TEST

START_TEST(ranges_of_callers_and_those_that_are_chosen_keep_apart)
{
    attach(host, "0");
    ck_assert_str_eq(spawn_map("m", FIRST + 65530), "");
    spawn_auto("a");
    ck_assert_int_eq(first_of("a"), THIRD);
    ck_assert_str_eq(spawn_map("n", THIRD + 65535), "org.varlink.service.InvalidParameter");
    /* Callers may well share ids among containers of theirs. */
    ck_assert_str_eq(spawn_map("n", FIRST + 65530), "");
    ck_assert_str_eq(spawn_map("o", THIRD - 10), "");
}
END_TEST

START_TEST(when_all_ids_are_taken_the_error_says_so)
{
    struct launch_failure failure = { 0 };
    struct spawn_request request = SPAWN_REQUEST_INIT;
    struct launch_id_range all = { .inside = 0, .outside = 0, .count = UINT32_MAX }, one = { 0, 0, 1 };
    struct container *container;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    container = TAILQ_FIRST(&machine.manager->containers);
    container->request.parts.users.uids = (struct launch_id_map){ &all, 1 };
    request.parts.users_mode = LAUNCH_USERS_AUTO;
    request.parts.ranges = &one;
    ck_assert_int_eq(id_range_choose(machine.manager, &request, &failure), -ENOSPC);
    ck_assert_int_eq(failure.trouble, LAUNCH_SYSTEM);
    ck_assert_str_ne(failure.message, "");
    container->request.parts.users.uids.n = 0;
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("id_range");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, each_container_has_a_range_of_its_own_and_an_ended_one_none);
    tcase_add_test(tests, a_range_stays_its_containers_over_a_restart);
    tcase_add_test(tests, a_container_that_failed_has_given_its_range_back);
    tcase_add_test(tests, ranges_of_callers_and_those_that_are_chosen_keep_apart);
    tcase_add_test(tests, when_all_ids_are_taken_the_error_says_so);
    return guest_test_main(tests, "guest_id_range");
}
