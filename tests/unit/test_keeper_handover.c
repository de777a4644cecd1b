/* SPDX-License-Identifier: Apache-2.0 */
/* A start that czoned carries out past its keeper, and what the next czoned makes of one that was cut short.
 */
#include <signal.h>
#include <sys/syscall.h>

#include "agent/guest/container/keeper_link.h"
#include "agent/guest/log.h"
#include "agent/guest/manager.h"
#include "tests/unit/keeper_run.h"

static struct keepers keepers;
static struct kept kept;
static struct manager manager;
static struct keeper_link connection;

static void ignore_status(void *owner, const struct keeper_status *status)
{
    (void)owner;
    (void)status;
}

static void ignore_failed(void *owner, const struct launch_failure *failure)
{
    (void)owner;
    (void)failure;
}

static void ignore_lost(void *owner)
{
    (void)owner;
}

static const struct keeper_link_ops ops = { ignore_status, ignore_failed, ignore_lost };

static void set_up(void)
{
    log_set_level(LOG_EMERG);
    (void)unsetenv("KEEPER_PREPARED"); /* once is enough */
    keepers_set_up(&keepers);
    kept_spawn(&kept, &keepers, "/probe", "say");
    kept_send_prepare(&kept);
    ck_assert_int_eq(kept_brief(&kept), 0);
    manager.base = event_base_new();
    ck_assert_ptr_nonnull(manager.base);
    connection = (struct keeper_link)KEEPER_LINK_INIT;
}

static void tear_down(void)
{
    keeper_link_close(&connection);
    event_base_free(manager.base);
    kept_kill(&kept);
    keepers_tear_down(&keepers);
}

/* As czoned does before START. Returns the record. */
static int settle(void)
{
    const struct keeper_record record = { .status.header = { KEEPER_STATUS, KEEPER_VERSION },
                                          .failed.header = { KEEPER_FAILED, KEEPER_VERSION } };
    char name[32];
    int fd;

    keeper_hall_name(kept.process.pid, name);
    for (int attempt = 0; renameat(keepers.hall, name, kept.run_dir, KEEPER_SOCKET) < 0; attempt++) {
        ck_assert_int_lt(attempt, KEPT_DEADLINE_MS);
        (void)usleep(1000);
    }
    fd = keeper_record_create(kept.run_dir, &record);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void send_start(int record)
{
    const int fds[] = { kept.run_dir, record };

    kept.start.flags = KEEPER_START_BRIEFED;
    ck_assert_int_eq(keeper_send(kept.process.socket, &kept.start, sizeof(kept.start), fds, 2), 0);
}

/* As a czoned that was killed does: what the keeper has told of itself is unread. */
static void hang_up(void)
{
    ck_assert_int_eq(close(kept.process.socket), 0);
    kept.process.socket = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static int connect_anew(void)
{
    return keeper_link_connect(&connection, &manager, kept.run_dir, &ops, NULL);
}

static bool is_there(const char *name)
{
    return faccessat(kept.run_dir, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* The keeper's only child. */
static pid_t pid_of_program(void)
{
    char path[64], text[512] = "";
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)kept.process.pid,
                   (int)kept.process.pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
    (void)close(fd);
    return atoi(text);
}

/* 'Z' once the program has ended. */
static char state_of_program(void)
{
    char path[64], text[512] = "";
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid_of_program());
    fd = open(path, O_RDONLY | O_CLOEXEC);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
    (void)close(fd);
    return strrchr(text, ')')[2];
}

static void stop_keeper(void)
{
    char path[64], text[512] = "";

    ck_assert_int_eq(kill(kept.process.pid, SIGSTOP), 0);
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)kept.process.pid);
    for (int attempt = 0; strstr(text, ") T") == NULL; attempt++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        ck_assert_int_lt(attempt, KEPT_DEADLINE_MS);
        ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
        (void)close(fd);
        (void)usleep(1000);
    }
}

/* In a moment, while this process waits. */
static void continue_keeper_soon(void)
{
    pid_t pid = fork();

    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        (void)usleep(100 * 1000);
        (void)kill(kept.process.pid, SIGCONT);
        _exit(0);
    }
}

static int run_standby(void)
{
    const struct keeper_standby_kit kit = { .hall = keepers.hall };
    const struct keeper_standby standby = { .kit = &kit,
                                            .keeper = kept.process.socket,
                                            .pid = kept.process.pid,
                                            .briefing = kept.briefing,
                                            .briefed = true };

    return keeper_standby_run(&standby, &kept.start, kept.run_dir);
}

