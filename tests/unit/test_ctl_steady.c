/* SPDX-License-Identifier: Apache-2.0 */

/* What somebody does at the terminal counts, whatever czoned or the reader of the output does meanwhile. */

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ctl_peer.h"
#include "proto/base64.h"

#define SPAWN  "io.czone.Container.Spawn"
#define WAIT   "io.czone.Container.Wait"
#define LOGS   "io.czone.Container.Logs"
#define KILL   "io.czone.Container.Kill"
#define WRITE  "io.czone.Container.Write"
#define RESIZE "io.czone.Container.Resize"

/* More than a pipe or a terminal holds that nobody reads. */
#define LONG_OUTPUT 32768

#define AWAY_MS 400

static struct peer peer;

/* How the script plays; set by each test. */
static struct {
    const char *away_after;         /* czoned restarts, once, when this method was answered */
    const char *held;               /* the first call of this method is answered when it is quiet */
    const char *ends_by;            /* the program ends after the last call of this method */
    size_t n_calls;                 /* which is this one */
    bool long_output;               /* the program has written */
    void (*quiet)(struct peer *me); /* what is done when it is quiet for the first time; after_quiet: again */
    void (*after_quiet)(struct peer *me);
} script;

static struct varlink_connection *waiting, *logging, *held;
static unsigned int n_quiet;

static void say_logs(struct varlink_connection *connection, json_int_t offset)
{
    static unsigned char bytes[LONG_OUTPUT];
    static char text[BASE64_LENGTH(LONG_OUTPUT)];
    size_t length = script.long_output && offset < LONG_OUTPUT ? LONG_OUTPUT : 0;

    memset(bytes, 'x', sizeof(bytes));
    base64_encode(bytes, length, text);
    ck_assert_int_eq(
        varlink_connection_reply_continue(
            connection, json_pack("{s:I, s:o, s:b, s:i}", "offset", offset, "data",
                                  json_stringn(text, BASE64_LENGTH(length)), "eof", 0, "limit", 100000)),
        0);
}

static void say_end(void)
{
    json_int_t end = script.long_output ? LONG_OUTPUT : 0;

    peer_reply(waiting, peer_container("c1", "exited", ",'exit_status':6"));
    ck_assert_int_eq(varlink_connection_reply(logging, json_pack("{s:I, s:s, s:b, s:i}", "offset", end,
                                                                 "data", "", "eof", 1, "limit", 100000)),
                     0);
    waiting = logging = NULL;
}

static void answer(struct peer *me, struct varlink_connection *connection, const char *method)
{
    json_t *parameters = me->parameters[me->n_calls - 1];
    json_int_t offset = json_integer_value(json_object_get(parameters, "offset"));

    if (!strcmp(method, SPAWN)) {
        peer_reply(connection, peer_container("c1", "running", ""));
    } else if (!strcmp(method, "io.czone.Container.Inspect")) {
        peer_reply(connection, peer_container("c1", "running", ",'stdin':true,'tty':true"));
    } else if (!strcmp(method, WRITE)) {
        ck_assert_int_eq(varlink_connection_reply(connection, json_pack("{s:I}", "offset", offset + 1)), 0);
    } else if (!strcmp(method, WAIT)) {
        waiting = connection;
    } else if (!strcmp(method, LOGS)) {
        say_logs(logging = connection, offset);
    } else {
        peer_reply(connection, "{}");
    }
}

static void play(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    const char *method = me->methods[me->n_calls - 1];

    (void)call;
    if (script.held && !strcmp(method, script.held)) {
        held = connection;
        script.held = NULL;
    } else {
        answer(me, connection, method);
    }
    if (script.away_after && !strcmp(method, script.away_after)) {
        script.away_after = NULL;
        waiting = logging = NULL;
        me->away_ms = AWAY_MS;
    }
    if (waiting && logging && script.ends_by && peer_count(me, script.ends_by) >= script.n_calls)
        say_end();
}

