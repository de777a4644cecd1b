/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of czone-oci about a container, against a peer that answers as the test says. */
#include <signal.h>
#include <sys/wait.h>

#include "oci_peer.h"

START_TEST(create_holds_the_container_and_its_stand_in_ends_as_it_does)
{
    oci_create();
    ck_assert_int_eq(peer.status, 0);
    ck_assert_str_eq(json_string_value(sent(SPAWN, "id")), "web");
    ck_assert_str_eq(json_string_value(sent(SPAWN, "bundle")), bundle);
    ck_assert(json_is_true(sent(SPAWN, "hold")));
    ck_assert_int_eq(json_integer_value(sent(SPAWN, "memory")), 64 << 20);
    ck_assert_int_eq(WEXITSTATUS(oci_stand_in()), 42);
    ck_assert_str_eq(peer.out, "foo");
    ck_assert_str_eq(peer.err, "bar");
}
END_TEST

START_TEST(memory_comes_from_the_config_an_annotation_or_the_option)
{
    oci_config("{\"ociVersion\": \"1.0.2\", \"annotations\": {\"io.czone.memory\": \"1G\", "
               "\"io.czone.tier\": \"fast\"}}");
    oci_create();
    ck_assert_int_eq(json_integer_value(sent(SPAWN, "memory")), 1 << 30);
    ck_assert_str_eq(json_string_value(sent(SPAWN, "tier")), "fast");
    (void)oci_stand_in();
    OCI("delete", "--force", "web");
    oci_config("{\"ociVersion\": \"1.0.2\", \"linux\": {\"resources\": {\"memory\": {\"limit\": 1}}}}");
    oci_create();
    ck_assert_ptr_null(sent(SPAWN, "memory"));
    (void)oci_stand_in();
}
END_TEST

START_TEST(a_runtime_is_handed_on_and_options_about_cgroups_change_nothing)
{
    OCI("--cgroup-manager", "disabled", "--systemd-cgroup", "--runtime", "crun", "create", "--bundle", bundle,
        "--pid-file", pid_file, "web");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_str_eq(json_string_value(sent(SPAWN, "runtime")), "crun");
    (void)oci_stand_in();
    OCI("delete", "--force", "web");
    oci_create();
    ck_assert_ptr_null(sent(SPAWN, "runtime"));
    (void)oci_stand_in();
}
END_TEST

START_TEST(a_create_that_fails_leaves_nothing)
{
    script.spawn_error = "io.czone.Container.BadBundle";
    script.forgotten = true;
    oci_create();
    oci_complains("no such luck");
    ck_assert_int_ne(access(pid_file, F_OK), 0);
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 0);
    script.spawn_error = NULL;
    script.forgotten = false;
    script.failure = ",'failure':{'id':'io.czone.Container.NoMemory','message':'no memory left'}";
    oci_create();
    oci_complains("no memory left");
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 1);
    script.failure = NULL;
    oci_create();
    ck_assert_int_eq(peer.status, 0);
    (void)oci_stand_in();
    oci_create();
    oci_complains("exists already");
}
END_TEST

START_TEST(a_create_that_was_killed_can_be_deleted)
{
    script.kill_at = WAIT " created";
    script.state = "created";
    oci_create();
    ck_assert_int_eq(peer.status, 128 + SIGKILL);
    script.kill_at = NULL;
    OCI("state", "web");
    ck_assert_ptr_nonnull(strstr(peer.out, "\"creating\""));
    OCI("start", "web");
    oci_complains("its create was killed");
    ck_assert_uint_eq(peer_count(&peer, START), 0);
    OCI("delete", "web");
    oci_complains("is creating");
    OCI("delete", "--force", "web");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_str_eq(json_string_value(sent(REMOVE, "id")), "web");
    OCI("state", "web");
    oci_complains("does not exist");
}
END_TEST

START_TEST(a_create_that_was_killed_makes_room_for_the_next)
{
    char key[64];

    script.kill_at = SPAWN;
    oci_create();
    ck_assert_int_eq(peer.status, 128 + SIGKILL);
    (void)snprintf(key, sizeof(key), "%s", json_string_value(sent(SPAWN, "key")));
    script.kill_at = NULL;
    oci_create();
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 1);
    ck_assert_str_ne(json_string_value(sent(SPAWN, "key")), key);
    (void)oci_stand_in();
}
END_TEST

