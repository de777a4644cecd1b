/* SPDX-License-Identifier: Apache-2.0 */

/* What verbs print, and how they fail. */

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ctl/exit.h"
#include "ctl_peer.h"
#include "proto/cleanup.h"

static struct peer peer;
/* What the script answers; set by each test. */
static const char *answer, *error;

static void simple(struct peer *unused, struct varlink_connection *connection,
                   const struct varlink_call *call)
{
    (void)unused;
    (void)call;
    if (error)
        peer_error(connection, error, answer);
    else
        peer_reply(connection, answer);
}

static void setup(void)
{
    peer_open(&peer, simple);
    answer = "{}";
    error = NULL;
}

static void teardown(void)
{
    peer_close(&peer);
}

static void prints(int status, const char *expected)
{
    ck_assert_str_eq(peer.err, "");
    ck_assert_str_eq(peer.out, expected);
    ck_assert_int_eq(peer.status, status);
}

static void fails(int status, const char *expected)
{
    ck_assert_str_eq(peer.out, "");
    ck_assert_str_eq(peer.err, expected);
    ck_assert_int_eq(peer.status, status);
}

static void complains(int status, const char *words)
{
    ck_assert_msg(strstr(peer.err, words) != NULL, "'%s' is not in '%s'", words, peer.err);
    ck_assert_int_eq(peer.status, status);
}

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
    complains(120 + EXIT_USAGE, "usage: czonectl run");
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

START_TEST(logs_are_passed_on_byte_for_byte)
{
    answer = "{'offset':0,'data':'AP8bWzJKCg==','eof':true,'limit':1000}";
    peer_run(&peer, "logs", "a", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer.n_out, 7);
    ck_assert_mem_eq(peer.out, "\0\xff\033[2J\n", 7);
}
END_TEST

static void pages(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    json_int_t offset = json_integer_value(json_object_get(call->parameters, "offset"));

    (void)me;
    if (offset < 3)
        peer_reply(connection, "{'offset':0,'data':'Zm9v','eof':false,'limit':1000}");
    else if (offset < 6)
        peer_reply(connection, "{'offset':3,'data':'YmFy','eof':false,'limit':1000}");
    else
        peer_reply(connection, "{'offset':6,'data':'','eof':false,'limit':1000}");
}

START_TEST(logs_are_read_to_what_is_there_now)
{
    peer.script = pages;
    peer_run(&peer, "logs", "a", NULL);
    prints(0, "foobar");
    ck_assert_uint_eq(peer.n_calls, 3);
    peer_run(&peer, "logs", "--offset", "4", "a", NULL);
    complains(EXIT_CONNECTION, "offset: goes back");
}
END_TEST

START_TEST(bytes_that_fell_out_of_the_log_are_told)
{
    answer = "{'offset':100,'data':'Zm9v','eof':true,'limit':64}";
    peer_run(&peer, "logs", "--offset", "90", "a", NULL);
    ck_assert_str_eq(peer.out, "foo");
    ck_assert_str_eq(peer.err, "czonectl logs: 10 bytes are missing here: the guest keeps the last 64\n");
    ck_assert_int_eq(peer.status, 0);
}
END_TEST

static void breaks_twice(struct peer *me, struct varlink_connection *connection,
                         const struct varlink_call *call)
{
    json_int_t offset = json_integer_value(json_object_get(call->parameters, "offset"));

    if (offset >= 6) {
        peer_reply(connection, "{'offset':6,'data':'IQ==','eof':true,'limit':1000}");
        return;
    }
    peer_continue(connection, offset ? "{'offset':3,'data':'YmFy','eof':false,'limit':1000}"
                                     : "{'offset':0,'data':'Zm9v','eof':false,'limit':1000}");
    (void)varlink_connection_process(connection, 0);
    me->dropped = connection;
}

START_TEST(a_followed_log_goes_on_where_its_connection_broke)
{
    peer.script = breaks_twice;
    peer_run(&peer, "logs", "-f", "a", NULL);
    prints(0, "foobar!");
    ck_assert_uint_eq(peer.n_calls, 3);
}
END_TEST

