/* SPDX-License-Identifier: Apache-2.0 */

/* stop, update and stats: what they ask for and what they print. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "agent/ctl/exit.h"
#include "agent/ctl/usage.h"
#include "ctl_verb.h"
#include "proto/cleanup.h"

#define SOME(avg10) "{'some':{'avg10':" avg10 ",'avg60':0,'avg300':0,'total':5}}"
#define USAGE(id, time, cpu)                                                                                 \
    "{'id':'" id "','time':" time ",'node':1,'limits':{'memory':251658240,'pids':64},"                       \
    "'cpu':{'usage':" cpu ",'user':1,'system':1,'periods':12,'throttled':3,'throttled_time':180000000,"      \
    "'pressure':" SOME(                                                                                      \
        "1234") "},"                                                                                         \
                "'memory':{'current':104857600,'limit_hits':0,'oom_kills':0,'nodes':[],'pressure':" SOME(    \
                    "0") "},"                                                                                \
                         "'pids':{'current':3,'limit_hits':0},"                                              \
                         "'io':{'devices':[{'device':'254:0','read_bytes':1048576,'written_bytes':0,'reads'" \
                         ":1,'writes':0},"                                                                   \
                         "{'device':'8:0','read_bytes':1048576,'written_bytes':4096,'reads':1,'writes':1}]}" \
                         "}"
/* What a kernel without cpu and io controllers and without PSI tells. */
#define BARE                                                                                                 \
    "{'id':'bare','time':1,'node':1,'limits':{},'cpu':{'usage':5000000,'user':1,'system':1},"                \
    "'memory':{'current':4096,'limit_hits':0,'oom_kills':0},'pids':{'current':1,'limit_hits':0}}"

static json_int_t sent(const char *method, const char *name)
{
    json_t *value = json_object_get(peer_last(&peer, method), name);

    return json_is_integer(value) ? json_integer_value(value) : -1;
}

START_TEST(stop_asks_first_and_waits_for_the_end)
{
    answer = peer_container("web", "exited", ",'exit_status':0");
    peer_run(&peer, "stop", "web", NULL);
    prints(0, "");
    ck_assert_str_eq(
        json_string_value(json_object_get(peer_last(&peer, "io.czone.Container.Stop"), "signal")), "TERM");
    ck_assert_int_gt(sent("io.czone.Container.Stop", "grace_ms"), 9000);
    ck_assert_int_le(sent("io.czone.Container.Stop", "grace_ms"), 10000);
}
END_TEST

