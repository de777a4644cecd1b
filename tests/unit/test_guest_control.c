/* SPDX-License-Identifier: Apache-2.0 */
/* Events and calls about a container that runs. */
#include <errno.h>
#include <sys/socket.h>

#include "agent/guest/container/container.h"
#include "agent/guest/container/signal_name.h"
#include "tests/unit/guest_cgroup.h"

/* Events. */

static struct container *add_container(void)
{
    struct container *container = container_alloc(machine.manager);

    ck_assert_ptr_nonnull(container);
    (void)snprintf(container->id, sizeof(container->id), "web");
    container->program.cgroup = czone_cgroup_ref(cgroup);
    container->state = CONTAINER_RUNNING;
    container->info.node.n = 1;
    return container;
}

/* The kernel's log, one record for each read(). */
static int replace_log(void)
{
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    oom_log_close(&machine.manager->limits.log);
    machine.manager->limits.log.fd = fds[0];
    return fds[1];
}

static struct varlink_client *subscribe(void)
{
    struct varlink_client *client = machine_client(&machine);
    struct varlink_reply reply =
        machine_call(&machine, client, "io.czone.Monitor.Subscribe", "{}", VARLINK_MORE);

    ck_assert_ptr_null(reply.error);
    varlink_reply_done(&reply);
    return client;
}

static json_t *next_event(struct varlink_client *client, const char *name)
{
    struct varlink_reply reply = machine_next(&machine, client);
    json_t *event = json_incref(json_object_get(reply.parameters, "event"));

    varlink_reply_done(&reply);
    ck_assert_str_eq(json_string_value(json_object_get(event, "event")), name);
    ck_assert_str_eq(json_string_value(json_object_get(event, "container")), "web");
    return event;
}

START_TEST(an_oom_kill_is_told_with_its_victim)
{
    static const char record[] = "6,9,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/czone/"
                                 "web,task_memcg=/czone/web,task=greedy,pid=812,uid=0\n";
    struct container *container = add_container();
    struct varlink_client *client;
    json_t *event;
    int kernel;

    ck_assert_int_eq(limit_watches_open(machine.manager), 0);
    kernel = replace_log();
    limit_watch_start(container, false);
    client = subscribe();
    ck_assert_int_eq(write(kernel, record, strlen(record)), (ssize_t)strlen(record));
    put("memory.events", "low 0\nhigh 0\nmax 0\noom 1\noom_kill 1\noom_group_kill 1\n");
    event = next_event(client, "container-oom");
    ck_assert_int_eq(number(event, "pid"), 812);
    ck_assert_str_eq(json_string_value(json_object_get(event, "process")), "greedy");
    json_decref(event);
    /* Once, not again at its end. */
    limit_watch_end(container);
    machine_run(&machine, 0);
    put("memory.events", "max 0\noom_kill 2\n");
    limit_watch_end(container);
    varlink_client_free(client);
    (void)close(kernel);
}
END_TEST

START_TEST(an_oom_kill_without_a_word_in_the_log_is_told_without_victim)
{
    struct container *container = add_container();
    struct varlink_client *client;
    json_t *event;
    int kernel;

    ck_assert_int_eq(limit_watches_open(machine.manager), 0);
    kernel = replace_log();
    limit_watch_start(container, false);
    client = subscribe();
    put("memory.events", "max 0\noom_kill 1\n");
    event = next_event(client, "container-oom");
    ck_assert_ptr_null(json_object_get(event, "pid"));
    ck_assert_ptr_null(json_object_get(event, "process"));
    json_decref(event);
    varlink_client_free(client);
    (void)close(kernel);
}
END_TEST

START_TEST(an_oom_kill_of_another_container_is_not_ours)
{
    static const char record[] = "6,9,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/czone/"
                                 "web2,task_memcg=/czone/web2,task=greedy,pid=812,uid=0\n";
    struct container *container = add_container();
    struct varlink_client *client;
    json_t *event;
    int kernel;

    ck_assert_int_eq(limit_watches_open(machine.manager), 0);
    kernel = replace_log();
    limit_watch_start(container, false);
    client = subscribe();
    ck_assert_int_eq(write(kernel, record, strlen(record)), (ssize_t)strlen(record));
    put("memory.events", "max 0\noom_kill 1\n");
    limit_watch_end(container);
    event = next_event(client, "container-oom");
    ck_assert_ptr_null(json_object_get(event, "pid"));
    json_decref(event);
    varlink_client_free(client);
    (void)close(kernel);
}
END_TEST

