/* SPDX-License-Identifier: Apache-2.0 */

/* Standard input and output of programs: `exec`, `attach`, and the input of `run`. */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ctl/exit.h"
#include "ctl_peer.h"

#define EXEC   "io.czone.Container.Exec"
#define WAIT   "io.czone.Container.Wait"
#define LOGS   "io.czone.Container.Logs"
#define KILL   "io.czone.Container.Kill"
#define WRITE  "io.czone.Container.Write"
#define RESIZE "io.czone.Container.Resize"
#define SESSION                                                                                              \
    "'exec':'7','id':'c1','state':'%s','args':['prog'],'pid':5,'tty':false,'created':1700000000000000000"

static struct peer peer;

/* How the script plays; set by each test. */
static struct {
    const char *end; /* of the session: `,'exit_status':3` */
    const char *end_of_container;
    const char *members; /* of the container: `,'stdin':true` */
    const char *typed;   /* on the terminal, when it is raw and its size was told */
    int signals[4];      /* sent to czonectl when it waits, one after the other */
    unsigned int n_signals;
    unsigned int break_writes; /* so many times, before the answer */
    unsigned int n_writes;     /* after so many answered ones the program ends */
    const char *write_error;
    const char *not_yet; /* the state of the container when Exec is called first; NULL: it runs */
} script;

static struct varlink_connection *waiting, *logging;
static unsigned int n_writes, n_signals;

static void say_end(void)
{
    json_t *answer = peer_json(peer_container("c1", "exited", script.end_of_container));
    char text[512];

    (void)snprintf(text, sizeof(text), "{" SESSION "%s}", "exited", script.end);
    ck_assert_int_eq(json_object_set_new(answer, "exec", peer_json(text)), 0);
    ck_assert_int_eq(varlink_connection_reply(waiting, answer), 0);
    waiting = NULL;
    peer_reply(logging, "{'offset':3,'data':'','eof':true,'limit':1000}");
    logging = NULL;
}

static void session(struct varlink_connection *connection)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "{'exec':{" SESSION "}}", "starting");
    peer_reply(connection, text);
}

static void refuse_session(struct varlink_connection *connection)
{
    char text[512];

    (void)snprintf(text, sizeof(text), "{'id':'c1','state':'%s','message':'c1 is %s'}", script.not_yet,
                   script.not_yet);
    script.not_yet = NULL;
    peer_error(connection, "io.czone.Container.WrongState", text);
}

static void take_write(struct peer *me, struct varlink_connection *connection)
{
    const json_t *parameters = me->parameters[me->n_calls - 1];
    json_int_t offset = json_integer_value(json_object_get(parameters, "offset"));
    size_t length = strlen(json_string_value(json_object_get(parameters, "data"))) / 4 * 3;
    char text[64];

    if (script.break_writes) {
        script.break_writes--;
        me->dropped = connection;
        return;
    }
    n_writes++;
    if (script.write_error) {
        peer_error(connection, script.write_error, "{'message':'no'}");
        return;
    }
    (void)snprintf(text, sizeof(text), "{'offset':%lld}", (long long)offset + (long long)length);
    peer_reply(connection, text);
}

static void send_signal(struct peer *me)
{
    if (n_signals < script.n_signals)
        (void)kill(me->child, script.signals[n_signals++]);
}

static void play(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    /* The call itself is gone once it has its final reply. */
    const char *method = me->methods[me->n_calls - 1];
    bool was_ready = waiting && logging;

    (void)call;
    if (!strcmp(method, EXEC) && script.not_yet)
        refuse_session(connection);
    else if (!strcmp(method, EXEC))
        session(connection);
    else if (!strcmp(method, WAIT) && json_object_get(me->parameters[me->n_calls - 1], "until"))
        peer_reply(connection, peer_container("c1", "running", ""));
    else if (!strcmp(method, WAIT))
        waiting = connection;
    else if (!strcmp(method, WRITE))
        take_write(me, connection);
    else if (!strcmp(method, "io.czone.Container.Inspect"))
        peer_reply(connection, peer_container("c1", "running", script.members));
    else if (!strcmp(method, LOGS))
        peer_continue(logging = connection, "{'offset':0,'data':'Zm9v','eof':false,'limit':1000}");
    else
        peer_reply(connection, "{}");
    if (!strcmp(method, RESIZE) && script.typed)
        ck_assert_int_gt(write(me->keyboard, script.typed, strlen(script.typed)), 0);
    if (!waiting || !logging)
        return;
    if (!was_ready || !strcmp(method, KILL))
        send_signal(me);
    if (n_writes >= script.n_writes && n_signals == script.n_signals &&
        peer_count(me, KILL) == script.n_signals)
        say_end();
}

