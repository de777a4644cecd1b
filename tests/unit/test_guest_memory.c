/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that comes, for whom it is, and what becomes of it when nobody has it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/guest/zone/lease.h"
#include "agent/guest/zone/memory_map.h"
#include "tests/unit/guest_host.h"

START_TEST(a_region_that_is_plugged_anew_is_not_on_its_way_out_any_more)
{
    static const char done[] = "\"ok\": true, \"start\": 4294967296, \"bytes\": 134217728";

    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_str_eq(report(expect_signal(host, "plug"), done), "");
    machine_run(&machine, 5200);
    (void)expect_signal(host, "unplug");
    spawn("{\"args\": [\"/bin/sh\"], \"memory\": 1}", "wanted");
    ck_assert_str_eq(report(expect_signal(host, "plug"), done), "");
    ck_assert(
        !signal_book_leaving(&machine.manager->host.book, (struct czone_range){ UINT64_C(1) << 32, BLOCK }));
    ck_assert_uint_eq(machine.manager->host.n_loans, 1);
}
END_TEST

/* The next signal to the host, which is to take this back. */
static int64_t expect_unplug(uint64_t start, uint64_t bytes)
{
    struct varlink_reply reply = machine_next(&machine, host);
    const json_t *signal = json_object_get(reply.parameters, "signal");
    int64_t id = json_integer_value(json_object_get(signal, "id"));

    ck_assert_str_eq(json_string_value(json_object_get(signal, "kind")), "unplug");
    ck_assert_int_eq(json_integer_value(json_object_get(signal, "start")), (json_int_t)start);
    ck_assert_int_eq(json_integer_value(json_object_get(signal, "bytes")), (json_int_t)bytes);
    varlink_reply_done(&reply);
    return id;
}

START_TEST(memory_that_no_host_ever_reported_is_offered_to_one_that_attaches)
{
    machine_plug(&machine, 1, 32);
    machine_plug(&machine, 1, 33);
    machine_plug(&machine, 2, 34);
    attach(host, "0");
    (void)expect_unplug(32 * BLOCK, 2 * BLOCK);
    (void)expect_unplug(34 * BLOCK, BLOCK);
}
END_TEST

/* Its report may be read after the kernel's news of both. */
START_TEST(a_region_plugged_anew_before_the_report_is_read_was_taken_back)
{
    int64_t id;

    machine_plug(&machine, 1, 32);
    attach(host, "0");
    id = expect_unplug(32 * BLOCK, BLOCK);
    machine_unplug(&machine, 1, 32);
    machine_run(&machine, 20);
    machine_plug(&machine, 1, 32);
    machine_run(&machine, 20);
    ck_assert_str_eq(report(id, "\"ok\": true, \"bytes\": 134217728"), "");
    machine_run(&machine, 20);
    ck_assert(!signal_book_departing(&machine.manager->host.book, (struct czone_range){ 32 * BLOCK, BLOCK }));
}
END_TEST

START_TEST(memory_of_a_plug_that_its_host_did_not_live_to_report_is_offered_once_the_plug_is_settled)
{
    int64_t id;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    id = expect_signal(host, "plug");
    machine_plug(&machine, 1, 32);
    varlink_client_free(host);
    machine_run(&machine, 0);
    host = machine_client(&machine);
    attach(host, "0");
    ck_assert_int_eq(expect_signal(host, "plug"), id);
    machine_run(&machine, 20);
    ck_assert_uint_eq(machine.manager->host.book.n_open, 1);
    ck_assert_str_eq(report(id, "\"ok\": false, \"reason\": \"no-device\""), "");
    (void)expect_unplug(32 * BLOCK, BLOCK);
}
END_TEST

START_TEST(memory_is_not_offered_twice_to_hosts_that_attach_one_after_the_other)
{
    int64_t id;

    machine_plug(&machine, 1, 32);
    attach(host, "0");
    id = expect_unplug(32 * BLOCK, BLOCK);
    varlink_client_free(host);
    host = machine_client(&machine);
    attach(host, "0");
    ck_assert_int_eq(expect_unplug(32 * BLOCK, BLOCK), id);
    ck_assert_uint_eq(machine.manager->host.book.n_open, 1);
    ck_assert_str_eq(report(id, "\"ok\": false, \"reason\": \"unknown-range\""), "");
    ck_assert(!evtimer_pending(machine.manager->host.retry, NULL));
}
END_TEST

START_TEST(memory_the_host_did_not_take_is_offered_again_later)
{
    machine_plug(&machine, 1, 32);
    attach(host, "0");
    ck_assert_str_eq(report(expect_unplug(32 * BLOCK, BLOCK), "\"ok\": true, \"bytes\": 0"), "");
    ck_assert(evtimer_pending(machine.manager->host.retry, NULL));
    event_active(machine.manager->host.retry, EV_TIMEOUT, 0);
    (void)expect_unplug(32 * BLOCK, BLOCK);
}
END_TEST