static void on_quiet(struct peer *me)
{
    /* Not before what is to be quiet has begun. */
    if (n_quiet == 0 && !me->away_ms && !(waiting && logging) && !held)
        return;
    if (n_quiet == 0 && script.quiet)
        script.quiet(me);
    if (n_quiet == 1 && script.after_quiet)
        script.after_quiet(me);
    n_quiet++;
}

static void setup(void)
{
    peer_open(&peer, play);
    peer.on_quiet = on_quiet;
}

static void teardown(void)
{
    peer_close(&peer);
}

static void expect(const char *method, const char *text)
{
    json_t *expected = peer_json(text), *last = peer_last(&peer, method);
    char *seen = last ? json_dumps(last, JSON_SORT_KEYS) : NULL;

    ck_assert_msg(last && json_equal(last, expected), "%s is not %s; %.200s%s", seen, text, peer.out,
                  peer.err);
    free(seen);
    json_decref(expected);
}

static void ends(int status)
{
    ck_assert_msg(peer.status == status, "%d is not %d; %.200s%s", peer.status, status, peer.out, peer.err);
}

static void type_key(struct peer *me)
{
    ck_assert_int_eq(write(me->keyboard, "b", 1), 1);
}

static void resize_to(struct peer *me, unsigned short columns)
{
    struct winsize size = { .ws_row = 30, .ws_col = columns };

    ck_assert_int_eq(ioctl(me->keyboard, TIOCSWINSZ, &size), 0);
    (void)kill(me->child, SIGWINCH);
}

static void resize(struct peer *me)
{
    resize_to(me, 100);
}

static void interrupt(struct peer *me)
{
    (void)kill(me->child, SIGINT);
}

static void terminate(struct peer *me)
{
    (void)kill(me->child, SIGTERM);
}

static void read_again(struct peer *me)
{
    me->ignore_output = false;
}

static void detach(struct peer *me)
{
    ck_assert_int_eq(write(me->keyboard, "\x10\x11", 2), 2);
}

START_TEST(a_key_typed_while_czoned_restarts_is_kept)
{
    peer.terminal = true;
    script.away_after = RESIZE;
    script.quiet = type_key;
    script.ends_by = WRITE;
    script.n_calls = 1;
    peer_run(&peer, "attach", "c1", NULL);
    expect(WRITE, "{'id':'c1','data':'Yg==','eof':false}");
    ends(6);
}
END_TEST

START_TEST(a_resize_while_czoned_restarts_is_kept)
{
    peer.terminal = true;
    script.away_after = RESIZE;
    script.quiet = resize;
    script.ends_by = RESIZE;
    script.n_calls = 2;
    peer_run(&peer, "attach", "c1", NULL);
    expect(RESIZE, "{'id':'c1','columns':100,'rows':30}");
    ends(6);
}
END_TEST

static void resize_twice(struct peer *me)
{
    resize_to(me, 90);
    resize_to(me, 100);
}

static void answer_held(struct peer *me)
{
    (void)me;
    peer_reply(held, "{}");
    held = NULL;
}

START_TEST(the_last_of_several_sizes_is_told)
{
    peer.terminal = true;
    script.held = RESIZE;
    script.quiet = resize_twice;
    script.after_quiet = answer_held;
    script.ends_by = RESIZE;
    script.n_calls = 2;
    peer_run(&peer, "attach", "c1", NULL);
    expect(RESIZE, "{'id':'c1','columns':100,'rows':30}");
    ck_assert_uint_eq(peer_count(&peer, RESIZE), 2);
    ends(6);
}
END_TEST

static void answer_spawn(struct peer *me)
{
    (void)me;
    peer_reply(held, peer_container("c1", "running", ""));
    held = NULL;
}

START_TEST(a_size_that_changes_while_the_container_begins_is_told)
{
    peer.terminal = true;
    script.held = SPAWN;
    script.quiet = resize;
    script.after_quiet = answer_spawn;
    script.ends_by = RESIZE;
    script.n_calls = 1;
    peer_run(&peer, "run", "-i", "-t", "prog", NULL);
    expect(RESIZE, "{'id':'c1','columns':100,'rows':30}");
    ends(6);
}
END_TEST