static void setup(void)
{
    peer_open(&peer, play);
    script.end = ",'exit_status':0";
    script.end_of_container = ",'exit_status':6";
    script.members = ",'stdin':true,'tty':false";
}

static void teardown(void)
{
    peer_close(&peer);
}

static void complains(int status, const char *words)
{
    ck_assert_msg(strstr(peer.err, words) != NULL, "'%s' is not in '%s'", words, peer.err);
    ck_assert_int_eq(peer.status, status);
}

/* The parameters of the nth call of a method, from 0. */
static json_t *nth(const char *method, size_t n)
{
    for (size_t i = 0; i < peer.n_calls; i++)
        if (!strcmp(peer.methods[i], method) && n-- == 0)
            return peer.parameters[i];
    ck_abort_msg("too few calls of %s", method);
}

static void expect(json_t *parameters, const char *text)
{
    json_t *expected = peer_json(text);
    char *seen = json_dumps(parameters, JSON_SORT_KEYS);

    ck_assert_msg(json_equal(parameters, expected), "%s is not %s", seen, text);
    free(seen);
    json_decref(expected);
}

START_TEST(exec_shows_the_output_and_exits_with_the_sessions_status)
{
    script.end = ",'exit_status':3";
    peer_run(&peer, "exec", "c1", "prog", "-x", NULL);
    ck_assert_str_eq(peer.out, "foo");
    ck_assert_str_eq(peer.err, "");
    ck_assert_int_eq(peer.status, 3);
    expect(nth(EXEC, 0), "{'id':'c1','args':['prog','-x'],'stdin':false,'tty':false}");
    expect(nth(WAIT, 0), "{'id':'c1','exec':'7'}");
    ck_assert_uint_eq(peer_count(&peer, WRITE), 0);
}
END_TEST

START_TEST(exec_of_a_program_killed_by_a_signal_has_the_status_of_a_shell)
{
    script.end = ",'exit_signal':9";
    peer_run(&peer, "exec", "c1", "prog", NULL);
    ck_assert_int_eq(peer.status, 137);
}
END_TEST

START_TEST(exec_of_a_program_that_did_not_start_tells_why)
{
    script.end = ",'failure':{'id':'io.czone.Container.NoSuchProgram','message':'there is no prog'}";
    peer_run(&peer, "exec", "c1", "prog", NULL);
    complains(127, "there is no prog");
    ck_assert_ptr_nonnull(strstr(peer.err, "inside the container's root"));
}
END_TEST

static const struct {
    const char *state;
    bool waits;
} not_running[] = {
    { "wanted", true },
    { "starting", true },
    { "created", false },
    { "exited", false },
};

START_TEST(exec_waits_for_a_container_that_is_about_to_run)
{
    script.not_yet = not_running[_i].state;
    peer_run(&peer, "exec", "c1", "prog", NULL);
    ck_assert_uint_eq(peer_count(&peer, EXEC), not_running[_i].waits ? 2 : 1);
    if (not_running[_i].waits)
        expect(nth(WAIT, 0), "{'id':'c1','until':'running'}");
    else
        complains(124, "c1 is");
    ck_assert_int_eq(peer.status, not_running[_i].waits ? 0 : 124);
}
END_TEST

START_TEST(exec_whose_keeper_was_killed_is_told)
{
    script.end = ",'exit_signal':9,'keeper_lost':true";
    peer_run(&peer, "exec", "c1", "prog", NULL);
    complains(137, "somebody killed its keeper");
}
END_TEST

