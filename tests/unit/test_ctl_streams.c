/* SPDX-License-Identifier: Apache-2.0 */

/* Verbs that follow a stream, and those about the guest: logs, zones, verify, receipts, events, info. */

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/ctl/exit.h"
#include "ctl_verb.h"
#include "proto/cleanup.h"

START_TEST(logs_are_passed_on_byte_for_byte)
{
    answer = "{'offset':0,'data':'AP8bWzJKCg==','eof':true,'limit':1000}";
    peer_run(&peer, "logs", "a", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer.n_out, 7);
    ck_assert_mem_eq(peer.out, "\0\xff\033[2J\n", 7);
}
END_TEST

START_TEST(each_stream_goes_to_its_own)
{
    answer = "{'offset':0,'data':'Zm9vYmFyIQ==','pieces':[{'stream':1,'bytes':3,'time':1},"
             "{'stream':2,'bytes':3,'time':2},{'stream':1,'bytes':1,'time':3}],'eof':true,'limit':1000}";
    peer_run(&peer, "logs", "a", NULL);
    ck_assert_str_eq(peer.out, "foo!");
    ck_assert_str_eq(peer.err, "bar");
    ck_assert_int_eq(peer.status, 0);
}
END_TEST

static const char *const misfits[] = {
    "[]",
    "[{'stream':1,'bytes':2,'time':1}]",
    "[{'stream':1,'bytes':4,'time':1}]",
    "[{'stream':3,'bytes':3,'time':1}]",
    "[{'stream':1,'bytes':3,'time':1},{'stream':1,'bytes':0,'time':1}]",
    "[{'bytes':3}]",
    "[{'stream':1,'bytes':9223372036854775807,'time':1},{'stream':1,'bytes':4,'time':1}]",
    "[3]",
};

START_TEST(pieces_that_do_not_make_up_the_data_are_told_and_nothing_is_printed)
{
    char text[256];

    (void)snprintf(text, sizeof(text), "{'offset':0,'data':'Zm9v','pieces':%s,'eof':true,'limit':1000}",
                   misfits[_i]);
    answer = text;
    peer_run(&peer, "logs", "a", NULL);
    ck_assert_str_eq(peer.out, "");
    complains(EXIT_CONNECTION, "pieces");
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
    peer_run(&peer, "logs", "--since-offset", "4", "a", NULL);
    complains(EXIT_CONNECTION, "offset: goes back");
}
END_TEST

START_TEST(bytes_that_fell_out_of_the_log_are_told)
{
    answer = "{'offset':100,'data':'Zm9v','eof':true,'limit':64}";
    peer_run(&peer, "logs", "--since-offset", "90", "a", NULL);
    ck_assert_str_eq(peer.out, "foo");
    ck_assert_str_eq(
        peer.err, "czonectl logs: 10 bytes are missing here: the guest keeps the last 64, and none that no "
                  "disk took\n");
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
    Suite *suite = suite_create("ctl/streams");
    TCase *tcase = tcase_create("streams");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, logs_are_passed_on_byte_for_byte);
    tcase_add_test(tcase, each_stream_goes_to_its_own);
    tcase_add_loop_test(tcase, pieces_that_do_not_make_up_the_data_are_told_and_nothing_is_printed, 0,
                        (int)(sizeof(misfits) / sizeof(*misfits)));
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