START_TEST(a_program_runs_although_its_keeper_has_not_read_start_yet)
{
    char name[32];

    keeper_hall_name(kept.process.pid, name);
    for (int attempt = 0; faccessat(keepers.hall, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0; attempt++) {
        ck_assert_int_lt(attempt, KEPT_DEADLINE_MS);
        (void)usleep(1000);
    }
    stop_keeper();
    ck_assert_int_eq(run_standby(), 0);
    for (int attempt = 0; state_of_program() != 'Z'; attempt++) {
        ck_assert_int_lt(attempt, KEPT_DEADLINE_MS);
        (void)usleep(1000);
    }
    ck_assert_int_eq(kill(kept.process.pid, SIGCONT), 0);
    kept_wait_state(&kept, KEEPER_RUNNING);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 42);
    ck_assert_int_gt(kept_read_log(&kept), 0);
}
END_TEST

START_TEST(a_keeper_starts_what_a_czoned_that_was_killed_did_not_let_go)
{
    int record = settle();

    send_start(record);
    hang_up();
    (void)close(record);
    kept_wait_readable(kept.process.pidfd);
    ck_assert_int_eq(connect_anew(), -ECONNREFUSED);
    ck_assert_int_gt(kept_read_log(&kept), 0);
}
END_TEST

START_TEST(a_start_that_was_never_sent_leaves_nothing_behind)
{
    (void)close(settle());
    hang_up();
    kept_wait_readable(kept.process.pidfd);
    ck_assert_int_eq(connect_anew(), -ENOENT);
    ck_assert(!is_there(KEEPER_SOCKET));
    ck_assert(!is_there("status"));
}
END_TEST

START_TEST(a_keeper_that_is_about_to_end_is_waited_for)
{
    (void)close(settle());
    stop_keeper();
    hang_up();
    continue_keeper_soon();
    ck_assert_int_eq(connect_anew(), -ENOENT);
    ck_assert(!is_there(KEEPER_SOCKET));
}
END_TEST

START_TEST(a_keeper_that_is_about_to_begin_is_waited_for)
{
    int record = settle();

    stop_keeper();
    send_start(record);
    hang_up();
    (void)close(record);
    continue_keeper_soon();
    ck_assert_int_eq(connect_anew(), 0);
    ck_assert(is_there(KEEPER_SOCKET));
}
END_TEST

START_TEST(what_was_let_go_is_not_started_again)
{
    int record = settle(), program = (int)syscall(SYS_pidfd_open, pid_of_program(), 0);

    ck_assert_int_eq(keeper_record_let_go(record), 0);
    (void)close(record);
    ck_assert_int_eq(kill(kept.process.pid, SIGKILL), 0);
    kept_wait_readable(kept.process.pidfd);
    /* It dies with its keeper, and may have that one's socket until then if it is not set up yet. */
    kept_wait_readable(program);
    (void)close(program);
    ck_assert_int_eq(connect_anew(), -ECONNREFUSED);
    ck_assert(is_there("status"));
}
END_TEST

START_TEST(a_name_that_is_taken_is_left_to_the_keeper_to_complain_of)
{
    ck_assert_int_eq(keeper_bar(kept.run_dir), 0);
    ck_assert_int_eq(run_standby(), 0);
    kept_wait_state(&kept, KEEPER_REFUSED);
    ck_assert_int_eq(kept.failure.error, -EEXIST);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper_handover");
    TCase *tests = tcase_create("handover");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_program_runs_although_its_keeper_has_not_read_start_yet);
    tcase_add_test(tests, a_keeper_starts_what_a_czoned_that_was_killed_did_not_let_go);
    tcase_add_test(tests, a_start_that_was_never_sent_leaves_nothing_behind);
    tcase_add_test(tests, a_keeper_that_is_about_to_end_is_waited_for);
    tcase_add_test(tests, a_keeper_that_is_about_to_begin_is_waited_for);
    tcase_add_test(tests, what_was_let_go_is_not_started_again);
    tcase_add_test(tests, a_name_that_is_taken_is_left_to_the_keeper_to_complain_of);
    suite_add_tcase(suite, tests);
    return keepers_run(suite);
}