START_TEST(what_create_cannot_undo_delete_can)
{
    script.failure = ",'failure':{'id':'io.czone.Container.NoMemory','message':'no memory left'}";
    script.remove_error = "io.czone.Container.System";
    oci_create();
    oci_complains("no memory left");
    script.remove_error = NULL;
    OCI("delete", "--force", "web");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 2);
}
END_TEST

START_TEST(a_container_of_the_same_name_that_is_not_ours_is_left_alone)
{
    oci_create();
    (void)oci_stand_in();
    script.foreign = true;
    OCI("kill", "web");
    oci_complains("has been removed");
    OCI("start", "web");
    oci_complains("has been removed");
    OCI("state", "web");
    ck_assert_ptr_nonnull(strstr(peer.out, "\"stopped\""));
    OCI("delete", "--force", "web");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, KILL) + peer_count(&peer, START) + peer_count(&peer, REMOVE), 0);
}
END_TEST

START_TEST(a_call_whose_answer_is_lost_is_made_again_with_its_key)
{
    script.break_at = SPAWN;
    script.times = 1;
    oci_create();
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, SPAWN), 2);
    ck_assert(json_equal(peer.parameters[0], peer.parameters[1]));
    (void)oci_stand_in();
    script.break_at = START;
    script.times = 1;
    OCI("start", "web");
    oci_complains("Start");
    ck_assert_uint_eq(peer_count(&peer, START), 1);
}
END_TEST

START_TEST(a_busy_czoned_is_asked_again)
{
    script.error_at = SPAWN;
    script.error = "io.czone.Monitor.Busy";
    script.times = 2;
    oci_create();
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, SPAWN), 3);
    (void)oci_stand_in();
}
END_TEST

START_TEST(numbers_beyond_int64_are_no_reason_to_refuse_a_bundle)
{
    oci_config("{\"ociVersion\": \"1.0.2\", \"process\": {\"rlimits\": [{\"type\": \"RLIMIT_CORE\", "
               "\"soft\": 18446744073709551615, \"hard\": 18446744073709551615}]}}");
    oci_create();
    ck_assert_int_eq(peer.status, 0);
    (void)oci_stand_in();
}
END_TEST

static const char *const bad_configs[] = { "", "[]", "{\"process\": {\"terminal\": true}}",
                                           "{\"annotations\": {\"io.czone.memory\": \"much\"}}" };

START_TEST(a_bundle_that_create_cannot_use_is_refused_before_czoned_hears_of_it)
{
    oci_config(bad_configs[_i]);
    oci_create();
    ck_assert_int_eq(peer.status, 1);
    ck_assert_uint_gt(strlen(peer.err), 0);
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

static const struct {
    const char *state, *status;
} states[] = {
    { "wanted", "creating" }, { "created", "created" }, { "starting", "creating" }, { "running", "running" },
    { "exited", "stopped" },  { "done", "stopped" },    { "failed", "stopped" },
};

START_TEST(state_says_it_in_the_words_of_the_specification)
{
    json_t *state;

    oci_create();
    (void)oci_stand_in();
    script.state = states[_i].state;
    OCI("state", "web");
    ck_assert_int_eq(peer.status, 0);
    state = json_loads(peer.out, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(state, "status")), states[_i].status);
    ck_assert_str_eq(json_string_value(json_object_get(state, "ociVersion")), "1.0.2");
    ck_assert_str_eq(json_string_value(json_object_get(state, "id")), "web");
    ck_assert_str_eq(json_string_value(json_object_get(state, "bundle")), bundle);
    ck_assert_str_eq(json_string_value(json_object_get(json_object_get(state, "annotations"), "a")), "b");
    json_decref(state);
}
END_TEST

START_TEST(start_waits_until_it_runs_and_tells_why_it_does_not)
{
    oci_create();
    (void)oci_stand_in();
    OCI("start", "web");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, START), 1);
    script.failure = ",'failure':{'id':'io.czone.Container.NoSuchProgram','message':'no such program'}";
    OCI("start", "web");
    oci_complains("no such program");
}
END_TEST

