/* SPDX-License-Identifier: Apache-2.0 */
/* czone-oci as its callers run it, against a peer that answers as the test says. */
#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/ctl_peer.h"

#define SPAWN   "io.czone.Container.Spawn"
#define START   "io.czone.Container.Start"
#define WAIT    "io.czone.Container.Wait"
#define LOGS    "io.czone.Container.Logs"
#define KILL    "io.czone.Container.Kill"
#define WRITE   "io.czone.Container.Write"
#define REMOVE  "io.czone.Container.Remove"
#define INSPECT "io.czone.Container.Inspect"

static struct peer peer;
static char root[96], bundle[96], pid_file[96];

/* How the script plays; set by each test. */
static struct {
    const char *spawn_error, *state, *failure, *end;
    bool forgotten;
} script;

static void on_wait(struct varlink_connection *connection, const struct varlink_call *call)
{
    const char *until = json_string_value(json_object_get(call->parameters, "until"));

    if (strcmp(until, "exited") == 0)
        peer_reply(connection, peer_container("web", "exited", script.end));
    else if (script.failure != NULL)
        peer_reply(connection, peer_container("web", "failed", script.failure));
    else
        peer_reply(connection, peer_container("web", until, ""));
}

static void play(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    (void)me;
    if (strcmp(call->method, SPAWN) == 0 && script.spawn_error != NULL)
        peer_error(connection, script.spawn_error, "{'message':'no such luck'}");
    else if (strcmp(call->method, WAIT) == 0)
        on_wait(connection, call);
    else if (strcmp(call->method, LOGS) == 0)
        peer_reply(connection, "{'offset':0,'data':'Zm9vYmFy','pieces':[{'stream':1,'bytes':3,'time':1},"
                               "{'stream':2,'bytes':3,'time':1}],'eof':true,'limit':1000}");
    else if (strcmp(call->method, INSPECT) == 0 && script.forgotten)
        peer_error(connection, "io.czone.Container.NoSuchContainer", "{'id':'web','message':'gone'}");
    else if (strcmp(call->method, KILL) == 0 || strcmp(call->method, REMOVE) == 0 ||
             strcmp(call->method, WRITE) == 0)
        peer_reply(connection, "{}");
    else
        peer_reply(connection, peer_container("web", script.state, ""));
}

static void write_config(const char *text)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/config.json", bundle);
    file = fopen(path, "we");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void set_up(void)
{
    memset(&script, 0, sizeof(script));
    script.state = "running";
    script.end = ",'exit_status':42";
    peer_open(&peer, play);
    (void)snprintf(root, sizeof(root), "%s/root", peer.directory);
    (void)snprintf(bundle, sizeof(bundle), "%s/bundle", peer.directory);
    (void)snprintf(pid_file, sizeof(pid_file), "%s/pid", peer.directory);
    ck_assert_int_eq(mkdir(bundle, 0700), 0);
    write_config("{\"ociVersion\": \"1.0.2\", \"annotations\": {\"a\": \"b\"}}");
    /* To be the parent of a stand-in, as conmon is. */
    ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
}

static void tear_down(void)
{
    char command[512];

    (void)snprintf(command, sizeof(command), "rm -rf '%s' '%s' '%s'", root, bundle, pid_file);
    ck_assert_int_eq(system(command), 0); /* NOLINT(cert-env33-c) */
    peer_close(&peer);
}

#define OCI(...)                                                                                             \
    peer_run_words(&peer,                                                                                    \
                   (char *const *)(const char *const[]){ "czone-oci", "--address", peer.address, "--root",   \
                                                         root, "--memory", "64M", __VA_ARGS__, NULL })

static void create(void)
{
    OCI("create", "--bundle", bundle, "--pid-file", pid_file, "web");
}

static void complains(const char *words)
{
    ck_assert_msg(strstr(peer.err, words) != NULL, "'%s' is not in '%s'", words, peer.err);
    ck_assert_int_eq(peer.status, 1);
}

