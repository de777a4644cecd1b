/* SPDX-License-Identifier: Apache-2.0 */

/* `czonectl run`: its status, its streams, its signals, and connections that break at every point. */

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl_peer.h"

#define SPAWN  "io.czone.Container.Spawn"
#define WAIT   "io.czone.Container.Wait"
#define LOGS   "io.czone.Container.Logs"
#define KILL   "io.czone.Container.Kill"
#define REMOVE "io.czone.Container.Remove"

static struct peer peer;

/* How the script plays; set by each test. */
static struct {
    const char *spawn_error, *spawn_message; /* Spawn fails so */
    const char *spawn_state;                 /* else the container is in this state */
    const char *end;                         /* what Wait says besides: `,'exit_status':0` */
    const char *end_state;
    unsigned int break_spawn, break_wait, break_logs; /* so many times */
    const char *kill_error;
    bool until_killed;    /* it does not end by itself */
    unsigned int signals; /* our own, sent to czonectl when its Wait arrives */
} script;

static struct varlink_connection *waiting, *logging;

static void say_end(void)
{
    if (!waiting)
        return;
    peer_reply(waiting, peer_container("c1", script.end_state, script.end));
    waiting = NULL;
    if (logging)
        peer_reply(logging, "{'offset':6,'data':'','eof':true,'limit':1000}");
    logging = NULL;
}

static void spawn(struct peer *me, struct varlink_connection *connection)
{
    char text[256];

    if (script.break_spawn) {
        script.break_spawn--;
        me->dropped = connection;
        return;
    }
    if (script.spawn_error) {
        (void)snprintf(text, sizeof(text), "{'message':'%s'}", script.spawn_message);
        peer_error(connection, script.spawn_error, text);
        return;
    }
    peer_reply(connection, peer_container("c1", script.spawn_state,
                                          strcmp(script.spawn_state, "failed")
                                              ? ""
                                              : ",'failure':{'id':'io.czone.Container.HostFailed',"
                                                "'message':'the host did not answer'}"));
}

/* Output of six bytes, `foobar`; the end comes when all of it was read and nothing else is to happen. */
static void logs(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    json_int_t offset = json_integer_value(json_object_get(call->parameters, "offset"));

    if (offset == 0)
        peer_continue(connection, "{'offset':0,'data':'Zm9v','eof':false,'limit':1000}");
    if (script.break_logs) {
        script.break_logs--;
        (void)varlink_connection_process(connection, 0);
        me->dropped = connection;
        return;
    }
    peer_continue(connection, "{'offset':3,'data':'YmFy','eof':false,'limit':1000}");
    logging = connection;
}

static void wait_for(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    if (!strcmp(json_string_value(json_object_get(call->parameters, "until")), "returned")) {
        peer_reply(connection, peer_container("c1", "done", script.end));
        return;
    }
    if (script.break_wait) {
        script.break_wait--;
        me->dropped = connection;
        return;
    }
    waiting = connection;
}

static void play(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    /* The call itself is gone once it has its final reply. */
    const char *method = me->methods[me->n_calls - 1];

    if (!strcmp(method, SPAWN))
        spawn(me, connection);
    else if (!strcmp(method, LOGS))
        logs(me, connection, call);
    else if (!strcmp(method, WAIT))
        wait_for(me, connection, call);
    else if (!strcmp(method, KILL) && script.kill_error)
        peer_error(connection, script.kill_error, "{'message':'not now'}");
    else if (!strcmp(method, "io.czone.Monitor.Subscribe"))
        peer_continue(connection, "{}");
    else
        peer_reply(connection, "{}");
    if (!strcmp(method, KILL) && !script.kill_error) {
        script.end = ",'exit_signal':15";
        script.until_killed = false;
        /* czonectl has hung up where nobody read what it passed on. */
        if (me->close_output)
            logging = NULL;
    }
    if (!strcmp(method, REMOVE))
        script.until_killed = false;
    if (script.signals && waiting && logging) {
        script.signals--;
        (void)kill(me->child, SIGTERM);
    } else if (waiting && (logging || me->close_output) && !script.until_killed) {
        say_end();
    }
}