static void write_state(uint64_t block, const char *name, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/sys/devices/system/memory/memory%llu/%s", machine.root,
                   (unsigned long long)block, name);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

/* A block comes, and the kernel puts it online at once. */
static void plug_online(int node, uint64_t block)
{
    machine_plug(&machine, node, block);
    write_state(block, "state", "online\n");
    write_state(block, "valid_zones", "Movable\n");
}

/* A file is empty for a moment while it is written to. */
static bool is_offline(uint64_t block)
{
    char path[128], text[16];
    bool is_there;
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/sys/devices/system/memory/memory%llu/state", machine.root,
                   (unsigned long long)block);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    is_there = fgets(text, sizeof(text), file) != NULL;
    ck_assert_int_eq(fclose(file), 0);
    return is_there && strncmp(text, "offline", 7) == 0;
}

static void expect_no_claim(void)
{
    struct czone_zone_info *infos = NULL;

    ck_assert_int_eq(czone_zone_list(machine.manager->ctx, &infos), 0);
    free(infos);
}

START_TEST(idle_memory_is_offline_before_the_host_is_asked_for_it)
{
    plug_online(1, 32);
    plug_online(1, 33);
    machine_plug(&machine, 1, 34);
    plug_online(2, 36);
    attach(host, "0");
    (void)expect_unplug(32 * BLOCK, 3 * BLOCK);
    ck_assert(is_offline(32));
    ck_assert(is_offline(33));
    (void)expect_unplug(36 * BLOCK, BLOCK);
    ck_assert(is_offline(36));
    expect_no_claim();
}
END_TEST

START_TEST(idle_memory_that_does_not_go_offline_is_not_asked_for)
{
    plug_online(1, 32);
    machine_run(&machine, 0);
    write_state(32, "state", "going-offline\n");
    attach(host, "0");
    machine_run(&machine, 20);
    ck_assert_uint_eq(machine.manager->host.book.n_open, 0);
    ck_assert(evtimer_pending(machine.manager->host.retry, NULL));
    write_state(32, "state", "offline\n");
    ck_assert_int_eq(czone_ctx_refresh(machine.manager->ctx, NULL), 0);
    event_active(machine.manager->host.retry, EV_TIMEOUT, 0);
    (void)expect_unplug(32 * BLOCK, BLOCK);
}
END_TEST

/* As a block whose memory the driver is taking away. */
static int refuse(struct czone_sys *sys, czone_block_id id, enum czone_sys_target target)
{
    (void)sys;
    (void)id;
    (void)target;
    return -EIO;
}

START_TEST(idle_memory_that_the_host_takes_while_it_goes_offline_leaves_no_zone)
{
    struct czone_zone_info *infos = NULL;
    int n = 0;

    plug_online(1, 32);
    machine.backend.block_set = refuse;
    attach(host, "0");
    for (int i = 0; i < 200 && !(n == 1 && infos[0].state == CZONE_ZONE_QUARANTINED); i++) {
        free(infos);
        machine_run(&machine, 5);
        n = czone_zone_list(machine.manager->ctx, &infos);
    }
    ck_assert_int_eq(n, 1);
    free(infos);
    machine_unplug(&machine, 1, 32);
    for (int i = 0; i < 400 && n > 0; i++) {
        infos = NULL;
        machine_run(&machine, 5);
        n = czone_zone_list(machine.manager->ctx, &infos);
        free(infos);
    }
    ck_assert_int_eq(n, 0);
}
END_TEST

static void run_until_quarantined(unsigned int next_wait)
{
    const struct quarantine *quarantine = &machine.manager->quarantine;

    for (int i = 0; i < 2000 && !evtimer_pending(quarantine->timer, NULL); i++)
        machine_run(&machine, 5);
    ck_assert(evtimer_pending(quarantine->timer, NULL));
    ck_assert_uint_eq(quarantine->wait_s, next_wait);
}

static void try_quarantined(void)
{
    event_active(machine.manager->quarantine.timer, EV_TIMEOUT, 0);
    machine_run(&machine, 0);
}

START_TEST(a_node_counts_as_a_whole_while_all_of_it_is_idle_and_online)
{
    const struct czone_ctx *ctx = machine.manager->ctx;
    struct czone_range run;
    czone_node_id node;

    machine_plug(&machine, 1, 32);
    plug_online(2, 34);
    ck_assert_int_eq(czone_ctx_refresh(machine.manager->ctx, NULL), 0);
    ck_assert(memory_map_next_whole(ctx, 0, &node, &run));
    ck_assert_int_eq(node.n, 2);
    ck_assert_uint_eq(run.start, 34 * BLOCK);
    ck_assert_uint_eq(run.size, BLOCK);
    ck_assert(!memory_map_next_whole(ctx, 35 * BLOCK, &node, &run));
    machine_plug(&machine, 2, 35);
    ck_assert_int_eq(czone_ctx_refresh(machine.manager->ctx, NULL), 0);
    ck_assert(!memory_map_next_whole(ctx, 0, &node, &run));
}
END_TEST

