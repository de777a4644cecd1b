/* SPDX-License-Identifier: Apache-2.0 */
/* What a czoned takes over from one that crashed, on a machine where no memory ever comes. What runs is
 * tested in tests/vm. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "agent/guest/container/container.h"
#include "agent/guest/run_dir.h"
#include "tests/unit/guest_host.h"

#define KEYED "{\"id\": \"a\", \"args\": [\"/bin/sh\"], \"memory\": 1, \"key\": \"k\"}"

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

static const char *state(void)
{
    static char text[16];
    struct varlink_reply reply =
        machine_call(&machine, caller, "io.czone.Container.Inspect", "{\"id\": \"a\"}", 0);

    (void)snprintf(text, sizeof(text), "%s",
                   reply.error != NULL ? "unknown"
                                       : json_string_value(json_object_get(
                                             json_object_get(reply.parameters, "container"), "state")));
    varlink_reply_done(&reply);
    return text;
}

static void refuse_plug(void)
{
    ck_assert_str_eq(report(expect_signal(host, "plug"), "\"ok\": false, \"reason\": \"limit\""), "");
    expect_failed("io.czone.Container.HostRefused");
}

START_TEST(a_container_that_waits_for_memory_asks_the_next_host_that_attaches)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    restart();
    ck_assert_str_eq(state(), "wanted");
    attach(host, "0");
    refuse_plug();
}
END_TEST

START_TEST(a_container_that_waits_for_memory_fails_when_no_host_comes)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    restart();
    expect_failed("io.czone.Container.HostFailed");
}
END_TEST

START_TEST(a_container_that_waits_for_memory_can_be_removed)
{
    struct varlink_reply reply;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    restart();
    reply =
        machine_call(&machine, caller, "io.czone.Container.Remove", "{\"id\": \"a\", \"force\": true}", 0);
    ck_assert_ptr_null(reply.error);
    varlink_reply_done(&reply);
    restart();
    ck_assert_str_eq(state(), "unknown");
}
END_TEST

START_TEST(a_record_stays_with_its_reason)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    refuse_plug();
    restart();
    expect_failed("io.czone.Container.HostRefused");
    ck_assert(TAILQ_FIRST(&machine.manager->containers)->settled);
}
END_TEST

START_TEST(a_key_of_a_container_is_known_though_its_answer_was_never_given)
{
    struct varlink_reply reply;

    attach(host, "0");
    spawn(KEYED, "wanted");
    ck_assert_int_eq(journal_replace(&machine.manager->store.history.key_journal, json_array()), 0);
    restart();
    spawn(KEYED, "wanted");
    ck_assert_uint_eq(machine.manager->n_containers, 1);
    reply = machine_call(&machine, caller, "io.czone.Container.Spawn",
                         "{\"args\": [\"/bin/false\"], \"memory\": 1, \"key\": \"k\"}", 0);
    ck_assert_str_eq(reply.error, "io.czone.Container.KeyReused");
    varlink_reply_done(&reply);
}
END_TEST

START_TEST(a_container_tells_the_key_that_it_was_spawned_with)
{
    struct varlink_reply reply;
    const json_t *key;

    attach(host, "0");
    spawn(KEYED, "wanted");
    restart();
    reply = machine_call(&machine, caller, "io.czone.Container.Inspect", "{\"id\": \"a\"}", 0);
    key = json_object_get(json_object_get(reply.parameters, "container"), "key");
    ck_assert_str_eq(json_string_value(key), "k");
    varlink_reply_done(&reply);
}
END_TEST

/* As libczone writes it. */
static void claim(const char *name, int node, uint64_t block, const char *zone_state)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/run/claims/%s", machine.root, name);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    (void)fprintf(file,
                  "version=1\nboot=00000000-0000-4000-8000-000000000000\nname=%s\nnode=%d\n"
                  "first_block=%llu\nblocks=1\nstart=%llu\nsize=%llu\nstate=%s\ntier=-1\n"
                  "provider=virtio-mem\ncgroup=\n",
                  name, node, (unsigned long long)block, (unsigned long long)block * BLOCK,
                  (unsigned long long)BLOCK, zone_state);
    ck_assert_int_eq(fclose(file), 0);
    marks_set(&machine.manager->zone_marks, name);
}

