/* SPDX-License-Identifier: Apache-2.0 */

/* What verbs about containers print, and how verbs fail. */

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ctl/exit.h"
#include "ctl_verb.h"
#include "proto/cleanup.h"

#define WEB                                                                                                  \
    "{'id':'web','state':'running','args':['/bin/sh','-c','echo a; sleep "                                   \
    "5'],'pid':812,'memory':536870912,'tier':'any',"                                                         \
    "'zone':'zone-1','zone_state':'bound','node':1,'range_start':4294967296,'range_size':536870912,"         \
    "'created':1700000000000000000,'started':1700000001000000000,'oom_killed':false}"
#define JOB                                                                                                  \
    "{'id':'job','state':'done','args':['job'],'pid':0,'memory':134217728,'tier':'fast','zone_state':'"      \
    "returned',"                                                                                             \
    "'created':1700000000000000000,'started':1700000001000000000,'exited':1700000002000000000,'exit_signal'" \
    ":9,"                                                                                                    \
    "'oom_killed':true}"

START_TEST(ps_prints_a_table)
{
    answer = "{'containers':[" WEB "," JOB "]}";
    peer_run(&peer, "ps", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_ptr_nonnull(
        strstr(peer.out, "CONTAINER  STATE               MEMORY  ZONE    NODE  ZONE STATE  AGE"));
    ck_assert_ptr_nonnull(strstr(peer.out, "web        running            512 MiB  zone-1     1  bound "));
    ck_assert_ptr_nonnull(strstr(peer.out, "  /bin/sh -c 'echo a; sleep 5'\n"));
    ck_assert_ptr_nonnull(strstr(peer.out, "job        done, killed KILL  128 MiB  -          -  returned "));
}
END_TEST

START_TEST(ps_can_print_ids_only)
{
    answer = "{'containers':[" WEB "," JOB "]}";
    peer_run(&peer, "ps", "-q", NULL);
    prints(0, "web\njob\n");
}
END_TEST

START_TEST(json_is_an_object_a_line_as_it_came_with_what_we_do_not_know)
{
    answer = "{'containers':[{'id':'a','state':'done','args':['x\\u001b[2J'],'pid':0,'memory':1,'tier':'any',"
             "'zone_state':'',"
             "'created':0,'oom_killed':false,'novel':7}]}";
    peer_run(&peer, "ps", "--json", NULL);
    prints(
        0,
        "{\"id\":\"a\",\"state\":\"done\",\"args\":[\"x\\u001B[2J\"],\"pid\":0,\"memory\":1,\"tier\":\"any\","
        "\"zone_state\":\"\",\"created\":0,\"oom_killed\":false,\"novel\":7}\n");
}
END_TEST

START_TEST(inspect_shows_all_for_people)
{
    answer = "{'container':" WEB "}";
    peer_run(&peer, "inspect", "web", NULL);
    prints(0, "Container  web\n"
              "State      running\n"
              "Command    /bin/sh -c 'echo a; sleep 5'\n"
              "Pid        812\n"
              "Memory     512 MiB, tier any\n"
              "Zone       zone-1, bound\n"
              "Node       1\n"
              "Range      0x100000000-0x11fffffff\n"
              "Created    2023-11-14 22:13:20.000 +0000\n"
              "Started    2023-11-14 22:13:21.000 +0000\n");
}
END_TEST

START_TEST(inspect_says_how_it_ended)
{
    answer = "{'container':" JOB "}";
    peer_run(&peer, "inspect", "job", NULL);
    ck_assert_ptr_nonnull(strstr(peer.out, "Outcome    killed by signal 9 (Killed)\n"));
    ck_assert_ptr_nonnull(strstr(peer.out, "OOM        the kernel killed a process of it"));
}
END_TEST

START_TEST(wait_prints_the_status_a_shell_would_give)
{
    answer = "{'container':" JOB "}";
    peer_run(&peer, "wait", "job", NULL);
    prints(0, "137\n");
    ck_assert_str_eq(json_string_value(json_object_get(peer_last(&peer, "io.czone.Container.Wait"), "until")),
                     "exited");
}
END_TEST

START_TEST(wait_can_wait_for_the_memory_and_give_up)
{
    error = "io.czone.Container.Timeout";
    answer = "{'id':'job','message':'job has not ended within 5 s'}";
    peer_run(&peer, "wait", "--returned", "--timeout", "5", "job", NULL);
    fails(EXIT_TIMED_OUT, "czonectl wait: job has not ended within 5 s\n");
    ck_assert_str_eq(json_string_value(json_object_get(peer_last(&peer, "io.czone.Container.Wait"), "until")),
                     "returned");
    ck_assert_int_gt(
        json_integer_value(json_object_get(peer_last(&peer, "io.czone.Container.Wait"), "timeout_ms")), 4000);
}
END_TEST

START_TEST(wait_tells_why_a_container_never_ran)
{
    answer = "{'container':{'id':'x','state':'failed','args':['nope'],'pid':0,'memory':1,'tier':'any','zone_"
             "state':'',"
             "'created':0,'oom_killed':false,'failure':{'id':'io.czone.Container.NoSuchProgram','message':'"
             "nope: not found'}}}";
    peer_run(&peer, "wait", "x", NULL);
    ck_assert_str_eq(peer.out, "");
    complains(EXIT_NO_PROGRAM, "czonectl wait: nope: not found\n");
}
END_TEST

START_TEST(kill_and_rm_pass_on_what_was_asked)
{
    peer_run(&peer, "kill", "-s", "TERM", "a", "b", NULL);
    prints(0, "");
    ck_assert_uint_eq(peer_count(&peer, "io.czone.Container.Kill"), 2);
    ck_assert_str_eq(json_string_value(json_object_get(peer.parameters[0], "id")), "a");
    ck_assert_str_eq(json_string_value(json_object_get(peer.parameters[1], "signal")), "TERM");
    peer_run(&peer, "rm", "-f", "a", NULL);
    prints(0, "");
    ck_assert(json_is_true(json_object_get(peer_last(&peer, "io.czone.Container.Remove"), "force")));
    peer_run(&peer, "kill", "a", NULL);
    ck_assert_ptr_null(json_object_get(peer_last(&peer, "io.czone.Container.Kill"), "signal"));
}
END_TEST

START_TEST(rm_of_one_that_runs_says_what_would_end_it)
{
    error = "io.czone.Container.WrongState";
    answer = "{'id':'a','state':'running','message':'a is running'}";
    peer_run(&peer, "rm", "a", NULL);
    complains(4, "a is running\n  hint: `czonectl rm --force` ends it first, and waits for its memory\n");
}
END_TEST

START_TEST(a_bundle_that_is_not_there_is_told_apart_from_one_that_is_wrong)
{
    error = "io.czone.Container.BadBundle";
    answer = "{'bundle':'/b','member':'config.json','message':'cannot be read'}";
    peer_run(&peer, "run", "-b", "/b", NULL);
    complains(126, "--bundle is a directory in the guest");
    answer = "{'bundle':'/b','member':'linux.seccomp','message':'is not supported'}";
    peer_run(&peer, "run", "-b", "/b", NULL);
    complains(126, "change that member");
}
END_TEST

START_TEST(one_bad_id_does_not_hide_the_others_but_is_in_the_status)
{
    error = "io.czone.Container.NoSuchContainer";
    answer = "{'id':'a','message':'no container a'}";
    peer_run(&peer, "kill", "a", "b", NULL);
    complains(EXIT_NOT_FOUND, "czonectl kill: no container a\n  hint: `czonectl ps` lists the containers\n");
    ck_assert_uint_eq(peer.n_calls, 2);
}
END_TEST

/* One error reply each: id, code. */
static const struct {
    const char *id;
    int code;
} errors[] = {
    { "io.czone.Container.NoSuchContainer", EXIT_NOT_FOUND },
    { "io.czone.Container.WrongState", EXIT_REFUSED },
    { "io.czone.Container.System", EXIT_FAILED },
    { "org.varlink.service.PermissionDenied", EXIT_REFUSED },
    { "org.varlink.service.InvalidParameter", EXIT_USAGE },
    { "org.varlink.service.MethodNotFound", EXIT_CONNECTION },
    { "com.example.Novel", EXIT_FAILED },
};

START_TEST(every_error_has_its_exit_status)
{
    error = errors[_i].id;
    answer = "{'message':'because'}";
    peer_run(&peer, "kill", "a", NULL);
    complains(errors[_i].code, "czonectl kill: because\n");
}
END_TEST

START_TEST(an_error_without_a_sentence_is_told_by_its_id)
{
    error = "com.example.Novel";
    peer_run(&peer, "kill", "a", NULL);
    fails(EXIT_FAILED, "czonectl kill: the guest answered com.example.Novel\n");
}
END_TEST

START_TEST(an_argument_the_guest_does_not_accept_is_named)
{
    error = "org.varlink.service.InvalidParameter";
    answer = "{'parameter':'signal','message':'no such signal'}";
    peer_run(&peer, "kill", "-s", "FOO", "a", NULL);
    fails(EXIT_USAGE, "czonectl kill: the guest does not accept 'signal': no such signal\n");
}
END_TEST

START_TEST(what_a_guest_says_cannot_move_the_cursor)
{
    error = "io.czone.Container.System";
    answer = "{'message':'\\u001b[1A\\u001b]0;pwned\\u0007'}";
    peer_run(&peer, "kill", "a", NULL);
    fails(EXIT_FAILED, "czonectl kill: \\x1b[1A\\x1b]0;pwned\\x07\n");
}
END_TEST

START_TEST(an_answer_that_makes_no_sense_is_a_broken_protocol)
{
    answer = "{'containers':[{'id':'a "
             "b','state':'done','args':[],'pid':0,'memory':1,'tier':'','zone_state':'','created':0,"
             "'oom_killed':false}]}";
    peer_run(&peer, "ps", "-q", NULL);
    ck_assert_str_eq(peer.out, "");
    complains(EXIT_CONNECTION, "makes no sense: id: is no container's id\n");
    answer = "{'containers':[{'id':'a','state':7}]}";
    peer_run(&peer, "ps", NULL);
    complains(EXIT_CONNECTION, "io.czone.Container.List makes no sense: state");
    answer = "{}";
    peer_run(&peer, "ps", NULL);
    complains(EXIT_CONNECTION, "containers: is no array");
}
END_TEST

static void hang_up(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    (void)call;
    me->dropped = connection;
}

START_TEST(a_connection_that_breaks_is_told)
{
    peer.script = hang_up;
    peer_run(&peer, "ps", NULL);
    ck_assert_str_eq(peer.out, "");
    complains(EXIT_CONNECTION, "broke");
}
END_TEST

START_TEST(nobody_there_is_told_with_what_to_do)
{
    char *words[] = { (char *)"czonectl", (char *)"--vm", (char *)"unix:/nowhere/at/all", (char *)"ps",
                      NULL };

    peer_run_words(&peer, words);
    complains(EXIT_CONNECTION, "hint: does the VM run");
    (void)setenv("CZONE_ADDRESS", "unix:/nowhere/at/all", 1);
    words[1] = (char *)"ps";
    words[2] = NULL;
    peer_run_words(&peer, words);
    complains(EXIT_CONNECTION, "hint: does the VM run");
    (void)unsetenv("CZONE_ADDRESS");
}
END_TEST

START_TEST(usage_errors_say_what_was_expected)
{
    peer_run(&peer, "frobnicate", NULL);
    fails(EXIT_USAGE,
          "czonectl: there is no verb 'frobnicate'\n  hint: `czonectl help` lists verbs and options\n");
    peer_run(&peer, "inspect", NULL);
    complains(EXIT_USAGE, "usage: czonectl inspect ID...");
    peer_run(&peer, "ps", "extra", NULL);
    complains(EXIT_USAGE, "takes no argument");
    peer_run(&peer, "kill", "--json", "a", NULL);
    complains(EXIT_USAGE, "--json");
    peer_run(&peer, "--color", "pink", "ps", NULL);
    complains(EXIT_USAGE, "--color takes auto, always or never, not 'pink'");
    peer_run(&peer, "ps", "--vm", "tcp:1", NULL);
    complains(EXIT_USAGE, "--vm");
    peer_run(&peer, "inspect", "\xff", NULL);
    complains(EXIT_USAGE, "'\\xff' is not UTF-8");
    peer_run(&peer, "verify", "--all", "x", NULL);
    complains(EXIT_USAGE, "--all takes no ID");
    peer_run(&peer, "run", "--json", "true", NULL);
    complains(120 + EXIT_USAGE, "--json needs --detach");
    peer_run(&peer, "run", "--rm", "-d", "true", NULL);
    complains(120 + EXIT_USAGE, "--detach");
    peer_run(&peer, "run", NULL);
    complains(120 + EXIT_USAGE, "needs a PROGRAM, or --bundle");
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/verbs");
    TCase *tcase = tcase_create("verbs");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, rm_of_one_that_runs_says_what_would_end_it);
    tcase_add_test(tcase, a_bundle_that_is_not_there_is_told_apart_from_one_that_is_wrong);
    tcase_add_test(tcase, ps_prints_a_table);
    tcase_add_test(tcase, ps_can_print_ids_only);
    tcase_add_test(tcase, json_is_an_object_a_line_as_it_came_with_what_we_do_not_know);
    tcase_add_test(tcase, inspect_shows_all_for_people);
    tcase_add_test(tcase, inspect_says_how_it_ended);
    tcase_add_test(tcase, wait_prints_the_status_a_shell_would_give);
    tcase_add_test(tcase, wait_can_wait_for_the_memory_and_give_up);
    tcase_add_test(tcase, wait_tells_why_a_container_never_ran);
    tcase_add_test(tcase, kill_and_rm_pass_on_what_was_asked);
    tcase_add_test(tcase, one_bad_id_does_not_hide_the_others_but_is_in_the_status);
    tcase_add_loop_test(tcase, every_error_has_its_exit_status, 0, (int)(sizeof(errors) / sizeof(*errors)));
    tcase_add_test(tcase, an_error_without_a_sentence_is_told_by_its_id);
    tcase_add_test(tcase, an_argument_the_guest_does_not_accept_is_named);
    tcase_add_test(tcase, what_a_guest_says_cannot_move_the_cursor);
    tcase_add_test(tcase, an_answer_that_makes_no_sense_is_a_broken_protocol);
    tcase_add_test(tcase, a_connection_that_breaks_is_told);
    tcase_add_test(tcase, nobody_there_is_told_with_what_to_do);
    tcase_add_test(tcase, usage_errors_say_what_was_expected);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