static void setup(void)
{
    peer_open(&peer, play);
    script.spawn_state = "running";
    script.end_state = "exited";
    script.end = ",'exit_status':0";
}

static void teardown(void)
{
    peer_close(&peer);
}

static json_t *sent(const char *name)
{
    return json_object_get(peer_last(&peer, SPAWN), name);
}

static void complains(int status, const char *words)
{
    ck_assert_msg(strstr(peer.err, words) != NULL, "'%s' is not in '%s'", words, peer.err);
    ck_assert_int_eq(peer.status, status);
}

START_TEST(it_exits_with_the_programs_status_and_shows_its_output)
{
    script.end = ",'exit_status':42";
    peer_run(&peer, "run", "--", "/bin/prog", "--flag", "a b", NULL);
    ck_assert_str_eq(peer.out, "foobar");
    ck_assert_str_eq(peer.err, "");
    ck_assert_int_eq(peer.status, 42);
    ck_assert_uint_eq(json_array_size(sent("args")), 3);
    ck_assert_str_eq(json_string_value(json_array_get(sent("args"), 2)), "a b");
    ck_assert_int_eq(json_integer_value(sent("memory")), 128 << 20);
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 0);
}
END_TEST

START_TEST(a_program_killed_by_a_signal_has_the_status_of_a_shell)
{
    script.end = ",'exit_signal':11";
    peer_run(&peer, "run", "prog", NULL);
    ck_assert_int_eq(peer.status, 139);
}
END_TEST