static int wait_stand_in(void)
{
    FILE *file = fopen(pid_file, "re");
    int pid = 0, status;

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%d", &pid), 1);
    (void)fclose(file);
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static const json_t *sent(const char *method, const char *name)
{
    return json_object_get(peer_last(&peer, method), name);
}

START_TEST(create_holds_the_container_and_its_stand_in_ends_as_it_does)
{
    create();
    ck_assert_int_eq(peer.status, 0);
    ck_assert_str_eq(json_string_value(sent(SPAWN, "id")), "web");
    ck_assert_str_eq(json_string_value(sent(SPAWN, "bundle")), bundle);
    ck_assert(json_is_true(sent(SPAWN, "hold")));
    ck_assert_int_eq(json_integer_value(sent(SPAWN, "memory")), 64 << 20);
    ck_assert_int_eq(WEXITSTATUS(wait_stand_in()), 42);
    ck_assert_str_eq(peer.out, "foo");
    ck_assert_str_eq(peer.err, "bar");
}
END_TEST

START_TEST(a_stand_in_dies_of_the_signal_its_container_died_of)
{
    int status;

    script.end = ",'exit_signal':15";
    create();
    status = wait_stand_in();
    ck_assert(WIFSIGNALED(status));
    ck_assert_int_eq(WTERMSIG(status), SIGTERM);
}
END_TEST

START_TEST(memory_comes_from_the_config_an_annotation_or_the_option)
{
    write_config("{\"ociVersion\": \"1.0.2\", \"annotations\": {\"io.czone.memory\": \"1G\", "
                 "\"io.czone.tier\": \"fast\"}}");
    create();
    ck_assert_int_eq(json_integer_value(sent(SPAWN, "memory")), 1 << 30);
    ck_assert_str_eq(json_string_value(sent(SPAWN, "tier")), "fast");
    (void)wait_stand_in();
    OCI("delete", "--force", "web");
    write_config("{\"ociVersion\": \"1.0.2\", \"linux\": {\"resources\": {\"memory\": {\"limit\": 1}}}}");
    create();
    ck_assert_ptr_null(sent(SPAWN, "memory"));
    (void)wait_stand_in();
}
END_TEST

START_TEST(a_runtime_is_handed_on_and_options_about_cgroups_change_nothing)
{
    OCI("--cgroup-manager", "disabled", "--systemd-cgroup", "--runtime", "crun", "create", "--bundle", bundle,
        "--pid-file", pid_file, "web");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_str_eq(json_string_value(sent(SPAWN, "runtime")), "crun");
    (void)wait_stand_in();
    OCI("delete", "--force", "web");
    create();
    ck_assert_ptr_null(sent(SPAWN, "runtime"));
    (void)wait_stand_in();
}
END_TEST

START_TEST(a_create_that_fails_leaves_nothing)
{
    script.spawn_error = "io.czone.Container.BadBundle";
    create();
    complains("no such luck");
    ck_assert_int_ne(access(pid_file, F_OK), 0);
    script.spawn_error = NULL;
    script.failure = ",'failure':{'id':'io.czone.Container.NoMemory','message':'no memory left'}";
    create();
    complains("no memory left");
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 1);
    script.failure = NULL;
    create();
    ck_assert_int_eq(peer.status, 0);
    (void)wait_stand_in();
    create();
    complains("exists already");
}
END_TEST

static const char *const bad_configs[] = { "", "[]", "{\"process\": {\"terminal\": true}}",
                                           "{\"annotations\": {\"io.czone.memory\": \"much\"}}" };

START_TEST(a_bundle_that_create_cannot_use_is_refused_before_czoned_hears_of_it)
{
    write_config(bad_configs[_i]);
    create();
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

    create();
    (void)wait_stand_in();
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
    create();
    (void)wait_stand_in();
    OCI("start", "web");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, START), 1);
    script.failure = ",'failure':{'id':'io.czone.Container.NoSuchProgram','message':'no such program'}";
    OCI("start", "web");
    complains("no such program");
}
END_TEST

START_TEST(kill_passes_the_signal_on)
{
    create();
    (void)wait_stand_in();
    OCI("kill", "web");
    ck_assert_str_eq(json_string_value(sent(KILL, "signal")), "TERM");
    OCI("kill", "--all", "web", "9");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_str_eq(json_string_value(sent(KILL, "signal")), "9");
}
END_TEST

START_TEST(delete_removes_what_has_stopped_and_with_force_what_runs)
{
    create();
    (void)wait_stand_in();
    OCI("delete", "web");
    complains("is running");
    script.state = "exited";
    OCI("delete", "web");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 1);
    OCI("delete", "web");
    complains("does not exist");
    OCI("delete", "--force", "web");
    ck_assert_int_eq(peer.status, 0);
}
END_TEST

START_TEST(a_container_that_czoned_has_forgotten_has_stopped)
{
    create();
    (void)wait_stand_in();
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
    complains("nobody does not exist");
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
    complains("no command");
    OCI("create", "--bundle", "/no/such/bundle", "web");
    complains("/no/such/bundle");
    OCI("create", "--bundle", bundle, "a/b");
    complains("cannot be the id");
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("oci/command");
    TCase *tests = tcase_create("command");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, create_holds_the_container_and_its_stand_in_ends_as_it_does);
    tcase_add_test(tests, a_stand_in_dies_of_the_signal_its_container_died_of);
    tcase_add_test(tests, memory_comes_from_the_config_an_annotation_or_the_option);
    tcase_add_test(tests, a_runtime_is_handed_on_and_options_about_cgroups_change_nothing);
    tcase_add_test(tests, a_create_that_fails_leaves_nothing);
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
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