START_TEST(a_zone_that_would_not_go_offline_is_tried_again_ever_more_seldom)
{
    plug_online(1, 32);
    machine.backend.block_set = refuse;
    attach(host, "0");
    run_until_quarantined(10);
    (void)event_del(machine.manager->quarantine.timer);
    try_quarantined();
    run_until_quarantined(20);
    machine.backend.block_set = czone_backend_linux()->block_set;
    try_quarantined();
    (void)expect_unplug(32 * BLOCK, BLOCK);
    ck_assert(is_offline(32));
}
END_TEST

static void remove_by_force(void)
{
    struct varlink_reply reply =
        machine_call(&machine, reporter, "io.czone.Container.Remove", "{\"id\": \"a\", \"force\": true}", 0);

    ck_assert_ptr_null(reply.error);
    varlink_reply_done(&reply);
}

START_TEST(what_came_of_a_region_that_nobody_wants_any_more_is_offline_before_the_host_is_asked_for_it)
{
    attach(host, "0");
    spawn("{\"id\": \"a\", \"args\": [\"/bin/sh\"], \"memory\": 268435456}", "wanted");
    ck_assert_str_eq(
        report(expect_signal(host, "plug"), "\"ok\": true, \"start\": 4294967296, \"bytes\": 268435456"), "");
    plug_online(1, 32);
    machine_run(&machine, 0);
    remove_by_force();
    (void)expect_unplug(32 * BLOCK, 2 * BLOCK);
    ck_assert(is_offline(32));
    expect_no_claim();
}
END_TEST

START_TEST(what_comes_for_a_plug_that_was_given_up_goes_offline_for_the_host_to_take)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    (void)expect_signal(host, "plug");
    remove_by_force();
    (void)expect_signal(host, "cancel");
    plug_online(1, 32);
    for (int i = 0; i < 200 && !is_offline(32); i++)
        machine_run(&machine, 5);
    ck_assert(is_offline(32));
    ck_assert_uint_eq(machine.manager->host.book.n_open, 0);
}
END_TEST

START_TEST(memory_that_comes_for_one_plug_is_not_given_to_another_container)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    (void)expect_signal(host, "plug");
    machine_plug(&machine, 1, 32);
    spawn("{\"args\": [\"/bin/sh\"], \"memory\": 1}", "wanted");
    (void)expect_signal(host, "plug");
}
END_TEST

START_TEST(memory_that_comes_after_its_report_is_not_given_to_another_container)
{
    attach(host, "0");
    spawn("{\"id\": \"a\", \"args\": [\"/bin/sh\"], \"memory\": 268435456}", "wanted");
    ck_assert_str_eq(
        report(expect_signal(host, "plug"), "\"ok\": true, \"start\": 4294967296, \"bytes\": 268435456"), "");
    machine_plug(&machine, 1, 32); /* the second block is still on its way */
    spawn("{\"args\": [\"/bin/sh\"], \"memory\": 1}", "wanted");
    (void)expect_signal(host, "plug");
}
END_TEST

START_TEST(memory_that_comes_for_a_plug_that_was_given_up_is_not_given_to_anybody)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    (void)expect_signal(host, "plug");
    remove_by_force();
    (void)expect_signal(host, "cancel");
    machine_plug(&machine, 1, 32);
    spawn(SPAWN, "wanted");
    (void)expect_signal(host, "plug");
}
END_TEST

/* The lease of the only container. */
static const struct lease *the_lease(void)
{
    return TAILQ_FIRST(&machine.manager->leases);
}

/* What a lease told its owner. */
static unsigned int acquired_count, returned_count;

static void on_acquired(void *owner, const struct refusal *refusal)
{
    (void)owner;
    (void)refusal;
    acquired_count++;
}

static void on_returned(void *owner, struct receipt *receipt)
{
    (void)owner;
    (void)receipt;
    returned_count++;
}

/* Begins a lease of one block without a container, so that its helper has not been heard yet when this is
 * back. */
static struct lease *begin_lease(void)
{
    static const struct lease_ops ops = { .acquired = on_acquired, .returned = on_returned };
    const struct lease_wish wish = {
        .name = "a", .bytes = BLOCK, .tier.preference = CZONE_TIER_ANY, .tier_name = "any"
    };
    struct refusal refusal = { 0 };
    struct lease *lease = NULL;

    ck_assert_int_eq(lease_new(machine.manager, &wish, &ops, &acquired_count, &lease, &refusal), 0);
    ck_assert_int_eq(lease->phase, LEASE_RESERVING);
    return lease;
}