START_TEST(exec_passes_its_options_on)
{
    peer_run(&peer, "exec", "-d", "-i", "-t", "-e", "A=1", "-w", "/tmp", "-u", "12", "c1", "--", "prog",
             NULL);
    ck_assert_str_eq(peer.out, "7\n");
    ck_assert_int_eq(peer.status, 0);
    expect(nth(EXEC, 0), "{'id':'c1','args':['prog'],'env':['A=1'],'cwd':'/tmp','user':'12','stdin':true,"
                         "'tty':true}");
    ck_assert_uint_eq(peer_count(&peer, WAIT), 0);
}
END_TEST

START_TEST(exec_of_nothing_is_told)
{
    peer_run(&peer, "exec", "c1", "--", NULL);
    complains(122, "needs a PROGRAM");
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

START_TEST(input_is_passed_on_and_its_end_too)
{
    peer.input = "foobar";
    script.n_writes = 2;
    peer_run(&peer, "exec", "-i", "c1", "prog", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, WRITE), 2);
    expect(nth(WRITE, 0), "{'id':'c1','exec':'7','data':'Zm9vYmFy','eof':false}");
    expect(nth(WRITE, 1), "{'id':'c1','exec':'7','data':'','eof':true}");
}
END_TEST

START_TEST(a_write_whose_answer_was_lost_is_repeated_at_its_place)
{
    peer.input = "foobar";
    script.n_writes = 2;
    script.break_writes = 2;
    peer_run(&peer, "exec", "-i", "c1", "prog", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, WRITE), 4);
    expect(nth(WRITE, 0), "{'id':'c1','exec':'7','data':'Zm9vYmFy','eof':false}");
    for (size_t i = 1; i < 3; i++)
        expect(nth(WRITE, i), "{'id':'c1','exec':'7','data':'Zm9vYmFy','offset':0,'eof':false}");
}
END_TEST

START_TEST(a_program_that_takes_no_input_is_no_failure)
{
    peer.input = "foobar";
    script.n_writes = 1;
    script.write_error = "io.czone.Container.NoInput";
    peer_run(&peer, "exec", "-i", "c1", "prog", NULL);
    ck_assert_str_eq(peer.err, "");
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, WRITE), 1);
}
END_TEST

START_TEST(another_refusal_of_input_is_told)
{
    peer.input = "foobar";
    script.n_writes = 2;
    script.write_error = "io.czone.Container.System";
    peer_run(&peer, "exec", "-i", "c1", "prog", NULL);
    complains(121, "no");
}
END_TEST

START_TEST(attach_begins_with_what_comes_and_exits_with_the_containers_status)
{
    script.members = ",'stdin':false,'tty':false";
    peer_run(&peer, "attach", "c1", NULL);
    ck_assert_str_eq(peer.out, "foo");
    ck_assert_int_eq(peer.status, 6);
    expect(nth(LOGS, 0), "{'id':'c1','tail':0}");
    expect(nth(WAIT, 0), "{'id':'c1'}");
    ck_assert_uint_eq(peer_count(&peer, WRITE), 0);
    ck_assert_uint_eq(peer_count(&peer, RESIZE), 0);
}
END_TEST

START_TEST(attach_tells_of_a_killed_keeper)
{
    script.end_of_container = ",'exit_signal':9,'keeper_lost':true";
    peer_run(&peer, "attach", "c1", NULL);
    complains(137, "somebody killed its keeper");
}
END_TEST

START_TEST(attach_can_begin_with_the_oldest_output_and_leave_input_alone)
{
    peer.input = "foobar";
    peer_run(&peer, "attach", "--from-start", "--no-stdin", "c1", NULL);
    ck_assert_int_eq(peer.status, 6);
    expect(nth(LOGS, 0), "{'id':'c1'}");
    ck_assert_uint_eq(peer_count(&peer, WRITE), 0);
}
END_TEST

START_TEST(attach_writes_behind_what_others_wrote)
{
    peer.input = "foo";
    script.n_writes = 1;
    peer_run(&peer, "attach", "c1", NULL);
    ck_assert_int_eq(peer.status, 6);
    expect(nth(WRITE, 0), "{'id':'c1','data':'Zm9v','eof':false}");
}
END_TEST