START_TEST(a_signal_while_czoned_restarts_is_passed_on)
{
    script.away_after = LOGS;
    script.quiet = terminate;
    script.ends_by = KILL;
    script.n_calls = 1;
    peer_run(&peer, "run", "prog", NULL);
    expect(KILL, "{'id':'c1','signal':'TERM'}");
    ck_assert_uint_eq(peer_count(&peer, KILL), 1);
    ends(6);
}
END_TEST

static char *const restarted[][6] = {
    { (char *)"run", (char *)"prog", NULL },
    { (char *)"attach", (char *)"--no-stdin", (char *)"c1", NULL },
};

START_TEST(a_restart_just_after_it_was_begun_is_not_seen)
{
    char *const *words = restarted[_i];

    script.away_after = _i ? "io.czone.Container.Inspect" : SPAWN;
    script.ends_by = WAIT;
    script.n_calls = 1;
    peer_run(&peer, words[0], words[1], words[2], NULL);
    ck_assert_str_eq(peer.err, "");
    ends(6);
}
END_TEST

START_TEST(signals_are_served_while_nobody_reads_the_output)
{
    peer.ignore_output = true;
    script.long_output = true;
    script.quiet = interrupt;
    script.after_quiet = terminate;
    peer_run(&peer, "run", "prog", NULL);
    expect(KILL, "{'id':'c1','signal':'INT'}");
    ends(120);
    ck_assert_ptr_nonnull(strstr(peer.err, "detached: container c1 goes on"));
}
END_TEST

START_TEST(output_that_nobody_read_for_a_while_arrives_whole)
{
    peer.ignore_output = true;
    script.long_output = true;
    script.quiet = interrupt;
    script.after_quiet = read_again;
    script.ends_by = KILL;
    script.n_calls = 1;
    peer_run(&peer, "run", "prog", NULL);
    ends(6);
    ck_assert_uint_eq(peer.n_out, LONG_OUTPUT);
    ck_assert_uint_eq(strspn(peer.out, "x"), LONG_OUTPUT);
}
END_TEST

START_TEST(what_is_said_at_a_raw_terminal_stands_on_lines_of_its_own)
{
    const char *said;

    peer.terminal = true;
    script.long_output = true;
    script.quiet = detach;
    peer_run(&peer, "attach", "c1", NULL);
    ends(120);
    said = strstr(peer.out, "x\r\nczonectl attach: detached");
    ck_assert_ptr_nonnull(said);
    ck_assert_str_eq(said + strlen(said) - 2, "\r\n");
}
END_TEST

START_TEST(the_detach_keys_are_served_while_the_terminal_shows_nothing)
{
    peer.terminal = true;
    peer.ignore_output = true;
    script.long_output = true;
    script.quiet = detach;
    peer_run(&peer, "attach", "c1", NULL);
    ends(120);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/steady");
    TCase *tcase = tcase_create("steady");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_key_typed_while_czoned_restarts_is_kept);
    tcase_add_test(tcase, a_resize_while_czoned_restarts_is_kept);
    tcase_add_test(tcase, the_last_of_several_sizes_is_told);
    tcase_add_test(tcase, a_size_that_changes_while_the_container_begins_is_told);
    tcase_add_test(tcase, a_signal_while_czoned_restarts_is_passed_on);
    tcase_add_loop_test(tcase, a_restart_just_after_it_was_begun_is_not_seen, 0, 2);
    tcase_add_test(tcase, signals_are_served_while_nobody_reads_the_output);
    tcase_add_test(tcase, output_that_nobody_read_for_a_while_arrives_whole);
    tcase_add_test(tcase, what_is_said_at_a_raw_terminal_stands_on_lines_of_its_own);
    tcase_add_test(tcase, the_detach_keys_are_served_while_the_terminal_shows_nothing);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