START_TEST(an_arrival_that_somebody_else_s_look_took_from_the_kernel_still_wakes_who_waits)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_str_eq(
        report(expect_signal(host, "plug"), "\"ok\": true, \"start\": 4294967296, \"bytes\": 134217728"), "");
    ck_assert_int_eq(the_lease()->phase, LEASE_ARRIVING);
    machine_plug(&machine, 1, 32);
    manager_sync(machine.manager);
    machine_run(&machine, 0);
    ck_assert(the_lease() == NULL || the_lease()->phase != LEASE_ARRIVING);
}
END_TEST

START_TEST(a_zone_is_taken_from_a_second_place_when_the_best_is_on_its_way_out)
{
    machine_plug(&machine, 1, 32);
    attach(host, "0");
    (void)expect_unplug(32 * BLOCK, BLOCK);
    machine_plug(&machine, 2, 33);
    ck_assert_uint_eq(begin_lease()->place.start, 33 * BLOCK);
}
END_TEST

START_TEST(a_release_of_a_zone_in_the_making_waits_for_no_undo_and_ends_by_itself)
{
    struct lease *lease;

    machine_plug(&machine, 1, 32);
    lease = begin_lease();
    lease_release(lease);
    ck_assert_int_eq(lease->phase, LEASE_RESERVING);
    ck_assert_uint_eq(returned_count, 0);
    for (int i = 0; i < 2000 && returned_count == 0; i++)
        machine_run(&machine, 5);
    ck_assert_uint_eq(returned_count, 1);
    ck_assert_uint_eq(acquired_count, 0);
    ck_assert(TAILQ_EMPTY(&machine.manager->leases));
}
END_TEST

START_TEST(a_container_whose_remover_vanished_is_forgotten_all_the_same)
{
    struct varlink_client *client = machine_client(&machine);

    machine_plug(&machine, 1, 32);
    spawn(SPAWN, "wanted");
    ck_assert_int_eq(varlink_client_send(client, "io.czone.Container.Remove",
                                         json_pack("{s:s, s:b}", "id", "a", "force", 1), 0),
                     0);
    (void)varlink_client_process(client, varlink_client_events(client));
    (void)event_base_loop(machine.manager->base, EVLOOP_NONBLOCK);
    varlink_client_free(client);
    for (int i = 0; i < 100 && machine.manager->n_containers > 0; i++)
        machine_run(&machine, 20);
    ck_assert_uint_eq(machine.manager->n_containers, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("memory");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_region_plugged_anew_before_the_report_is_read_was_taken_back);
    tcase_add_test(tests, a_region_that_is_plugged_anew_is_not_on_its_way_out_any_more);
    tcase_add_test(tests, memory_that_no_host_ever_reported_is_offered_to_one_that_attaches);
    tcase_add_test(tests,
                   memory_of_a_plug_that_its_host_did_not_live_to_report_is_offered_once_the_plug_is_settled);
    tcase_add_test(tests, memory_is_not_offered_twice_to_hosts_that_attach_one_after_the_other);
    tcase_add_test(tests, memory_the_host_did_not_take_is_offered_again_later);
    tcase_add_test(tests, idle_memory_is_offline_before_the_host_is_asked_for_it);
    tcase_add_test(tests, idle_memory_that_does_not_go_offline_is_not_asked_for);
    tcase_add_test(tests, a_node_counts_as_a_whole_while_all_of_it_is_idle_and_online);
    tcase_add_test(tests, a_zone_that_would_not_go_offline_is_tried_again_ever_more_seldom);
    tcase_add_test(tests, idle_memory_that_the_host_takes_while_it_goes_offline_leaves_no_zone);
    tcase_add_test(
        tests, what_came_of_a_region_that_nobody_wants_any_more_is_offline_before_the_host_is_asked_for_it);
    tcase_add_test(tests, what_comes_for_a_plug_that_was_given_up_goes_offline_for_the_host_to_take);
    tcase_add_test(tests, memory_that_comes_for_one_plug_is_not_given_to_another_container);
    tcase_add_test(tests, memory_that_comes_after_its_report_is_not_given_to_another_container);
    tcase_add_test(tests, memory_that_comes_for_a_plug_that_was_given_up_is_not_given_to_anybody);
    tcase_add_test(tests, an_arrival_that_somebody_else_s_look_took_from_the_kernel_still_wakes_who_waits);
    tcase_add_test(tests, a_zone_is_taken_from_a_second_place_when_the_best_is_on_its_way_out);
    tcase_add_test(tests, a_release_of_a_zone_in_the_making_waits_for_no_undo_and_ends_by_itself);
    tcase_add_test(tests, a_container_whose_remover_vanished_is_forgotten_all_the_same);
    return guest_test_main(tests, "guest_memory");
}