#define LISTING                                                                                              \
    "{'zones':[{'name':'zone-2','state':'bound','container':'db','node':2,'tier':4,'provider':'dimm','"      \
    "start':8589934592,"                                                                                     \
    "'size':1073741824,'used':536870912},"                                                                   \
    "{'name':'zone-1','state':'bound','container':'web','node':1,'tier':-1,'provider':'virtio-mem','start':" \
    "4294967296,"                                                                                            \
    "'size':536870912,'used':0}],"                                                                           \
    "'nodes':[{'node':0,'role':'home','tier':4,'provider':'unknown','blocks':8}],"                           \
    "'block_size':134217728,'host_attached':true,'dangers':[]}"

START_TEST(zones_are_listed_by_address)
{
    answer = LISTING;
    peer_run(&peer, "zones", NULL);
    prints(0, "ZONE    CONTAINER  NODE  TIER          PROVIDER    RANGE                       SIZE     USED  "
              "STATE\n"
              "zone-1  web           1  -             virtio-mem  0x100000000-0x11fffffff  512 MiB      0 B  "
              "bound\n"
              "zone-2  db            2  memory_tier4  dimm        0x200000000-0x23fffffff    1 GiB  512 MiB  "
              "bound\n");
    ck_assert_ptr_null(json_object_get(peer_last(&peer, "io.czone.Zone.List"), "blocks"));
}
END_TEST

START_TEST(zones_tell_what_endangers_exclusivity)
{
    answer = "{'zones':[],'nodes':[],'block_size':134217728,'host_attached':false,"
             "'dangers':[{'id':'ksm','message':'KSM merges pages across zones'}]}";
    peer_run(&peer, "zones", NULL);
    ck_assert_ptr_nonnull(strstr(peer.out, "danger: KSM merges pages across zones\nno host attached: "));
}
END_TEST

START_TEST(the_map_asks_for_blocks_and_fills_a_terminal)
{
    answer = "{'zones':[],'nodes':[{'node':0,'role':'home','tier':4,'provider':'unknown','blocks':1}],"
             "'blocks':[{'block':0,'node':0,'state':'kernel'}],'block_size':134217728,'host_attached':true,'"
             "dangers':[]}";
    peer_run(&peer, "zones", "--map", NULL);
    prints(0, "Guest-physical memory, 1 block of 128 MiB\n"
              "node 0  home  0x0  █\n"
              "\n"
              "█ kernel, stays\n");
    ck_assert(json_is_true(json_object_get(peer_last(&peer, "io.czone.Zone.List"), "blocks")));
    peer.terminal = true;
    peer_run(&peer, "zones", "--map", NULL);
    ck_assert_ptr_nonnull(strstr(peer.out, "\033[2m█\033[0m"));
    peer_run(&peer, "zones", "--map", "--color", "never", NULL);
    ck_assert_ptr_null(strchr(peer.out, '\033'));
}
END_TEST

static bool exclusive;

static void verifies(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    const char *zone = json_string_value(json_object_get(call->parameters, "zone"));
    char text[1024];

    (void)me;
    if (!strcmp(call->method, "io.czone.Zone.List")) {
        peer_reply(connection, LISTING);
        return;
    }
    if (strcmp(zone, "zone-1") != 0 && strcmp(zone, "zone-2") != 0) {
        peer_error(connection, "io.czone.Zone.NoSuchZone", "{'zone':'x','message':'no zone x'}");
        return;
    }
    (void)snprintf(
        text, sizeof(text),
        "{'verification':{'zone':'%s','node':1,'user_on_zone':1048576,'user_on_home':4096,'user_elsewhere':0,"
        "'kernel_on_zone':0,'node_total':536870912,'node_used':1052672,'node_percpu':0,'foreign':4096,'slack'"
        ":8192,"
        "'exclusive':%s}}",
        zone, exclusive || !strcmp(zone, "zone-1") ? "true" : "false");
    peer_reply(connection, text);
}

START_TEST(verify_proves_every_zone_and_its_status_tells)
{
    peer.script = verifies;
    exclusive = true;
    peer_run(&peer, "verify", NULL);
    prints(0, "ZONE    CONTAINER  NODE  ON ZONE  ON HOME  ELSEWHERE  NODE USED  FOREIGN  SLACK  EXCLUSIVE\n"
              "zone-1  web           1    1 MiB    4 KiB        0 B      1 MiB    4 KiB  8 KiB  yes\n"
              "zone-2  db            1    1 MiB    4 KiB        0 B      1 MiB    4 KiB  8 KiB  yes\n");
    exclusive = false;
    peer_run(&peer, "verify", "--all", NULL);
    complains(EXIT_NOT_EXCLUSIVE, "czonectl verify: 1 of 2 zones not exclusive\n");
    ck_assert_ptr_nonnull(strstr(peer.out, "8 KiB  NO\n"));
}
END_TEST

