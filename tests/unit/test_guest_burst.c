/* SPDX-License-Identifier: Apache-2.0 */
/* Many connections and calls at once: what is short goes first, everything goes on, and all of it is bounded.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/guest/session.h"
#include "agent/guest/slow_call.h"
#include "tests/unit/guest_machine.h"
#include "tests/unit/guest_test.h"

#define BURST 16
#define SPAWN "{\"args\": [\"/bin/true\"], \"memory\": 134217728}"

static struct machine machine;

static void set_up(void)
{
    machine_set_up(&machine, 3);
}

static void tear_down(void)
{
    machine_tear_down(&machine);
}

/* The loop looks at its sockets once. */
static void pass(void)
{
    (void)event_base_loop(machine.manager->base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

static void send_call(struct varlink_client *client, const char *method, const char *parameters)
{
    ck_assert_int_eq(varlink_client_send(client, method, json_loads(parameters, 0, NULL), 0), 0);
    (void)varlink_client_process(client, varlink_client_events(client));
}

static bool has_reply(struct varlink_client *client)
{
    struct varlink_reply reply = VARLINK_REPLY_INIT;
    bool has;

    (void)varlink_client_process(client, varlink_client_events(client));
    has = varlink_client_next_reply(client, &reply) == 1;
    varlink_reply_done(&reply);
    return has;
}

START_TEST(a_quick_call_waits_for_one_slow_one_and_each_of_those_is_answered)
{
    struct varlink_client *spawners[BURST], *quick;
    int n_before = 0, n_after = 0;

    for (int i = 0; i < BURST; i++)
        spawners[i] = machine_client(&machine);
    quick = machine_client(&machine);
    for (int i = 0; i < BURST; i++)
        send_call(spawners[i], "io.czone.Container.Spawn", SPAWN);
    pass();
    /* The burst is under way. */
    send_call(quick, "io.czone.Container.List", "{}");
    for (int turn = 0; !has_reply(quick); turn++) {
        ck_assert_int_lt(turn, 3);
        pass();
    }
    for (int i = 0; i < BURST; i++)
        n_before += has_reply(spawners[i]);
    ck_assert_int_le(n_before, 4);
    machine_run(&machine, 100);
    for (int i = 0; i < BURST; i++) {
        n_after += has_reply(spawners[i]);
        varlink_client_free(spawners[i]);
    }
    ck_assert_int_eq(n_before + n_after, BURST);
    ck_assert_uint_eq(machine.manager->slow_bytes, 0);
    varlink_client_free(quick);
}
END_TEST

START_TEST(quick_calls_without_end_do_not_keep_a_slow_one_waiting)
{
    struct varlink_client *quick = machine_client(&machine), *spawner = machine_client(&machine);
    int turn = 0;

    send_call(spawner, "io.czone.Container.Spawn", SPAWN);
    do {
        ck_assert_int_lt(turn++, 8);
        send_call(quick, "io.czone.Container.List", "{}");
        pass();
        (void)has_reply(quick);
    } while (!has_reply(spawner));
    varlink_client_free(quick);
    varlink_client_free(spawner);
}
END_TEST

START_TEST(a_slow_call_whose_peer_has_gone_is_not_begun)
{
    struct varlink_client *first = machine_client(&machine), *second = machine_client(&machine);

    send_call(first, "io.czone.Container.Spawn", SPAWN);
    send_call(second, "io.czone.Container.Spawn", SPAWN);
    pass();
    varlink_client_free(first);
    varlink_client_free(second);
    machine_run(&machine, 50);
    ck_assert_uint_eq(machine.manager->slow_bytes, 0);
    ck_assert(TAILQ_EMPTY(&machine.manager->turns.waiting));
    ck_assert_uint_eq(machine.manager->n_sessions, 0);
}
END_TEST

START_TEST(slow_calls_beyond_the_bound_are_refused_with_the_limit)
{
    struct varlink_client *client = machine_client(&machine);
    struct varlink_reply reply;

    machine.manager->slow_bytes = SLOW_CALLS_BYTES_MAX;
    reply = machine_call(&machine, client, "io.czone.Container.Spawn", SPAWN, 0);
    ck_assert_str_eq(reply.error, "io.czone.Monitor.Busy");
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "limit")), SLOW_CALLS_BYTES_MAX);
    varlink_reply_done(&reply);
    machine.manager->slow_bytes = 0;
    varlink_client_free(client);
}
END_TEST

