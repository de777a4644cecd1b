/* SPDX-License-Identifier: Apache-2.0 */
/* Who is still told something of a container when it is removed. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/guest/container/container.h"
#include "agent/guest/keeper/log_file.h"
#include "agent/guest/run_dir.h"
#include "tests/unit/guest_host.h"
#include "tests/unit/guest_keeper.h"

static struct varlink_client *reader;
static int listener = -EBADF, peer = -EBADF;

static void remove_it(void)
{
    struct varlink_reply reply =
        machine_call(&machine, caller, "io.czone.Container.Remove", "{\"id\": \"a\"}", 0);

    ck_assert_ptr_null(reply.error);
    varlink_reply_done(&reply);
    ck_assert_uint_eq(machine.manager->n_containers, 0);
}

static void send_call(struct varlink_client *client, const char *method, const char *parameters,
                      unsigned int flags)
{
    ck_assert_int_eq(varlink_client_send(client, method, json_loads(parameters, 0, NULL), flags), 0);
    (void)varlink_client_process(client, varlink_client_events(client));
    machine_run(&machine, 0);
}

/* What was sent before may come first. */
static void expect_last(struct varlink_client *client, const char *error)
{
    struct varlink_reply reply = machine_next(&machine, client);

    while (reply.continues) {
        varlink_reply_done(&reply);
        reply = machine_next(&machine, client);
    }
    ck_assert_ptr_nonnull(reply.error);
    ck_assert_str_eq(reply.error, error);
    varlink_reply_done(&reply);
}

/* A container that is over. */
static void set_up_over(void)
{
    set_up();
    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_str_eq(report(expect_signal(host, "plug"), "\"ok\": false, \"reason\": \"limit\""), "");
    expect_failed("io.czone.Container.HostRefused");
    reader = machine_client(&machine);
}

static void tear_down_over(void)
{
    varlink_client_free(reader);
    keeper_drop(&peer);
    keeper_drop(&listener);
    tear_down();
}

START_TEST(a_follower_of_the_log_that_reads_slowly_is_told)
{
    struct container *container = TAILQ_FIRST(&machine.manager->containers);
    struct log_writer writer = LOG_WRITER_INIT;
    char data[LOG_RECORD_MAX] = "";

    ck_assert_int_eq(log_writer_open(&writer, container->dir_fd, LOG_LIMIT_DEFAULT, LOG_SEGMENT_DEFAULT), 0);
    for (int i = 0; i < 64; i++)
        log_writer_append(&writer, LOG_STDOUT, data, sizeof(data), 1);
    container->program.output.end = writer.end;
    log_writer_close(&writer);
    send_call(reader, "io.czone.Container.Logs", "{\"id\": \"a\"}", VARLINK_MORE);
    ck_assert(!TAILQ_EMPTY(&container->program.output.followers));
    remove_it();
    expect_last(reader, "io.czone.Container.NoSuchContainer");
}
END_TEST

static void expect_forget(void)
{
    struct keeper_fds fds = KEEPER_FDS_INIT;
    static union keeper_message message;
    size_t length;
    int r;

    do {
        r = keeper_receive(peer, &message, &length, &fds);
        ck_assert_int_eq(r, 1);
    } while (message.header.kind == KEEPER_FOLLOW);
    ck_assert_uint_eq(message.header.kind, KEEPER_FORGET);
}

START_TEST(a_follower_of_an_exec_session_is_told_and_its_keeper_ends)
{
    keeper_add_session(&machine, TAILQ_FIRST(&machine.manager->containers), &listener, &peer);
    keeper_tell(&machine, peer, (struct keeper_status){ .state = KEEPER_ENDED, .wait_code = CLD_EXITED });
    send_call(reader, "io.czone.Container.Logs", "{\"id\": \"a\", \"exec\": \"1\"}", VARLINK_MORE);
    remove_it();
    expect_forget();
    expect_last(reader, "io.czone.Container.NoSuchContainer");
}
END_TEST

START_TEST(who_waits_for_an_exec_session_is_told)
{
    keeper_add_session(&machine, TAILQ_FIRST(&machine.manager->containers), &listener, &peer);
    keeper_tell(&machine, peer, (struct keeper_status){ .state = KEEPER_RUNNING });
    send_call(reader, "io.czone.Container.Wait", "{\"id\": \"a\", \"exec\": \"1\"}", 0);
    remove_it();
    expect_last(reader, "io.czone.Container.NoSuchContainer");
}
END_TEST

START_TEST(who_writes_to_an_exec_session_is_told)
{
    keeper_add_session(&machine, TAILQ_FIRST(&machine.manager->containers), &listener, &peer);
    send_call(reader, "io.czone.Container.Write", "{\"id\": \"a\", \"exec\": \"1\", \"eof\": true}", 0);
    remove_it();
    expect_last(reader, "io.czone.Container.NoInput");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("removal");

    tcase_add_checked_fixture(tests, set_up_over, tear_down_over);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_follower_of_the_log_that_reads_slowly_is_told);
    tcase_add_test(tests, a_follower_of_an_exec_session_is_told_and_its_keeper_ends);
    tcase_add_test(tests, who_waits_for_an_exec_session_is_told);
    tcase_add_test(tests, who_writes_to_an_exec_session_is_told);
    return guest_test_main(tests, "guest_removal");
}
