/* SPDX-License-Identifier: Apache-2.0 */
/* The connection to a keeper that is there, one that has gone, and one that cannot be spoken to. */
#include <errno.h>
#include <sys/wait.h>

#include "agent/guest/container/input.h"
#include "agent/guest/container/keeper_link.h"
#include "agent/guest/run_dir.h"
#include "tests/unit/guest_keeper.h"

static struct machine machine;
static struct keeper_link kept;
static struct input input;
static int run_dir, listener, peer, n_lost, n_heard;

static void on_status(void *owner, const struct keeper_status *status)
{
    (void)owner;
    n_heard++;
    input_update(&input, status);
}

static void on_failed(void *owner, const struct launch_failure *failure)
{
    (void)owner;
    (void)failure;
}

static void on_lost(void *owner)
{
    (void)owner;
    n_lost++;
}

static const struct keeper_link_ops ops = { on_status, on_failed, on_lost };

static void record(enum keeper_state state, int keeper_pid)
{
    const struct keeper_record record = {
        .status = { .header.kind = KEEPER_STATUS, .state = (uint32_t)state, .keeper_pid = keeper_pid },
        .failed.header.kind = KEEPER_FAILED,
    };
    int fd;

    (void)unlinkat(run_dir, "status", 0);
    fd = keeper_record_create(run_dir, &record);
    ck_assert_int_ge(fd, 0);
    (void)close(fd);
}

/* What a keeper sends to each connection. */
static void tell(int64_t input_received)
{
    keeper_tell(&machine, peer,
                (struct keeper_status){ .state = KEEPER_RUNNING,
                                        .flags = KEEPER_INPUT_OPEN,
                                        .input_received = input_received,
                                        .input_written = input_received });
}

static void accept_link(void)
{
    keeper_accept(&machine, listener, &peer);
}

static void expect_lost(void)
{
    for (int i = 0; i < 100 && n_lost == 0; i++)
        machine_run(&machine, 10);
    ck_assert_int_eq(n_lost, 1);
    ck_assert_int_eq(kept.fd, -EBADF);
}

static void set_up(void)
{
    machine_set_up(&machine, 1);
    n_lost = n_heard = 0;
    peer = listener = -EBADF;
    ck_assert_int_eq(run_dir_make(machine.manager->store.containers_fd, "kept", &run_dir), 0);
    record(KEEPER_RUNNING, getpid());
    input_init(&input, "kept", &kept);
}

static void tear_down(void)
{
    input_done(&input);
    keeper_link_close(&kept);
    keeper_drop(&peer);
    keeper_drop(&listener);
    keeper_drop(&run_dir);
    machine_tear_down(&machine);
}

static int connect_link(void)
{
    return keeper_link_connect(&kept, machine.manager, run_dir, &ops, NULL);
}

static void start(void)
{
    listener = keeper_listen(run_dir, SOCK_SEQPACKET);
    ck_assert_int_eq(connect_link(), 0);
    accept_link();
    tell(0);
    ck_assert_int_eq(n_heard, 1);
}

START_TEST(a_keeper_that_hangs_up_and_lives_is_connected_to_again)
{
    start();
    accept_link();
    tell(0);
    ck_assert_int_eq(n_heard, 2);
    ck_assert_int_eq(n_lost, 0);
    /* As often as it likes. */
    accept_link();
    tell(0);
    ck_assert_int_eq(n_heard, 3);
    ck_assert_int_eq(n_lost, 0);
}
END_TEST

START_TEST(a_keeper_that_says_what_is_no_message_is_connected_to_again)
{
    start();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(send(peer, "nonsense", 8, 0), 8);
        machine_run(&machine, 0);
        accept_link();
    }
    tell(0);
    ck_assert_int_eq(n_heard, 2);
    ck_assert_int_eq(n_lost, 0);
}
END_TEST

START_TEST(a_keeper_that_ends_is_lost)
{
    start();
    keeper_drop(&listener);
    keeper_drop(&peer);
    expect_lost();
}
END_TEST

/* Its fds are closed one after the other. */
START_TEST(a_keeper_that_is_still_ending_when_it_is_connected_to_is_lost)
{
    start();
    accept_link();
    keeper_drop(&listener);
    keeper_drop(&peer);
    expect_lost();
}
END_TEST

START_TEST(a_keeper_that_only_hangs_up_is_lost_when_its_record_tells_the_end)
{
    start();
    accept_link();
    keeper_drop(&peer);
    record(KEEPER_ENDED, getpid());
    expect_lost();
}
END_TEST

START_TEST(a_keeper_that_cannot_be_connected_to_just_now_is_tried_again)
{
    listener = keeper_listen(run_dir, SOCK_STREAM);
    ck_assert_int_eq(connect_link(), 0);
    ck_assert(keeper_link_silent(&kept));
    machine_run(&machine, 50);
    ck_assert_int_eq(n_lost, 0);
    keeper_drop(&listener);
    listener = keeper_listen(run_dir, SOCK_SEQPACKET);
    accept_link();
    tell(0);
    ck_assert_int_eq(n_heard, 1);
    ck_assert(!keeper_link_silent(&kept));
}
END_TEST

START_TEST(a_keeper_that_cannot_be_connected_to_is_lost_when_its_process_is_gone)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    ck_assert_int_gt(pid, 0);
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
    record(KEEPER_RUNNING, pid);
    listener = keeper_listen(run_dir, SOCK_STREAM);
    ck_assert_int_eq(connect_link(), 0);
    expect_lost();
}
END_TEST

START_TEST(input_goes_on_where_the_keeper_has_it_on_each_connection)
{
    start();
    input.sent = 10; /* of which the keeper has read 4 when it hangs up */
    accept_link();
    tell(4);
    ck_assert_int_eq(input.sent, 4);
    input.sent = 9;
    tell(6);
    ck_assert_int_eq(input.sent, 9);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("keeper_link");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_keeper_that_hangs_up_and_lives_is_connected_to_again);
    tcase_add_test(tests, a_keeper_that_says_what_is_no_message_is_connected_to_again);
    tcase_add_test(tests, a_keeper_that_ends_is_lost);
    tcase_add_test(tests, a_keeper_that_is_still_ending_when_it_is_connected_to_is_lost);
    tcase_add_test(tests, a_keeper_that_only_hangs_up_is_lost_when_its_record_tells_the_end);
    tcase_add_test(tests, a_keeper_that_cannot_be_connected_to_just_now_is_tried_again);
    tcase_add_test(tests, a_keeper_that_cannot_be_connected_to_is_lost_when_its_process_is_gone);
    tcase_add_test(tests, input_goes_on_where_the_keeper_has_it_on_each_connection);
    return guest_test_main(tests, "guest_keeper_link");
}