START_TEST(a_limit_that_is_met_is_told_with_how_often)
{
    struct container *container = add_container();
    struct varlink_client *client;
    json_t *event;

    ck_assert_int_eq(limit_watches_open(machine.manager), 0);
    limit_watch_start(container, false);
    client = subscribe();
    put("pids.events", "max 3\n");
    event = next_event(client, "container-pids-limit");
    ck_assert_int_eq(number(event, "count"), 3);
    json_decref(event);
    put("memory.events", "max 17\noom_kill 0\n");
    event = next_event(client, "container-memory-limit");
    ck_assert_int_eq(number(event, "count"), 17);
    ck_assert_int_eq(number(event, "bytes"), 251658240);
    json_decref(event);
    /* Again so soon: told at the end of the container. */
    put("pids.events", "max 5\n");
    machine_run(&machine, 50);
    limit_watch_end(container);
    event = next_event(client, "container-pids-limit");
    ck_assert_int_eq(number(event, "count"), 2);
    json_decref(event);
    varlink_client_free(client);
}
END_TEST

START_TEST(limits_met_before_the_watch_are_not_told)
{
    struct container *container = add_container();
    struct varlink_client *client;
    json_t *event;

    ck_assert_int_eq(limit_watches_open(machine.manager), 0);
    put("pids.events", "max 3\n");
    client = subscribe();
    limit_watch_start(container, true);
    put("pids.events", "max 4\n");
    event = next_event(client, "container-pids-limit");
    ck_assert_int_eq(number(event, "count"), 1);
    json_decref(event);
    varlink_client_free(client);
}
END_TEST

/* Calls. */

START_TEST(stats_are_given_once_or_again_and_again_until_the_end)
{
    struct container *container = add_container();
    struct varlink_client *client = machine_client(&machine);
    struct varlink_reply reply;

    reply = machine_call(&machine, client, "io.czone.Container.Stats", "{}", 0);
    ck_assert_int_eq(number(reply.parameters, "stats.0.memory.current"), 104857600);
    varlink_reply_done(&reply);
    reply = machine_call(&machine, client, "io.czone.Container.Stats",
                         "{\"id\": \"web\", \"interval_ms\": 100}", VARLINK_MORE);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_null(reply.error);
        ck_assert(reply.continues);
        ck_assert_int_eq(number(reply.parameters, "stats.0.pids.current"), 3);
        varlink_reply_done(&reply);
        if (i < 2)
            reply = machine_next(&machine, client);
    }
    container->state = CONTAINER_EXITED;
    reply = machine_next(&machine, client);
    ck_assert(!reply.continues);
    ck_assert_uint_eq(json_array_size(json_object_get(reply.parameters, "stats")), 0);
    varlink_reply_done(&reply);
    reply = machine_call(&machine, client, "io.czone.Container.Stats", "{\"id\": \"web\"}", 0);
    ck_assert_str_eq(reply.error, ERROR_WRONG_STATE);
    varlink_reply_done(&reply);
    varlink_client_free(client);
    machine_run(&machine, 0);
    ck_assert(TAILQ_EMPTY(&machine.manager->stats_streams));
}
END_TEST

START_TEST(a_reader_of_stats_that_hangs_up_is_forgotten)
{
    struct varlink_client *client = machine_client(&machine);
    struct varlink_reply reply;

    (void)add_container();
    reply =
        machine_call(&machine, client, "io.czone.Container.Stats", "{\"interval_ms\": 100}", VARLINK_MORE);
    varlink_reply_done(&reply);
    ck_assert(!TAILQ_EMPTY(&machine.manager->stats_streams));
    varlink_client_free(client);
    machine_run(&machine, 20);
    ck_assert(TAILQ_EMPTY(&machine.manager->stats_streams));
}
END_TEST

START_TEST(stop_of_a_container_that_has_ended_answers_at_once)
{
    struct container *container = add_container();
    struct varlink_client *client = machine_client(&machine);
    struct varlink_reply reply;

    container->state = CONTAINER_DONE;
    container->request.args = json_array();
    reply = machine_call(&machine, client, "io.czone.Container.Stop", "{\"id\": \"web\"}", 0);
    ck_assert_ptr_null(reply.error);
    ck_assert_str_eq(
        json_string_value(json_object_get(json_object_get(reply.parameters, "container"), "state")), "done");
    varlink_reply_done(&reply);
    json_decref(container->request.args);
    varlink_client_free(client);
}
END_TEST