/* There may be no more of it than that zone had. */
START_TEST(a_zone_that_was_half_made_goes_back_without_receipt_before_its_container_asks_anew)
{
    int64_t id;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    machine_plug(&machine, 1, 32);
    claim("a", 1, 32, "plugged");
    restart();
    attach(host, "0");
    id = expect_signal(host, "unplug");
    ck_assert_str_eq(state(), "wanted");
    ck_assert_uint_eq(machine.manager->host.book.n_open, 1);
    ck_assert_str_eq(report(id, "\"ok\": true, \"bytes\": 134217728"), "");
    machine_unplug(&machine, 1, 32);
    refuse_plug();
    ck_assert_ptr_null(receipts_after(&machine.manager->receipts, 0));
}
END_TEST

START_TEST(a_zone_that_was_half_made_has_no_receipt_although_its_return_took_two_restarts)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    machine_plug(&machine, 1, 32);
    claim("a", 1, 32, "plugged");
    restart();
    attach(host, "0");
    (void)expect_signal(host, "unplug");
    restart();
    attach(host, "0");
    ck_assert_str_eq(report(expect_signal(host, "unplug"), "\"ok\": true, \"bytes\": 134217728"), "");
    machine_unplug(&machine, 1, 32);
    refuse_plug();
    ck_assert_ptr_null(receipts_after(&machine.manager->receipts, 0));
}
END_TEST

static void write_block_state(uint64_t block, const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/sys/devices/system/memory/memory%llu/state", machine.root,
                   (unsigned long long)block);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(a_zone_that_the_kernel_is_still_taking_offline_is_not_quarantined_for_that)
{
    machine_plug(&machine, 1, 32);
    claim("a", 1, 32, "draining");
    write_block_state(32, "going-offline\n");
    restart();
    attach(host, "0");
    machine_run(&machine, 50);
    write_block_state(32, "offline\n");
    (void)expect_signal(host, "unplug");
    ck_assert_ptr_null(receipts_after(&machine.manager->receipts, 0));
}
END_TEST

START_TEST(a_zone_that_went_offline_before_a_crash_is_not_taken_offline_again)
{
    machine_plug(&machine, 1, 32);
    marks_set(&machine.manager->host_marks, "attached");
    claim("a", 1, 32, "offline");
    restart();
    attach(host, "0");
    (void)expect_signal(host, "unplug");
    ck_assert_ptr_null(receipts_after(&machine.manager->receipts, 0));
}
END_TEST

START_TEST(a_zone_whose_memory_went_while_no_czoned_was_there_is_returned)
{
    const struct receipt *receipt;

    claim("a", 1, 32, "offline");
    restart();
    receipt = receipts_after(&machine.manager->receipts, 0);
    ck_assert_ptr_nonnull(receipt);
    ck_assert_str_eq(receipt->outcome, OUTCOME_RETURNED);
    ck_assert_int_eq((int64_t)receipt->host_bytes, BLOCK);
    ck_assert(TAILQ_EMPTY(&machine.manager->leases));
}
END_TEST

/* What a crash, another boot or somebody's hand may have made of state.json. */
static const char *const broken[] = {
    "",
    "{",
    "[]",
    "{}",
    "{\"version\": 99}",
    "{\"boot\": \"11111111-0000-4000-8000-000000000000\"}",
    "{\"parameters\": {\"args\": []}}",
    "{\"state\": \"asleep\"}",
    "{\"fingerprint\": \"none\"}",
    "{\"memory\": \"much\"}",
};

/* The members given here, over those of a state that is right. */
static void break_state(const char *text)
{
    const char *id = "a";
    json_t *state = NULL, *change = json_loads(text, 0, NULL);
    int dir = -EBADF, fd;

    ck_assert_int_eq(run_dir_open(machine.manager->store.containers_fd, id, &dir), 0);
    ck_assert_int_eq(run_dir_read(dir, "state.json", &state), 0);
    if (json_is_object(change) && json_object_size(change) > 0) {
        ck_assert_int_eq(json_object_update(state, change), 0);
        ck_assert_int_eq(run_dir_write(dir, "state.json", state), 0);
    } else {
        fd = openat(dir, "state.json", O_WRONLY | O_TRUNC | O_CLOEXEC);
        ck_assert_int_ge(fd, 0);
        ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
        (void)close(fd);
    }
    json_decref(change);
    json_decref(state);
    (void)close(dir);
}