START_TEST(the_detach_keys_leave_the_program_alone)
{
    peer.terminal = true;
    script.members = ",'stdin':true,'tty':true";
    script.typed = "ab\x10\x11";
    script.n_writes = 9;
    peer_run(&peer, "attach", "c1", NULL);
    ck_assert_msg(strstr(peer.out, "detached: the program goes on") != NULL, "%s", peer.out);
    ck_assert_int_eq(peer.status, 120);
    ck_assert_uint_eq(peer_count(&peer, KILL), 0);
    expect(nth(RESIZE, 0), "{'id':'c1','columns':80,'rows':24}");
}
END_TEST

START_TEST(half_of_the_detach_keys_is_typed_text)
{
    peer.terminal = true;
    script.members = ",'stdin':true,'tty':true";
    script.typed = "\x10"
                   "a\x03";
    script.n_writes = 1;
    peer_run(&peer, "attach", "c1", NULL);
    ck_assert_int_eq(peer.status, 6);
    expect(nth(WRITE, 0), "{'id':'c1','data':'EGED','eof':false}");
}
END_TEST

START_TEST(a_signal_goes_to_the_session_and_a_second_one_detaches)
{
    script.signals[0] = SIGUSR1;
    script.signals[1] = SIGUSR1;
    script.signals[2] = SIGINT;
    script.signals[3] = SIGTERM;
    script.n_signals = 4;
    peer_run(&peer, "exec", "c1", "prog", NULL);
    complains(120, "detached");
    ck_assert_uint_eq(peer_count(&peer, KILL), 3);
    expect(nth(KILL, 0), "{'id':'c1','exec':'7','signal':'USR1'}");
    expect(nth(KILL, 1), "{'id':'c1','exec':'7','signal':'USR1'}");
    expect(nth(KILL, 2), "{'id':'c1','exec':'7','signal':'INT'}");
}
END_TEST

static char *const no_terminal[][10] = {
    { (char *)"run", (char *)"-i", (char *)"-t", (char *)"prog" },
    { (char *)"exec", (char *)"-i", (char *)"-t", (char *)"c1", (char *)"prog" },
};

START_TEST(a_terminal_that_nobody_can_type_at_is_refused_before_anything_happens)
{
    char *const *words = no_terminal[_i];

    peer.input = "";
    peer_run(&peer, words[0], words[1], words[2], words[3], words[4], NULL);
    complains(122, "standard input is none");
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/stdio");
    TCase *tcase = tcase_create("stdio");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, exec_shows_the_output_and_exits_with_the_sessions_status);
    tcase_add_test(tcase, exec_of_a_program_killed_by_a_signal_has_the_status_of_a_shell);
    tcase_add_test(tcase, exec_of_a_program_that_did_not_start_tells_why);
    tcase_add_loop_test(tcase, exec_waits_for_a_container_that_is_about_to_run, 0, 4);
    tcase_add_test(tcase, exec_whose_keeper_was_killed_is_told);
    tcase_add_test(tcase, exec_passes_its_options_on);
    tcase_add_test(tcase, exec_of_nothing_is_told);
    tcase_add_test(tcase, input_is_passed_on_and_its_end_too);
    tcase_add_test(tcase, a_write_whose_answer_was_lost_is_repeated_at_its_place);
    tcase_add_test(tcase, a_program_that_takes_no_input_is_no_failure);
    tcase_add_test(tcase, another_refusal_of_input_is_told);
    tcase_add_test(tcase, attach_begins_with_what_comes_and_exits_with_the_containers_status);
    tcase_add_test(tcase, attach_tells_of_a_killed_keeper);
    tcase_add_test(tcase, attach_can_begin_with_the_oldest_output_and_leave_input_alone);
    tcase_add_test(tcase, attach_writes_behind_what_others_wrote);
    tcase_add_test(tcase, the_detach_keys_leave_the_program_alone);
    tcase_add_test(tcase, half_of_the_detach_keys_is_typed_text);
    tcase_add_test(tcase, a_signal_goes_to_the_session_and_a_second_one_detaches);
    tcase_add_loop_test(tcase, a_terminal_that_nobody_can_type_at_is_refused_before_anything_happens, 0, 2);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