static const struct {
    const char *method, *parameters, *error;
} bad_calls[] = {
    { "Stop", "{\"id\": \"nobody\"}", ERROR_NO_SUCH_CONTAINER },
    { "Stop", "{\"id\": \"nobody\", \"signal\": \"SIGFUN\"}", "org.varlink.service.InvalidParameter" },
    { "Stop", "{\"id\": \"nobody\", \"grace_ms\": -1}", "org.varlink.service.InvalidParameter" },
    { "Stop", "{\"id\": \"nobody\", \"grace_ms\": 2147483648}", "org.varlink.service.InvalidParameter" },
    { "Update", "{\"id\": \"nobody\"}", ERROR_NO_SUCH_CONTAINER },
    { "Update", "{}", "org.varlink.service.InvalidParameter" },
    { "Update", "{\"id\": \"nobody\", \"memory\": 0}", "org.varlink.service.InvalidParameter" },
    { "Update", "{\"id\": \"nobody\", \"pids\": 0}", "org.varlink.service.InvalidParameter" },
    { "Update", "{\"id\": \"nobody\", \"pids\": 4194305}", "org.varlink.service.InvalidParameter" },
    { "Update", "{\"id\": \"nobody\", \"cpu_weight\": 10001}", "org.varlink.service.InvalidParameter" },
    { "Update", "{\"id\": \"nobody\", \"cpu_quota\": 9}", "org.varlink.service.InvalidParameter" },
    { "Update", "{\"id\": \"nobody\", \"cpu_quota\": -1}", "org.varlink.service.InvalidParameter" },
    { "Update", "{\"id\": \"nobody\", \"cpu_quota\": 1.5}", "org.varlink.service.InvalidParameter" },
    { "Update", "{\"id\": \"nobody\", \"swap\": 1}", "org.varlink.service.InvalidParameter" },
    { "Stats", "{\"id\": \"nobody\"}", ERROR_NO_SUCH_CONTAINER },
    { "Stats", "{\"interval_ms\": 99}", "org.varlink.service.InvalidParameter" },
    { "Stats", "{\"interval_ms\": 3600001}", "org.varlink.service.InvalidParameter" },
};

START_TEST(a_bad_call_gets_the_error_that_is_documented)
{
    struct varlink_client *client = machine_client(&machine);
    struct varlink_reply reply;
    char method[64];

    (void)snprintf(method, sizeof(method), "io.czone.Container.%s", bad_calls[_i].method);
    reply = machine_call(&machine, client, method, bad_calls[_i].parameters, 0);
    ck_assert_ptr_nonnull(reply.error);
    ck_assert_str_eq(reply.error, bad_calls[_i].error);
    varlink_reply_done(&reply);
    varlink_client_free(client);
}
END_TEST

START_TEST(signals_go_by_name_or_number)
{
    ck_assert_int_eq(signal_from_name("TERM"), 15);
    ck_assert_int_eq(signal_from_name("SIGUSR1"), 10);
    ck_assert_int_eq(signal_from_name("9"), 9);
    ck_assert_int_eq(signal_from_name("0"), 0);
    ck_assert_int_eq(signal_from_name("-9"), 0);
    ck_assert_int_eq(signal_from_name("9x"), 0);
    ck_assert_int_eq(signal_from_name("65"), 0);
    ck_assert_int_eq(signal_from_name("SIG"), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("control");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_oom_kill_is_told_with_its_victim);
    tcase_add_test(tests, an_oom_kill_without_a_word_in_the_log_is_told_without_victim);
    tcase_add_test(tests, an_oom_kill_of_another_container_is_not_ours);
    tcase_add_test(tests, a_limit_that_is_met_is_told_with_how_often);
    tcase_add_test(tests, limits_met_before_the_watch_are_not_told);
    tcase_add_test(tests, stats_are_given_once_or_again_and_again_until_the_end);
    tcase_add_test(tests, a_reader_of_stats_that_hangs_up_is_forgotten);
    tcase_add_test(tests, stop_of_a_container_that_has_ended_answers_at_once);
    tcase_add_loop_test(tests, a_bad_call_gets_the_error_that_is_documented, 0, (int)ELEMENTS(bad_calls));
    tcase_add_test(tests, signals_go_by_name_or_number);
    return guest_test_main(tests, "guest/control");
}