START_TEST(kill_passes_the_signal_on)
{
    oci_create();
    (void)oci_stand_in();
    OCI("kill", "web");
    ck_assert_str_eq(json_string_value(sent(KILL, "signal")), "TERM");
    OCI("kill", "--all", "web", "9");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_str_eq(json_string_value(sent(KILL, "signal")), "9");
}
END_TEST

START_TEST(delete_removes_what_has_stopped_and_with_force_what_runs)
{
    oci_create();
    (void)oci_stand_in();
    OCI("delete", "web");
    oci_complains("is running");
    script.state = "exited";
    OCI("delete", "web");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 1);
    OCI("delete", "web");
    oci_complains("does not exist");
    OCI("delete", "--force", "web");
    ck_assert_int_eq(peer.status, 0);
}
END_TEST

START_TEST(a_container_that_czoned_has_forgotten_has_stopped)
{
    oci_create();
    (void)oci_stand_in();
    script.forgotten = true;
    OCI("state", "web");
    ck_assert_ptr_nonnull(strstr(peer.out, "\"stopped\""));
    OCI("delete", "web");
    ck_assert_int_eq(peer.status, 0);
}
END_TEST

START_TEST(errors_go_to_the_log_as_its_readers_expect)
{
    char log[128], line[512] = "";
    json_t *entry;
    FILE *file;

    (void)snprintf(log, sizeof(log), "%s/log", bundle);
    OCI("--log", log, "--log-format", "json", "state", "nobody");
    oci_complains("nobody does not exist");
    file = fopen(log, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    (void)fclose(file);
    entry = json_loads(line, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(entry, "level")), "error");
    ck_assert_str_eq(json_string_value(json_object_get(entry, "msg")), "container nobody does not exist");
    json_decref(entry);
}
END_TEST

START_TEST(features_and_usage_need_no_daemon)
{
    json_t *features;

    OCI("features");
    ck_assert_int_eq(peer.status, 0);
    features = json_loads(peer.out, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(features, "ociVersionMin")), "1.0.0");
    json_decref(features);
    OCI("checkpoint", "web");
    oci_complains("no command");
    OCI("create", "--bundle", "/no/such/bundle", "web");
    oci_complains("/no/such/bundle");
    OCI("create", "--bundle", bundle, "a/b");
    oci_complains("cannot be the id");
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("command");

    tcase_add_test(tests, create_holds_the_container_and_its_stand_in_ends_as_it_does);
    tcase_add_test(tests, memory_comes_from_the_config_an_annotation_or_the_option);
    tcase_add_test(tests, a_runtime_is_handed_on_and_options_about_cgroups_change_nothing);
    tcase_add_test(tests, a_create_that_fails_leaves_nothing);
    tcase_add_test(tests, a_create_that_was_killed_can_be_deleted);
    tcase_add_test(tests, a_create_that_was_killed_makes_room_for_the_next);
    tcase_add_test(tests, what_create_cannot_undo_delete_can);
    tcase_add_test(tests, a_container_of_the_same_name_that_is_not_ours_is_left_alone);
    tcase_add_test(tests, a_call_whose_answer_is_lost_is_made_again_with_its_key);
    tcase_add_test(tests, a_busy_czoned_is_asked_again);
    tcase_add_test(tests, numbers_beyond_int64_are_no_reason_to_refuse_a_bundle);
    tcase_add_loop_test(tests, a_bundle_that_create_cannot_use_is_refused_before_czoned_hears_of_it, 0,
                        (int)(sizeof(bad_configs) / sizeof(bad_configs[0])));
    tcase_add_loop_test(tests, state_says_it_in_the_words_of_the_specification, 0,
                        (int)(sizeof(states) / sizeof(states[0])));
    tcase_add_test(tests, start_waits_until_it_runs_and_tells_why_it_does_not);
    tcase_add_test(tests, kill_passes_the_signal_on);
    tcase_add_test(tests, delete_removes_what_has_stopped_and_with_force_what_runs);
    tcase_add_test(tests, a_container_that_czoned_has_forgotten_has_stopped);
    tcase_add_test(tests, errors_go_to_the_log_as_its_readers_expect);
    tcase_add_test(tests, features_and_usage_need_no_daemon);
    return oci_test_main(tests, "oci/command");
}
