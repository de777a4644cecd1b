/* SPDX-License-Identifier: Apache-2.0 */
/* A program's way out, with a keeper that is too slow for it. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/guest/container/program.h"
#include "tests/unit/guest_machine.h"
#include "tests/unit/guest_test.h"

static struct machine machine;
static int n_emptied, n_log_ends;

static void on_log_ended(void *owner)
{
    (void)owner;
    n_log_ends++;
}

static void on_emptied(void *owner, int result)
{
    (void)owner;
    ck_assert_int_eq(result, 0);
    n_emptied++;
}

static void ignore(evutil_socket_t fd, short what, void *data)
{
    (void)fd;
    (void)what;
    (void)data;
}

static const struct program_ops ops = { .log_ended = on_log_ended, .emptied = on_emptied };

static void set_up(void)
{
    machine_set_up(&machine, 3);
    n_emptied = n_log_ends = 0;
}

static void tear_down(void)
{
    machine_tear_down(&machine);
}

START_TEST(a_keeper_that_is_slow_to_end_the_log_outlives_the_cgroup)
{
    struct program program;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    program_init(&program, machine.manager, &ops, &program, "slow");
    program.keeper.fd = fds[0];
    program.stopping = true;
    program_check(&program);
    ck_assert_int_eq(n_emptied, 1);
    ck_assert_int_eq(n_log_ends, 0);
    /* The owner has had the cgroup removed by now, as it does when the zone is offline. */
    ck_assert_ptr_null(program.cgroup);
    event_active(program.timer, EV_TIMEOUT, 0);
    machine_run(&machine, 0);
    ck_assert_int_eq(n_log_ends, 1);
    program.keeper.fd = -EBADF;
    program_done(&program);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

START_TEST(what_ended_its_log_before_it_was_empty_awaits_nothing)
{
    static const struct timeval stop = { .tv_sec = 30 };
    struct program program;
    int fds[2];

    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
    program_init(&program, machine.manager, &ops, &program, "quick");
    program.keeper.fd = fds[0];
    program.stopping = program.output.ended = true;
    program.timer = event_new(machine.manager->base, -1, EV_TIMEOUT, ignore, NULL);
    ck_assert_int_eq(event_add(program.timer, &stop), 0);
    program_check(&program);
    ck_assert_int_eq(n_emptied, 1);
    ck_assert_int_eq(event_pending(program.timer, EV_TIMEOUT, NULL), 0);
    program.keeper.fd = -EBADF;
    program_done(&program);
    (void)close(fds[0]);
    (void)close(fds[1]);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("program");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_keeper_that_is_slow_to_end_the_log_outlives_the_cgroup);
    tcase_add_test(tests, what_ended_its_log_before_it_was_empty_awaits_nothing);
    return guest_test_main(tests, "guest_program");
}