START_TEST(verify_takes_containers_and_zones)
{
    peer.script = verifies;
    exclusive = false;
    peer_run(&peer, "verify", "web", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_str_eq(json_string_value(json_object_get(peer_last(&peer, "io.czone.Zone.Verify"), "zone")),
                     "zone-1");
    peer_run(&peer, "verify", "zone-2", NULL);
    ck_assert_int_eq(peer.status, EXIT_NOT_EXCLUSIVE);
    peer_run(&peer, "verify", "x", NULL);
    complains(EXIT_NOT_FOUND, "no zone x");
}
END_TEST

START_TEST(verify_of_nothing_says_so)
{
    answer = "{'zones':[],'nodes':[],'block_size':134217728,'host_attached':true,'dangers':[]}";
    peer_run(&peer, "verify", NULL);
    fails(EXIT_OK, "czonectl verify: no zone has a container: there is nothing to compare\n");
}
END_TEST

#define RECEIPT(number, more)                                                                                \
    "{'sequence':" #number                                                                                   \
    ",'container':'web','zone':'zone-1','node':1,'start':4294967296,'size':536870912,"                       \
    "'outcome':'returned','host_bytes':536870912,'host_device':'virtio-mem','exit_time':"                    \
    "1700000000000000000,"                                                                                   \
    "'emptied_ns':2000000,'offline_ns':98000000,'confirmed_ns':121000000,'migrated_pages':0,'leftovers':["   \
    "]" more "}"

START_TEST(receipts_are_accounts_to_the_byte_and_microsecond)
{
    answer = "{'receipts':[" RECEIPT(7, "") "],'limit':1000}";
    peer_run(&peer, "receipts", "--after", "6", "--container", "web", NULL);
    prints(0, "NO  CONTAINER  ZONE    NODE  RANGE                       SIZE  OUTCOME   HOST TOOK  DEVICE    "
              "  EMPTIED  OFFLINE"
              "  CONFIRMED  LEFTOVER  NOTE\n"
              " 7  web        zone-1     1  0x100000000-0x11fffffff  512 MiB  returned    512 MiB  "
              "virtio-mem   2.0 ms  98.0 ms"
              "   121.0 ms       0 B  -\n");
    ck_assert_int_eq(json_integer_value(json_object_get(peer.parameters[0], "after")), 6);
    ck_assert_str_eq(json_string_value(json_object_get(peer.parameters[0], "container")), "web");
}
END_TEST

static void receipts_that_break(struct peer *me, struct varlink_connection *connection,
                                const struct varlink_call *call)
{
    (void)call;
    if (me->n_calls == 1) {
        peer_continue(connection, "{'receipts':[" RECEIPT(1, "") "," RECEIPT(2, "") "],'limit':1000}");
        (void)varlink_connection_process(connection, 0);
        me->dropped = connection;
        return;
    }
    peer_reply(connection, "{'receipts':[" RECEIPT(3, ",'message':'a\\nb'") "],'limit':1000}");
}

START_TEST(followed_receipts_go_on_after_the_last_one_seen)
{
    peer.script = receipts_that_break;
    peer_run(&peer, "receipts", "-f", NULL);
    prints(0, "2023-11-14 22:13:20.000 +0000     1  web              node 1    512 MiB  returned, offline "
              "after 98.0 ms,"
              " 512 MiB taken by the host (virtio-mem) after 121.0 ms\n"
              "2023-11-14 22:13:20.000 +0000     2  web              node 1    512 MiB  returned, offline "
              "after 98.0 ms,"
              " 512 MiB taken by the host (virtio-mem) after 121.0 ms\n"
              "2023-11-14 22:13:20.000 +0000     3  web              node 1    512 MiB  returned, offline "
              "after 98.0 ms,"
              " 512 MiB taken by the host (virtio-mem) after 121.0 ms: a\\nb\n");
    ck_assert_int_eq(json_integer_value(json_object_get(peer.parameters[1], "after")), 2);
}
END_TEST

static void events(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    (void)me;
    (void)call;
    peer_continue(connection, "{}");
    peer_continue(
        connection,
        "{'event':{'sequence':5,'time':1700000000000000000,'event':'zone-plugged','zone':'zone-1','node':1,"
        "'bytes':536870912}}");
    peer_continue(connection, "{'event':{'sequence':8,'time':1700000000000000000,'event':'container-started',"
                              "'container':'web','message':'\\u001b[0m'}}");
}

START_TEST(events_are_shown_as_they_come_and_gaps_are_counted)
{
    peer.script = events;
    peer_run(&peer, "events", "-n", "2", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_str_eq(peer.out,
                     "2023-11-14 22:13:20.000 +0000  zone-plugged        zone zone-1  node 1  512 MiB\n"
                     "2023-11-14 22:13:20.000 +0000  container-started   web  \\x1b[0m\n");
    ck_assert_str_eq(
        peer.err, "czonectl events: 2 events are missing here: this reader was too slow, or not connected\n");
}
END_TEST

START_TEST(events_can_be_of_one_container)
{
    peer.script = events;
    peer_run(&peer, "events", "-n", "1", "--json", "-c", "web", NULL);
    ck_assert_str_eq(peer.out, "{\"sequence\":8,\"time\":1700000000000000000,\"event\":\"container-started\","
                               "\"container\":\"web\",\"message\":\"\\u001B[0m\"}\n");
}
END_TEST

static void informs(struct peer *me, struct varlink_connection *connection, const struct varlink_call *call)
{
    (void)me;
    if (strcmp(call->method, "org.varlink.service.GetInfo") != 0)
        peer_reply(connection, LISTING);
    else
        peer_reply(
            connection,
            "{'vendor':'CZone','product':'czoned','version':'0.1.0','url':'u','interfaces':['a.b','c.d']}");
}

START_TEST(info_says_who_answers)
{
    peer.script = informs;
    peer_run(&peer, "info", NULL);
    ck_assert_ptr_nonnull(strstr(peer.out, "Product     czoned\nVersion     0.1.0\n"));
    ck_assert_ptr_nonnull(strstr(
        peer.out,
        "Interfaces  a.b\n            c.d\nBlock size  128 MiB\nZones       2\nHost        attached\n"));
    ck_assert_ptr_nonnull(strstr(peer.out, "NODE  ROLE  TIER          PROVIDER  BLOCKS  MEMORY\n"
                                           "   0  home  memory_tier4  unknown        8   1 GiB\n"));
    peer_run(&peer, "info", "-j", NULL);
    ck_assert_ptr_nonnull(strstr(peer.out, "\"product\":\"czoned\""));
    ck_assert_ptr_nonnull(strstr(peer.out, "\"block_size\":134217728"));
}
END_TEST

START_TEST(a_retry_waits_for_a_guest_that_boots)
{
    char path[128], later[160];
    pid_t mover;

    (void)snprintf(path, sizeof(path), "%s/socket", peer.directory);
    (void)snprintf(later, sizeof(later), "%s.later", path);
    ck_assert_int_eq(rename(path, later), 0);
    mover = fork();
    if (mover == 0) {
        (void)usleep(400000);
        _exit(rename(later, path) != 0);
    }
    answer = "{'containers':[]}";
    peer_run(&peer, "--retry", "10", "ps", "-q", NULL);
    prints(0, "");
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
    tcase_add_test(tcase, logs_are_passed_on_byte_for_byte);
    tcase_add_test(tcase, logs_are_read_to_what_is_there_now);
    tcase_add_test(tcase, bytes_that_fell_out_of_the_log_are_told);
    tcase_add_test(tcase, a_followed_log_goes_on_where_its_connection_broke);
    tcase_add_test(tcase, zones_are_listed_by_address);
    tcase_add_test(tcase, zones_tell_what_endangers_exclusivity);
    tcase_add_test(tcase, the_map_asks_for_blocks_and_fills_a_terminal);
    tcase_add_test(tcase, verify_proves_every_zone_and_its_status_tells);
    tcase_add_test(tcase, verify_takes_containers_and_zones);
    tcase_add_test(tcase, verify_of_nothing_says_so);
    tcase_add_test(tcase, receipts_are_accounts_to_the_byte_and_microsecond);
    tcase_add_test(tcase, followed_receipts_go_on_after_the_last_one_seen);
    tcase_add_test(tcase, events_are_shown_as_they_come_and_gaps_are_counted);
    tcase_add_test(tcase, events_can_be_of_one_container);
    tcase_add_test(tcase, info_says_who_answers);
    tcase_add_test(tcase, a_retry_waits_for_a_guest_that_boots);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