/* The only container has ended as one does whose keeper was killed, and is settled. */
static void expect_killed(void)
{
    struct varlink_reply reply = machine_call(&machine, caller, "io.czone.Container.Wait",
                                              "{\"id\": \"a\", \"until\": \"returned\"}", 0);
    const json_t *container = json_object_get(reply.parameters, "container");

    ck_assert_ptr_null(reply.error);
    ck_assert_str_eq(json_string_value(json_object_get(container, "state")), "done");
    ck_assert_int_eq(json_integer_value(json_object_get(container, "exit_signal")), 9);
    ck_assert(json_is_true(json_object_get(container, "keeper_lost")));
    varlink_reply_done(&reply);
    ck_assert(TAILQ_FIRST(&machine.manager->containers)->settled);
}

START_TEST(a_container_that_runs_and_whose_cgroup_cannot_be_opened_does_not_stay_running)
{
    char path[128];
    int fd;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    machine_plug(&machine, 1, 32);
    claim("a", 1, 32, "online");
    (void)snprintf(path, sizeof(path), "%s/cgroup/czone/file", machine.root);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
    break_state("{\"state\": \"running\", \"cgroup\": \"czone/file\"}");
    restart();
    expect_killed();
}
END_TEST

START_TEST(a_container_that_runs_and_whose_zone_is_gone_does_not_stay_running)
{
    attach(host, "0");
    spawn(SPAWN, "wanted");
    break_state("{\"state\": \"running\"}");
    restart();
    expect_killed();
}
END_TEST

START_TEST(a_state_that_makes_no_sense_is_removed_and_nothing_else)
{
    int fd;

    attach(host, "0");
    spawn(SPAWN, "wanted");
    spawn("{\"id\": \"b\", \"args\": [\"/bin/sh\"], \"memory\": 1}", "wanted");
    break_state(broken[_i]);
    restart();
    ck_assert_str_eq(state(), "unknown");
    ck_assert_uint_eq(machine.manager->n_containers, 1);
    ck_assert_int_eq(run_dir_open(machine.manager->store.containers_fd, "a", &fd), -ENOENT);
    attach(host, "0");
    spawn(SPAWN, "wanted");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("restore");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_container_that_waits_for_memory_asks_the_next_host_that_attaches);
    tcase_add_test(tests, a_container_that_waits_for_memory_fails_when_no_host_comes);
    tcase_add_test(tests, a_container_that_waits_for_memory_can_be_removed);
    tcase_add_test(tests, a_record_stays_with_its_reason);
    tcase_add_test(tests, a_key_of_a_container_is_known_though_its_answer_was_never_given);
    tcase_add_test(tests, a_container_tells_the_key_that_it_was_spawned_with);
    tcase_add_test(tests, a_zone_that_was_half_made_goes_back_without_receipt_before_its_container_asks_anew);
    tcase_add_test(tests, a_zone_that_was_half_made_has_no_receipt_although_its_return_took_two_restarts);
    tcase_add_test(tests, a_zone_that_the_kernel_is_still_taking_offline_is_not_quarantined_for_that);
    tcase_add_test(tests, a_zone_that_went_offline_before_a_crash_is_not_taken_offline_again);
    tcase_add_test(tests, a_zone_whose_memory_went_while_no_czoned_was_there_is_returned);
    tcase_add_test(tests, a_container_that_runs_and_whose_cgroup_cannot_be_opened_does_not_stay_running);
    tcase_add_test(tests, a_container_that_runs_and_whose_zone_is_gone_does_not_stay_running);
    tcase_add_loop_test(tests, a_state_that_makes_no_sense_is_removed_and_nothing_else, 0,
                        (int)ELEMENTS(broken));
    return guest_test_main(tests, "guest_restore");
}
