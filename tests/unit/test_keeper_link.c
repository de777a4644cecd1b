/* SPDX-License-Identifier: Apache-2.0 */
/* czoned's end of the connection, and a real keeper at the other. */
#include <sys/pidfd.h>

#include "agent/guest/container/keeper_link.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "tests/unit/keeper_run.h"

static struct keepers keepers;
static struct kept kept;
static struct manager manager;
static struct keeper_link connection;
static int n_heard, n_lost;

static void on_status(void *owner, const struct keeper_status *status)
{
    (void)owner;
    ck_assert_uint_eq(status->state, KEEPER_RUNNING);
    n_heard++;
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

static void work_until(const int *count, int wanted)
{
    for (int i = 0; i < 1000 && *count < wanted; i++) {
        (void)event_base_loop(manager.base, EVLOOP_NONBLOCK);
        (void)usleep(5000);
    }
    ck_assert_int_ge(*count, wanted);
}

static void set_up(void)
{
    log_set_level(LOG_EMERG);
    n_heard = n_lost = 0;
    keepers_set_up(&keepers);
    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_start(&kept);
    manager.base = event_base_new();
    ck_assert_ptr_nonnull(manager.base);
    ck_assert_int_eq(keeper_link_connect(&connection, &manager, kept.run_dir, &ops, NULL), 0);
    work_until(&n_heard, 1);
}

static void tear_down(void)
{
    keeper_link_close(&connection);
    event_base_free(manager.base);
    kept_kill(&kept);
    keepers_tear_down(&keepers);
}

static void expect_well(void)
{
    ck_assert_int_eq(n_lost, 0);
    ck_assert_int_ge(connection.fd, 0);
    ck_assert_int_eq(pidfd_send_signal(connection.pidfd, 0, NULL, 0), 0);
}

/* Of two connections the keeper serves the newer one. */
START_TEST(a_connection_that_another_has_taken_is_taken_back)
{
    int other = -EBADF;

    ck_assert_int_eq(keeper_connect(kept.run_dir, &other), 0);
    work_until(&n_heard, 2);
    expect_well();
    (void)close(other);
}
END_TEST

START_TEST(a_message_that_the_keeper_hangs_up_on_ends_nothing)
{
    ck_assert_int_eq(send(connection.fd, "garbage", 7, 0), 7);
    work_until(&n_heard, 2);
    expect_well();
}
END_TEST

START_TEST(a_keeper_that_is_killed_is_lost)
{
    ck_assert_int_eq(kill(kept.process.pid, SIGKILL), 0);
    work_until(&n_lost, 1);
    ck_assert_int_eq(n_heard, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper_link");
    TCase *tests = tcase_create("link");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_connection_that_another_has_taken_is_taken_back);
    tcase_add_test(tests, a_message_that_the_keeper_hangs_up_on_ends_nothing);
    tcase_add_test(tests, a_keeper_that_is_killed_is_lost);
    suite_add_tcase(suite, tests);
    return keepers_run(suite);
}