START_TEST(every_option_reaches_the_guest)
{
    char path[128];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/env", peer.directory);
    file = fopen(path, "we");
    (void)fputs("# comment\n\nFROM=file\nBOTH=file\n", file);
    (void)fclose(file);
    (void)setenv("INHERITED", "here", 1);
    peer_run(&peer, "run", "-m", "1G", "--tier", "fast", "--id", "c1", "-e", "BOTH=line", "-e", "INHERITED",
             "-e", "NOT_SET_AT_ALL", "--env-file", path, "-w", "/tmp", "-u", "1000:1000", "--hostname", "box",
             "--root", "/srv/root", "--pids", "50", "--key", "k", "prog", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_int_eq(json_integer_value(sent("memory")), 1 << 30);
    ck_assert_str_eq(json_string_value(sent("tier")), "fast");
    ck_assert_str_eq(json_string_value(sent("id")), "c1");
    ck_assert_str_eq(json_string_value(sent("cwd")), "/tmp");
    ck_assert_str_eq(json_string_value(sent("user")), "1000:1000");
    ck_assert_str_eq(json_string_value(sent("hostname")), "box");
    ck_assert_str_eq(json_string_value(sent("root")), "/srv/root");
    ck_assert_int_eq(json_integer_value(sent("pids")), 50);
    ck_assert_str_eq(json_string_value(sent("key")), "k");
    ck_assert_uint_eq(json_array_size(sent("env")), 4);
    ck_assert_str_eq(json_string_value(json_array_get(sent("env"), 1)), "BOTH=file");
    ck_assert_str_eq(json_string_value(json_array_get(sent("env"), 2)), "BOTH=line");
    ck_assert_str_eq(json_string_value(json_array_get(sent("env"), 3)), "INHERITED=here");
    (void)unlink(path);
}
END_TEST

START_TEST(what_was_not_asked_is_not_sent)
{
    peer_run(&peer, "run", "prog", NULL);
    ck_assert_uint_eq(json_object_size(peer_last(&peer, SPAWN)), 3);
    ck_assert_uint_eq(strlen(json_string_value(sent("key"))), 32);
}
END_TEST

START_TEST(a_bundle_says_all_that_options_do_not)
{
    peer_run(&peer, "run", "--bundle", "/srv/bundle", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(json_object_size(peer_last(&peer, SPAWN)), 2);
    ck_assert_str_eq(json_string_value(sent("bundle")), "/srv/bundle");
    peer_run(&peer, "run", "-b", "/srv/bundle", "-m", "1G", NULL);
    ck_assert_int_eq(json_integer_value(sent("memory")), 1 << 30);
    ck_assert_ptr_null(sent("args"));
}
END_TEST

START_TEST(a_program_and_a_bundle_exclude_each_other_and_one_is_needed)
{
    peer_run(&peer, "run", "--bundle", "/srv/bundle", "prog", NULL);
    complains(122, "takes no PROGRAM");
    peer_run(&peer, "run", "-m", "1G", NULL);
    complains(122, "needs a PROGRAM, or --bundle");
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

START_TEST(an_environment_without_a_name_is_refused_before_anything_happens)
{
    peer_run(&peer, "run", "-e", "=x", "prog", NULL);
    complains(122, "--env: '=x' has no name");
    peer_run(&peer, "run", "--env-file", "/nonexistent", "prog", NULL);
    complains(122, "/nonexistent: No such file");
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

static const struct {
    const char *id;
    int status;
} errors[] = {
    { "io.czone.Container.NoMemory", 125 },      { "io.czone.Container.NoZoneNode", 125 },
    { "io.czone.Container.HostFailed", 125 },    { "io.czone.Container.HostRefused", 124 },
    { "io.czone.Container.Exists", 124 },        { "io.czone.Container.KeyReused", 124 },
    { "io.czone.Container.TooMany", 124 },       { "io.czone.Container.NotExecutable", 126 },
    { "io.czone.Container.NoSuchRoot", 126 },    { "io.czone.Container.NoSuchUser", 126 },
    { "io.czone.Container.NoSuchLayer", 126 },   { "io.czone.Container.NoSuchSource", 126 },
    { "io.czone.Container.NoSuchProgram", 127 }, { "io.czone.Container.NoSuchTier", 122 },
    { "io.czone.Container.System", 121 },        { "org.varlink.service.InvalidParameter", 122 },
    { "io.czone.Container.BadBundle", 126 },
};

START_TEST(its_own_failures_have_a_status_of_their_own)
{
    script.spawn_error = errors[_i].id;
    script.spawn_message = "because";
    peer_run(&peer, "run", "prog", NULL);
    ck_assert_str_eq(peer.out, "");
    complains(errors[_i].status, "czonectl run: because\n");
}
END_TEST

START_TEST(a_container_that_never_ran_tells_why)
{
    script.end_state = "failed";
    script.end = ",'failure':{'id':'io.czone.Container.NoSuchProgram','message':'prog: not found in /bin'}";
    peer_run(&peer, "run", "prog", NULL);
    complains(127, "czonectl run: prog: not found in /bin\n");
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 0);
}
END_TEST

START_TEST(a_container_that_failed_at_once_is_told_and_with_rm_removed)
{
    script.spawn_state = "failed";
    peer_run(&peer, "run", "--rm", "prog", NULL);
    complains(125, "the host did not answer");
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 1);
    ck_assert_uint_eq(peer_count(&peer, WAIT), 0);
}
END_TEST

START_TEST(rm_waits_for_the_memory_and_then_removes)
{
    script.end = ",'exit_status':3";
    peer_run(&peer, "run", "--rm", "prog", NULL);
    ck_assert_int_eq(peer.status, 3);
    ck_assert_str_eq(json_string_value(json_object_get(peer_last(&peer, WAIT), "until")), "returned");
    ck_assert_str_eq(json_string_value(json_object_get(peer_last(&peer, REMOVE), "id")), "c1");
    ck_assert_str_eq(peer.methods[peer.n_calls - 1], REMOVE);
}
END_TEST

START_TEST(wait_returned_waits_but_does_not_remove)
{
    peer_run(&peer, "run", "--wait-returned", "prog", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, WAIT), 2);
    ck_assert_uint_eq(peer_count(&peer, REMOVE), 0);
}
END_TEST

START_TEST(detach_prints_the_id_and_waits_for_nothing)
{
    peer_run(&peer, "run", "-d", "prog", NULL);
    ck_assert_str_eq(peer.out, "c1\n");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer.n_calls, 1);
    peer_run(&peer, "run", "-d", "--json", "prog", NULL);
    ck_assert_ptr_nonnull(strstr(peer.out, "{\"id\":\"c1\",\"state\":\"running\""));
}
END_TEST