START_TEST(stop_takes_a_signal_and_a_time_and_several_containers)
{
    answer = peer_container("web", "exited", ",'exit_signal':9");
    peer_run(&peer, "stop", "-t", "0", "-s", "INT", "a", "b", "--json", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_uint_eq(peer_count(&peer, "io.czone.Container.Stop"), 2);
    ck_assert_int_eq(sent("io.czone.Container.Stop", "grace_ms"), 0);
    ck_assert_str_eq(
        json_string_value(json_object_get(peer_last(&peer, "io.czone.Container.Stop"), "signal")), "INT");
    ck_assert_ptr_nonnull(strstr(peer.out, "\"exit_signal\":9"));
}
END_TEST

START_TEST(stop_goes_on_with_the_others_when_one_is_not_there)
{
    error = "io.czone.Container.NoSuchContainer";
    answer = "{'id':'a','message':'there is no container a'}";
    peer_run(&peer, "stop", "a", "b", NULL);
    ck_assert_uint_eq(peer_count(&peer, "io.czone.Container.Stop"), 2);
    ck_assert_int_eq(peer.status, EXIT_NOT_FOUND);
}
END_TEST

START_TEST(update_sends_what_is_given_and_prints_what_is_in_force)
{
    answer = "{'limits':{'memory':209715200,'pids':10,'cpu_weight':500,'cpu_quota':1500}}";
    peer_run(&peer, "update", "--memory", "200M", "--pids", "10", "--cpu-weight", "500", "--cpus", "1.5",
             "web", NULL);
    prints(0, "Memory      200 MiB\nPids        10\nCPU weight  500\nCPUs        1.500\n");
    ck_assert_int_eq(sent("io.czone.Container.Update", "memory"), 209715200);
    ck_assert_int_eq(sent("io.czone.Container.Update", "pids"), 10);
    ck_assert_int_eq(sent("io.czone.Container.Update", "cpu_weight"), 500);
    ck_assert_int_eq(sent("io.czone.Container.Update", "cpu_quota"), 1500);
}
END_TEST

START_TEST(update_without_options_only_asks)
{
    answer = "{'limits':{'memory':209715200,'cpu_weight':100}}";
    peer_run(&peer, "update", "web", NULL);
    prints(0, "Memory      200 MiB\nPids        no limit\nCPU weight  100\nCPUs        no limit\n");
    ck_assert_uint_eq(json_object_size(peer_last(&peer, "io.czone.Container.Update")), 1);
}
END_TEST

static const struct {
    const char *text;
    int quota;
} cpus[] = { { "0", 0 },       { "2", 2000 },    { "0.01", 10 },
             { "1.25", 1250 }, { "0.125", 125 }, { "8192", 8192000 } };

START_TEST(cpus_become_thousandths)
{
    answer = "{'limits':{}}";
    peer_run(&peer, "update", "--cpus", cpus[_i].text, "web", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_int_eq(sent("io.czone.Container.Update", "cpu_quota"), cpus[_i].quota);
}
END_TEST

static const char *const no_cpus[] = {
    "", "-1", "1.", ".5", "1.2345", "1,5", "two", "8192.001", "99999999999999999999", "1.5x"
};

START_TEST(what_is_no_number_of_cpus_is_not_sent)
{
    peer_run(&peer, "update", "--cpus", no_cpus[_i], "web", NULL);
    complains(EXIT_USAGE, "--cpus");
    ck_assert_uint_eq(peer.n_calls, 0);
}
END_TEST

START_TEST(a_refused_limit_is_told_with_what_to_do)
{
    error = "io.czone.Container.LimitRefused";
    answer = "{'field':'memory','limit':251658240,'message':'too much'}";
    peer_run(&peer, "update", "-m", "1G", "web", NULL);
    complains(EXIT_REFUSED, "too much");
    complains(EXIT_REFUSED, "czonectl stats");
}
END_TEST

START_TEST(stats_prints_one_table_when_nobody_looks)
{
    answer = "{'stats':[" USAGE("web", "1000000000", "1839275000") "," BARE "]}";
    peer_run(&peer, "stats", NULL);
    prints(
        0,
        "CONTAINER  CPU%   MEMORY    LIMIT  PIDS  CPU TIME  WAITS CPU/MEM/IO  THROTTLED   READ  WRITTEN\n"
        "web           -  100 MiB  240 MiB     3    1.84 s           12/0/-%   180.0 ms  2 MiB    4 KiB\n"
        "bare          -    4 KiB        -     1    5.0 ms                 -          -      -        -\n");
    ck_assert_uint_eq(peer_count(&peer, "io.czone.Container.Stats"), 1);
}
END_TEST

START_TEST(stats_in_json_are_the_objects_as_they_came)
{
    answer = "{'stats':[" BARE "," BARE "]}";
    peer_run(&peer, "stats", "--json", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_ptr_nonnull(strstr(peer.out, "{\"id\":\"bare\",\"time\":1,"));
    ck_assert_ptr_eq(strstr(strchr(peer.out, '\n') + 1, "{\"id\":\"bare\""), strchr(peer.out, '\n') + 1);
}
END_TEST

static void stream(struct peer *unused, struct varlink_connection *connection,
                   const struct varlink_call *call)
{
    (void)unused;
    (void)call;
    peer_continue(connection, "{'stats':[" USAGE("web", "1000000000", "500000000") "]}");
    peer_continue(connection, "{'stats':[" USAGE("web", "2000000000", "750000000") "]}");
    peer_reply(connection, "{'stats':[]}");
}

START_TEST(stats_on_a_terminal_are_drawn_over_themselves_until_the_container_ends)
{
    const char *second;

    peer.script = stream;
    peer.terminal = true;
    peer_run(&peer, "stats", "-n", "2", "web", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_int_eq(sent("io.czone.Container.Stats", "interval_ms"), 2000);
    /* Two lines up and over them; half a CPU is seen the second time; what does not fit into 80 columns is
     * left out. */
    second = strstr(peer.out, "\033[2A\r");
    ck_assert_ptr_nonnull(second);
    ck_assert_ptr_nonnull(strstr(second, "25.0"));
    ck_assert_ptr_null(strstr(peer.out, "WRITTEN"));
    ck_assert_ptr_nonnull(strstr(peer.out, "PIDS"));
    ck_assert_ptr_null(strstr(peer.out, "\033[2J"));
}
END_TEST

START_TEST(stats_can_be_followed_as_json)
{
    peer.script = stream;
    peer_run(&peer, "stats", "--follow", "--json", "web", NULL);
    ck_assert_int_eq(peer.status, 0);
    ck_assert_ptr_nonnull(strstr(peer.out, "\"usage\":500000000"));
    ck_assert_ptr_nonnull(strstr(peer.out, "\"usage\":750000000"));
}
END_TEST

static const char *const bad_usages[] = {
    "{}",
    "{'stats':1}",
    "{'stats':[{}]}",
    "{'stats':[{'id':'a','time':1,'node':1,'limits':{},'cpu':{},'memory':{'current':1},'pids':{'current':1}}]"
    "}",
    "{'stats':[{'id':'a','time':1,'node':1,'limits':{},'cpu':{'usage':-5},'memory':{'current':1},'pids':{'"
    "current':1}}]}",
    "{'stats':[{'id':'a','time':1,'node':1,'limits':{},'cpu':{'usage':5,'pressure':{}},'memory':{'current':1}"
    ",'pids':{'current':1}}]}",
    "{'stats':[{'id':'a','time':1,'node':1,'limits':{},'cpu':{'usage':5},'memory':{'current':1},'pids':{'"
    "current':1},"
    "'io':{'devices':[{'read_bytes':9223372036854775807,'written_bytes':0},{'read_bytes':1,'written_bytes':0}"
    "]}}]}",
};

START_TEST(an_answer_that_makes_no_sense_is_told)
{
    answer = bad_usages[_i];
    peer_run(&peer, "stats", NULL);
    complains(EXIT_CONNECTION, "makes no sense");
}
END_TEST

START_TEST(once_and_follow_exclude_each_other)
{
    peer_run(&peer, "stats", "--once", "--follow", NULL);
    complains(EXIT_USAGE, "--follow");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ctl/control");
    TCase *tcase = tcase_create("control");
    SRunner *runner;
    int failed;

    suite_add_tcase(suite, tcase);
    tcase_set_timeout(tcase, 30);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, stop_asks_first_and_waits_for_the_end);
    tcase_add_test(tcase, stop_takes_a_signal_and_a_time_and_several_containers);
    tcase_add_test(tcase, stop_goes_on_with_the_others_when_one_is_not_there);
    tcase_add_test(tcase, update_sends_what_is_given_and_prints_what_is_in_force);
    tcase_add_test(tcase, update_without_options_only_asks);
    tcase_add_loop_test(tcase, cpus_become_thousandths, 0, (int)(sizeof(cpus) / sizeof(cpus[0])));
    tcase_add_loop_test(tcase, what_is_no_number_of_cpus_is_not_sent, 0,
                        (int)(sizeof(no_cpus) / sizeof(no_cpus[0])));
    tcase_add_test(tcase, a_refused_limit_is_told_with_what_to_do);
    tcase_add_test(tcase, stats_prints_one_table_when_nobody_looks);
    tcase_add_test(tcase, stats_in_json_are_the_objects_as_they_came);
    tcase_add_test(tcase, stats_on_a_terminal_are_drawn_over_themselves_until_the_container_ends);
    tcase_add_test(tcase, stats_can_be_followed_as_json);
    tcase_add_loop_test(tcase, an_answer_that_makes_no_sense_is_told, 0,
                        (int)(sizeof(bad_usages) / sizeof(bad_usages[0])));
    tcase_add_test(tcase, once_and_follow_exclude_each_other);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed > 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