START_TEST(the_buffers_of_all_connections_together_are_bounded)
{
    enum { PEERS = 160 };
    static char part[VARLINK_MESSAGE_MAX];
    int fds[PEERS];

    memset(part, 'x', sizeof(part));
    for (int i = 0; i < PEERS; i++) {
        size_t sent = 0;

        fds[i] = machine_connect(&machine);
        for (int turn = 0; sent < sizeof(part) && turn < 1000; turn++) {
            ssize_t n = send(fds[i], part + sent, sizeof(part) - sent, MSG_DONTWAIT | MSG_NOSIGNAL);

            sent += n > 0 ? (size_t)n : 0;
            pass();
            ck_assert_uint_le(machine.manager->session_bytes, SESSIONS_BYTES_MAX);
        }
    }
    ck_assert_uint_lt(machine.manager->n_sessions, PEERS);
    ck_assert_uint_ge(machine.manager->n_sessions, PEERS / 2);
    for (int i = 0; i < PEERS; i++)
        (void)close(fds[i]);
    machine_run(&machine, 0);
    ck_assert_uint_eq(machine.manager->session_bytes, 0);
}
END_TEST

/* A stream whose peer reads nothing, with so many bytes queued at once. */
static struct session *add_stream(int *ret_fd)
{
    static const char call[] = "{\"method\": \"io.czone.Monitor.Subscribe\", \"more\": true}";
    const int size = 1;
    struct session *session;

    *ret_fd = machine_connect(&machine);
    session = TAILQ_LAST(&machine.manager->sessions, session_list);
    ck_assert_int_eq(
        setsockopt(varlink_connection_fd(session->connection), SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)),
        0);
    ck_assert_int_eq(send(*ret_fd, call, sizeof(call), 0), sizeof(call));
    machine_run(&machine, 0);
    return session;
}

static void queue(struct session *session, size_t bytes)
{
    char *text = malloc(bytes);

    memset(text, 'x', bytes);
    ck_assert_int_eq(varlink_connection_reply_continue(
                         session->connection, json_pack("{s:o}", "event", json_stringn(text, bytes))),
                     0);
    free(text);
}

/* Long enough for any to have read what it got. */
static void let_time_pass(struct session *session)
{
    session->sent_at = 1;
    session->active_at = 1;
}

START_TEST(the_first_burst_to_a_stream_that_was_quiet_does_not_end_it)
{
    int fd;
    struct session *session = add_stream(&fd);

    let_time_pass(session);
    queue(session, 100000);
    ck_assert(!session_evict(machine.manager));
    machine_run(&machine, 0);
    ck_assert_uint_gt(varlink_connection_output(session->connection), 0);
    ck_assert(!session_evict(machine.manager));
    let_time_pass(session);
    ck_assert(session_evict(machine.manager));
    (void)close(fd);
}
END_TEST

START_TEST(of_many_streams_with_much_on_them_those_end_that_do_not_read)
{
    enum { STALLED = 8 };
    struct session *stalled[STALLED], *quiet;
    int fds[STALLED], fd, left = 0;
    struct session *session;

    for (int i = 0; i < STALLED; i++) {
        stalled[i] = add_stream(&fds[i]);
        queue(stalled[i], 100000);
    }
    machine_run(&machine, 0);
    for (int i = 0; i < STALLED; i++)
        let_time_pass(stalled[i]);
    quiet = add_stream(&fd);
    let_time_pass(quiet);
    machine.manager->session_bytes += SESSIONS_BYTES_MAX - 800000; /* of others */
    queue(quiet, 200000);
    machine_run(&machine, 0);
    TAILQ_FOREACH(session, &machine.manager->sessions, link)
        left += session == quiet ? 100 : 1;
    ck_assert_int_ge(left, 100);
    ck_assert_int_lt(left, 100 + STALLED);
    machine.manager->session_bytes -= SESSIONS_BYTES_MAX - 800000;
    for (int i = 0; i < STALLED; i++)
        (void)close(fds[i]);
    (void)close(fd);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("burst");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_quick_call_waits_for_one_slow_one_and_each_of_those_is_answered);
    tcase_add_test(tests, quick_calls_without_end_do_not_keep_a_slow_one_waiting);
    tcase_add_test(tests, a_slow_call_whose_peer_has_gone_is_not_begun);
    tcase_add_test(tests, slow_calls_beyond_the_bound_are_refused_with_the_limit);
    tcase_add_test(tests, the_buffers_of_all_connections_together_are_bounded);
    tcase_add_test(tests, the_first_burst_to_a_stream_that_was_quiet_does_not_end_it);
    tcase_add_test(tests, of_many_streams_with_much_on_them_those_end_that_do_not_read);
    return guest_test_main(tests, "guest_burst");
}