START_TEST(a_request_whose_answer_was_lost_is_repeated_with_the_same_key)
{
    script.break_spawn = 2;
    peer_run(&peer, "run", "prog", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, SPAWN), 3);
    ck_assert(json_equal(peer.parameters[0], peer.parameters[1]));
    ck_assert(json_equal(peer.parameters[0], peer.parameters[2]));
}
END_TEST

START_TEST(output_and_wait_go_on_after_their_connections_broke)
{
    script.break_logs = 2;
    script.break_wait = 2;
    script.end = ",'exit_status':7";
    peer_run(&peer, "run", "prog", NULL);
    ck_assert_str_eq(peer.out, "foobar");
    ck_assert_str_eq(peer.err, "");
    ck_assert_int_eq(peer.status, 7);
    ck_assert_uint_eq(peer_count(&peer, LOGS), 3);
    ck_assert_int_eq(json_integer_value(json_object_get(peer_last(&peer, LOGS), "offset")), 3);
    ck_assert_uint_eq(peer_count(&peer, WAIT), 3);
}
END_TEST

START_TEST(a_signal_is_passed_on_once)
{
    script.signals = 1;
    peer_run(&peer, "run", "prog", NULL);
    ck_assert_str_eq(json_string_value(json_object_get(peer_last(&peer, KILL), "signal")), "TERM");
    ck_assert_uint_eq(peer_count(&peer, KILL), 1);
    ck_assert_int_eq(peer.status, 143);
}
END_TEST

START_TEST(a_second_signal_detaches_and_says_how_to_go_on)
{
    script.signals = 2;
    peer_run(&peer, "run", "prog", NULL);
    complains(120, "detached: container c1 goes on");
    ck_assert_ptr_nonnull(strstr(peer.err, "czonectl logs -f c1"));
    ck_assert_uint_eq(peer_count(&peer, KILL), 1);
}
END_TEST

START_TEST(a_signal_gives_up_a_container_that_waits_for_its_memory)
{
    script.spawn_state = "wanted";
    script.signals = 1;
    script.until_killed = true;
    script.kill_error = "io.czone.Container.WrongState";
    script.end_state = "failed";
    script.end = ",'failure':{'id':'io.czone.Container.WrongState','message':'removed before it ran'}";
    peer_run(&peer, "run", "prog", NULL);
    ck_assert(json_is_true(json_object_get(peer_last(&peer, REMOVE), "force")));
    complains(124, "removed before it ran");
}
END_TEST

START_TEST(when_nobody_reads_the_output_the_container_is_killed)
{
    peer.close_output = true;
    script.until_killed = true;
    peer_run(&peer, "run", "prog", NULL);
    complains(143, "standard output is closed");
    ck_assert_str_eq(json_string_value(json_object_get(peer_last(&peer, KILL), "signal")), "KILL");
}
END_TEST

START_TEST(a_container_killed_for_its_limit_is_told)
{
    script.end = ",'exit_signal':9,'oom_killed':true";
    peer_run(&peer, "run", "prog", NULL);
    complains(137, "the memory limit of its zone of 128 MiB was reached; give more with --memory");
}
END_TEST

START_TEST(an_end_that_makes_no_sense_is_told)
{
    script.end = ",'exit_status':256";
    peer_run(&peer, "run", "prog", NULL);
    complains(123, "exit_status");
    ck_assert_ptr_nonnull(strstr(peer.err, "container c1 is left as it is"));
}
END_TEST

