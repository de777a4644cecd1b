/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes on their way to a program whose keeper hangs up. */
#include <string.h>

#include "tests/unit/guest_host.h"
#include "tests/unit/guest_keeper.h"

static struct varlink_client *writer;
static int listener = -EBADF, peer = -EBADF;

static void tell(int64_t input_received)
{
    keeper_tell(&machine, peer,
                (struct keeper_status){ .state = KEEPER_RUNNING,
                                        .flags = KEEPER_INPUT_OPEN,
                                        .input_received = input_received,
                                        .input_written = input_received });
}

/* A session of a container that is over: that it cannot be matters to nobody here. */
static void set_up_session(void)
{
    set_up();
    attach(host, "0");
    spawn(SPAWN, "wanted");
    ck_assert_str_eq(report(expect_signal(host, "plug"), "\"ok\": false, \"reason\": \"limit\""), "");
    expect_failed("io.czone.Container.HostRefused");
    writer = machine_client(&machine);
    keeper_add_session(&machine, TAILQ_FIRST(&machine.manager->containers), &listener, &peer);
    tell(0);
}

static void tear_down_session(void)
{
    varlink_client_free(writer);
    keeper_drop(&peer);
    keeper_drop(&listener);
    tear_down();
}

/* "aGVsbG8=" is hello. */
static void send_write(const char *offset)
{
    char parameters[96];

    (void)snprintf(parameters, sizeof(parameters),
                   "{\"id\": \"a\", \"exec\": \"1\", \"data\": \"aGVsbG8=\"%s}", offset);
    ck_assert_int_eq(
        varlink_client_send(writer, "io.czone.Container.Write", json_loads(parameters, 0, NULL), 0), 0);
    (void)varlink_client_process(writer, varlink_client_events(writer));
}

static void expect_hello(void)
{
    struct keeper_fds fds = KEEPER_FDS_INIT;
    static union keeper_message message;
    size_t length = 0;

    ck_assert_int_eq(keeper_receive(peer, &message, &length, &fds), 1);
    ck_assert_uint_eq(message.header.kind, KEEPER_INPUT);
    ck_assert_uint_eq(length, 5);
    ck_assert_int_eq(memcmp(message.input.data, "hello", 5), 0);
}

static void expect_written(int64_t offset)
{
    struct varlink_reply reply = machine_next(&machine, writer);

    ck_assert_ptr_null(reply.error);
    ck_assert_int_eq(json_integer_value(json_object_get(reply.parameters, "offset")), offset);
    varlink_reply_done(&reply);
}

START_TEST(a_write_that_meets_a_keeper_that_hangs_up_goes_to_the_next_connection)
{
    /* The write is read in the same turn as the end of the connection, or before. */
    keeper_drop(&peer);
    send_write("");
    keeper_accept(&machine, listener, &peer);
    tell(0);
    expect_written(5);
    expect_hello();
}
END_TEST

START_TEST(what_a_keeper_has_not_read_when_it_hangs_up_is_not_said_to_be_there)
{
    struct varlink_reply reply;

    send_write("");
    expect_written(5);
    keeper_accept(&machine, listener, &peer);
    tell(0);
    send_write(", \"offset\": 5");
    reply = machine_next(&machine, writer);
    ck_assert_str_eq(reply.error, "io.czone.Container.System");
    varlink_reply_done(&reply);
    /* Who has kept it writes it again. */
    send_write(", \"offset\": 0");
    expect_written(5);
    expect_hello();
}
END_TEST

START_TEST(who_writes_is_told_when_the_keeper_is_gone)
{
    struct varlink_reply reply;

    keeper_drop(&listener);
    keeper_drop(&peer);
    send_write("");
    reply = machine_next(&machine, writer);
    ck_assert_str_eq(reply.error, "io.czone.Container.NoInput");
    varlink_reply_done(&reply);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("input");

    tcase_add_checked_fixture(tests, set_up_session, tear_down_session);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_write_that_meets_a_keeper_that_hangs_up_goes_to_the_next_connection);
    tcase_add_test(tests, what_a_keeper_has_not_read_when_it_hangs_up_is_not_said_to_be_there);
    tcase_add_test(tests, who_writes_is_told_when_the_keeper_is_gone);
    return guest_test_main(tests, "guest_input");
}