static void asks_for_memory(struct peer *me, struct varlink_connection *connection,
                            const struct varlink_call *call)
{
    static struct varlink_connection *monitor;

    const char *method = me->methods[me->n_calls - 1];

    if (!strcmp(method, "io.czone.Monitor.Subscribe"))
        monitor = connection;
    if (!strcmp(method, WAIT) && monitor)
        peer_continue(
            monitor,
            "{'event':{'sequence':1,'time':1,'event':'zone-wanted','container':'c1','bytes':536870912}}");
    play(me, connection, call);
}

START_TEST(on_a_terminal_it_says_what_it_waits_for_and_leaves_nothing_behind)
{
    peer.script = asks_for_memory;
    peer.terminal = true;
    script.spawn_state = "wanted";
    peer_run(&peer, "run", "prog", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, "io.czone.Monitor.Subscribe"), 1);
    ck_assert_str_eq(peer.methods[0], "io.czone.Monitor.Subscribe");
    ck_assert_msg(strstr(peer.out, "c1: waits for 128 MiB of memory") ||
                      strstr(peer.out, "c1: the host plugs 512 MiB of memory"),
                  "%s", peer.out);
    ck_assert_ptr_nonnull(strstr(peer.out, "\r\033[Kfoo"));
    ck_assert_str_eq(peer.out + peer.n_out - 3, "bar");
}
END_TEST

START_TEST(without_a_terminal_nothing_is_asked_for_progress)
{
    peer_run(&peer, "run", "prog", NULL);
    ck_assert_uint_eq(peer_count(&peer, "io.czone.Monitor.Subscribe"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/run");
    TCase *tcase = tcase_create("run");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, it_exits_with_the_programs_status_and_shows_its_output);
    tcase_add_test(tcase, a_program_killed_by_a_signal_has_the_status_of_a_shell);
    tcase_add_test(tcase, every_option_reaches_the_guest);
    tcase_add_test(tcase, what_was_not_asked_is_not_sent);
    tcase_add_test(tcase, a_bundle_says_all_that_options_do_not);
    tcase_add_test(tcase, a_program_and_a_bundle_exclude_each_other_and_one_is_needed);
    tcase_add_test(tcase, an_environment_without_a_name_is_refused_before_anything_happens);
    tcase_add_loop_test(tcase, its_own_failures_have_a_status_of_their_own, 0,
                        (int)(sizeof(errors) / sizeof(*errors)));
    tcase_add_test(tcase, a_container_that_never_ran_tells_why);
    tcase_add_test(tcase, a_container_that_failed_at_once_is_told_and_with_rm_removed);
    tcase_add_test(tcase, rm_waits_for_the_memory_and_then_removes);
    tcase_add_test(tcase, wait_returned_waits_but_does_not_remove);
    tcase_add_test(tcase, detach_prints_the_id_and_waits_for_nothing);
    tcase_add_test(tcase, a_request_whose_answer_was_lost_is_repeated_with_the_same_key);
    tcase_add_test(tcase, output_and_wait_go_on_after_their_connections_broke);
    tcase_add_test(tcase, a_signal_is_passed_on_once);
    tcase_add_test(tcase, a_second_signal_detaches_and_says_how_to_go_on);
    tcase_add_test(tcase, a_signal_gives_up_a_container_that_waits_for_its_memory);
    tcase_add_test(tcase, when_nobody_reads_the_output_the_container_is_killed);
    tcase_add_test(tcase, a_container_killed_for_its_limit_is_told);
    tcase_add_test(tcase, an_end_that_makes_no_sense_is_told);
    tcase_add_test(tcase, on_a_terminal_it_says_what_it_waits_for_and_leaves_nothing_behind);
    tcase_add_test(tcase, without_a_terminal_nothing_is_asked_for_progress);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
