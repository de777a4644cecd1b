/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper from its start to its end, with czoned and without. */
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "tests/unit/keeper_run.h"

static struct keepers keepers;
static struct kept kept;
static pid_t standby_pid;

static void set_up(void)
{
    keepers_set_up(&keepers);
}

static void tear_down(void)
{
    kept_kill(&kept);
    keepers_tear_down(&keepers);
}

START_TEST(an_idle_keeper_says_so_and_ends_when_nobody_wants_it)
{
    kept_spawn(&kept, &keepers, "/probe", "true");
    kept_receive(&kept);
    ck_assert_uint_eq(kept.status.header.version, KEEPER_VERSION);
    ck_assert_uint_eq(kept.status.state, KEEPER_IDLE);
    ck_assert_int_eq(kept.status.keeper_pid, kept.process.pid);
    ck_assert_int_eq(shutdown(kept.process.socket, SHUT_RDWR), 0);
    kept_wait_readable(kept.process.pidfd);
}
END_TEST

/* A pidfd of the process that stands by, whose pid is standby_pid then; waits until it is there. */
static int find_standby(void)
{
    char path[64], text[16] = "";

    (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)kept.process.pid,
                   (int)kept.process.pid);
    for (int attempt = 0; text[0] == '\0' && attempt < KEPT_DEADLINE_MS; attempt++) {
        int fd = open(path, O_RDONLY | O_CLOEXEC);

        ck_assert_int_ge(fd, 0);
        ck_assert_int_ge(read(fd, text, sizeof(text) - 1), 0);
        (void)close(fd);
        (void)usleep(1000);
    }
    standby_pid = atoi(text);
    return (int)syscall(SYS_pidfd_open, standby_pid, 0);
}

static void kill_standby(void)
{
    int standby = find_standby();

    ck_assert_int_eq((int)syscall(SYS_pidfd_send_signal, standby, SIGKILL, NULL, 0), 0);
    kept_wait_readable(standby);
    (void)close(standby);
}

static void spawn_with_standby(const char *act)
{
    (void)unsetenv("KEEPER_PREPARED"); /* once is enough */
    kept_spawn(&kept, &keepers, "/probe", act);
    kept_send_prepare(&kept);
}

START_TEST(a_program_is_the_process_that_stood_by)
{
    int standby;

    spawn_with_standby("stay");
    standby = find_standby();
    kept_start(&kept);
    (void)kill(kept.status.pid, SIGKILL);
    kept_wait_readable(standby);
    (void)close(standby);
    kept_wait_gone(&kept);
}
END_TEST

START_TEST(a_keeper_tells_the_process_that_stands_by_what_to_run)
{
    int standby;

    spawn_with_standby("say");
    standby = find_standby();
    kept.told_by_keeper = true;
    kept_start(&kept);
    ck_assert_int_eq(kept.status.pid, standby_pid);
    (void)close(standby);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 42);
}
END_TEST

START_TEST(what_a_keeper_finds_wrong_with_the_request_is_told_though_a_process_stands_by)
{
    spawn_with_standby("say");
    (void)close(find_standby());
    kept.told_by_keeper = true;
    kept.args[0] = "/missing";
    kept_send_start(&kept);
    kept_wait_state(&kept, KEEPER_REFUSED);
    ck_assert_int_eq(kept.failure.trouble, LAUNCH_NO_PROGRAM);
    ck_assert_str_eq(kept.parameter, "args");
}
END_TEST

START_TEST(a_keeper_whose_process_that_stood_by_was_killed_starts_the_program_anew)
{
    spawn_with_standby("say");
    kill_standby();
    kept.told_by_keeper = true;
    kept_start(&kept);
    ck_assert_int_ne(kept.status.pid, standby_pid);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 42);
}
END_TEST

START_TEST(a_program_starts_although_the_process_that_stood_by_was_killed)
{
    spawn_with_standby("say");
    kill_standby();
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 42);
}
END_TEST

START_TEST(a_process_that_stands_by_ends_with_its_keeper)
{
    int standby;

    spawn_with_standby("stay");
    standby = find_standby();
    ck_assert_int_eq(kill(kept.process.pid, SIGKILL), 0);
    kept_wait_readable(standby);
    (void)close(standby);
}
END_TEST

START_TEST(a_process_that_is_of_no_use_to_the_request_does_not_stay)
{
    int standby;

    spawn_with_standby("stay");
    standby = find_standby();
    kept.request.network.kind = LAUNCH_NETWORK_NONE;
    kept_start(&kept);
    kept_wait_readable(standby);
    (void)close(standby);
}
END_TEST

START_TEST(a_program_runs_and_its_end_is_told_and_written_down)
{
    struct keeper_record record;

    kept_spawn(&kept, &keepers, "/probe", "say");
    kept_start(&kept);
    ck_assert_int_gt(kept.status.pid, 0);
    ck_assert_int_gt(kept.status.started_ns, 0);
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_ENDED);
    ck_assert_int_eq(kept.status.wait_code, CLD_EXITED);
    ck_assert_int_eq(kept.status.wait_status, 42);
    ck_assert_int_ge(kept.status.ended_ns, kept.status.started_ns);
    ck_assert_uint_ne(kept.status.flags & KEEPER_LOG_ENDED, 0);
    ck_assert_int_eq(kept.status.log_end, 20);
    ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), 0);
    ck_assert_mem_eq(&record.status, &kept.status, sizeof(kept.status));
    ck_assert_int_eq(kept_read_log(&kept), 20);
}
END_TEST

/* The keeper is static where it can be: its libnl is not the one of czoned. */
START_TEST(a_program_has_the_network_of_its_request)
{
    int control;

    ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
    control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ck_assert_msg(ioctl(control, SIOCBRADDBR, "br-keeper") == 0, "this test needs bridges");
    (void)close(control);
    kept_spawn(&kept, &keepers, "/probe", "true");
    kept.request.network = (struct launch_network){ .kind = LAUNCH_NETWORK_VETH,
                                                    .bridge = "br-keeper",
                                                    .addresses = { "10.77.0.2/24", "fd77::2/64" },
                                                    .n_addresses = 2,
                                                    .gateway = "10.77.0.1" };
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 0);
}
END_TEST

START_TEST(a_program_that_is_killed_says_by_which_signal)
{
    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_start(&kept);
    ck_assert_int_ge(kept.pidfd, 0);
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, kept.pidfd, SIGKILL, NULL, 0), 0);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_code, CLD_KILLED);
    ck_assert_int_eq(kept.status.wait_status, SIGKILL);
}
END_TEST

START_TEST(a_program_that_cannot_run_is_refused_with_the_reason)
{
    struct keeper_record record;

    kept_spawn(&kept, &keepers, "/missing", NULL);
    kept_send_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_REFUSED);
    ck_assert_int_eq(kept.failure.trouble, LAUNCH_NO_PROGRAM);
    ck_assert_int_eq(kept.failure.error, -ENOENT);
    ck_assert_str_eq(kept.parameter, "args");
    ck_assert_ptr_nonnull(strstr(kept.failure.message, "/missing"));
    ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), 0);
    ck_assert_uint_eq(record.status.state, KEEPER_REFUSED);
    ck_assert_str_eq(record.failed.message, kept.failure.message);
}
END_TEST

START_TEST(a_keeper_outlives_its_starter_and_tells_the_next_one_everything)
{
    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_start(&kept);
    kept_wait_log(&kept, "ready\n");
    kept_reconnect(&kept);
    ck_assert_uint_eq(kept_receive(&kept), KEEPER_STATUS);
    ck_assert_uint_eq(kept.status.state, KEEPER_RUNNING);
    ck_assert_int_eq(kept.status.log_end, 6);
    ck_assert_int_gt(kept.status.pid, 0);
    ck_assert_int_ge(kept.pidfd, 0);
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, kept.pidfd, SIGKILL, NULL, 0), 0);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, SIGKILL);
}
END_TEST

START_TEST(the_newest_connection_is_served_and_the_one_before_closed)
{
    int first;

    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_start(&kept);
    first = fcntl(kept.process.socket, F_DUPFD_CLOEXEC, 3);
    kept_reconnect(&kept);
    ck_assert_uint_eq(kept_receive(&kept), KEEPER_STATUS);
    for (;;) {
        char byte;

        kept_wait_readable(first);
        if (recv(first, &byte, sizeof(byte), 0) <= 0)
            break;
    }
    (void)close(first);
    ck_assert_uint_eq(kept.status.state, KEEPER_RUNNING);
}
END_TEST

START_TEST(what_happens_while_nobody_listens_is_in_the_run_directory)
{
    struct keeper_record record;
    int socket;

    kept_spawn(&kept, &keepers, "/keep", "print-64k");
    kept_receive(&kept);
    kept_send_start(&kept);
    (void)shutdown(kept.process.socket, SHUT_RDWR);
    kept_wait_readable(kept.process.pidfd);
    ck_assert_int_eq(keeper_connect(kept.run_dir, &socket), -ECONNREFUSED);
    ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), 0);
    ck_assert_uint_eq(record.status.state, KEEPER_ENDED);
    ck_assert_int_eq(record.status.wait_status, 3);
    ck_assert_int_eq(record.status.log_end, 65536);
    ck_assert_int_eq(kept_read_log(&kept), 65536);
}
END_TEST

/* The record tells it from one that has ended. */
START_TEST(a_keeper_that_is_killed_takes_its_program_along)
{
    struct keeper_record record;

    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_start(&kept);
    ck_assert_int_eq(kill(kept.process.pid, SIGKILL), 0);
    kept_wait_readable(kept.pidfd);
    ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), 0);
    ck_assert_uint_eq(record.status.state, KEEPER_RUNNING);
    ck_assert_int_eq(record.status.pid, kept.status.pid);
}
END_TEST

START_TEST(a_run_directory_in_use_is_refused)
{
    kept_spawn(&kept, &keepers, "/probe", "true");
    (void)close(openat(kept.run_dir, "status", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    kept_send_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_REFUSED);
    ck_assert_int_eq(kept.failure.error, -EEXIST);
}
END_TEST

START_TEST(a_program_whose_log_cannot_be_made_is_not_launched)
{
    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept.start.log_limit = 1;
    kept_send_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_REFUSED);
    ck_assert_int_eq(kept.failure.error, -EINVAL);
    ck_assert_int_eq(kept.status.pid, 0);
}
END_TEST

START_TEST(forget_ends_the_wait_for_others_that_hold_the_output)
{
    struct kept session;
    struct keeper_forget forget = { .header = { .kind = KEEPER_FORGET } };

    kept_spawn(&kept, &keepers, "/keep", "host-others");
    kept_start(&kept);
    /* While the program runs it means nothing. */
    ck_assert_int_eq(keeper_send(kept.process.socket, &forget, sizeof(forget), NULL, 0), 0);
    kept_spawn(&session, &keepers, "/keep", "leave-behind");
    session.request.target = kept.pidfd;
    kept_start(&session);
    kept_wait_state(&session, KEEPER_ENDED);
    ck_assert_uint_eq(session.status.flags & KEEPER_LOG_ENDED, 0);
    ck_assert_int_eq(session.status.log_end, 5);
    ck_assert_int_eq(keeper_send(session.process.socket, &forget, sizeof(forget), NULL, 0), 0);
    kept_wait_gone(&session);
    ck_assert_uint_ne(session.status.flags & KEEPER_LOG_ENDED, 0);
    kept_kill(&session);
    ck_assert_int_eq(syscall(SYS_pidfd_send_signal, kept.pidfd, 0, NULL, 0), 0);
}
END_TEST

static long status_kib(pid_t pid, const char *name)
{
    char path[64], line[256];
    FILE *file;
    long value = -1;

    (void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    while (fgets(line, sizeof(line), file))
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtol(line + strlen(name), NULL, 10);
    (void)fclose(file);
    return value;
}

/* There are as many as programs. A sanitizer has its own idea of size. */
START_TEST(a_keeper_is_small)
{
    long idle, busy;

    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_receive(&kept);
    idle = status_kib(kept.process.pid, "RssAnon:");
    kept_start(&kept);
    kept_wait_log(&kept, "ready\n");
    busy = status_kib(kept.process.pid, "RssAnon:");
    printf("keeper: %ld KiB of its own when idle, %ld KiB with a program; %ld KiB resident, shared pages "
           "included\n",
           idle, busy, status_kib(kept.process.pid, "VmRSS:"));
#ifndef __SANITIZE_ADDRESS__
    ck_assert_int_gt(idle, 0);
    ck_assert_int_le(busy, 512);
#endif
}
END_TEST

/* A czoned that was killed and the next one may both have had a program started. */
START_TEST(of_two_keepers_of_one_program_one_only_launches_it)
{
    struct kept second;
    struct keeper_record record;

    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_start(&kept);
    kept_spawn(&second, &keepers, "/probe", "stay");
    (void)close(second.run_dir);
    second.run_dir = fcntl(kept.run_dir, F_DUPFD_CLOEXEC, 0);
    kept_send_start(&second);
    kept_wait_gone(&second);
    ck_assert_uint_eq(second.status.state, KEEPER_REFUSED);
    ck_assert_int_eq(second.failure.error, -EEXIST);
    ck_assert_int_eq(second.failure.stage, LAUNCH_STAGE_REQUEST);
    ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), 0);
    ck_assert_uint_eq(record.status.state, KEEPER_RUNNING);
    ck_assert_int_eq(record.status.pid, kept.status.pid);
    kept_reconnect(&kept);
    kept_wait_state(&kept, KEEPER_RUNNING);
    kept_kill(&second);
}
END_TEST

START_TEST(a_keeper_launches_nothing_where_it_has_been_barred)
{
    struct keeper_record record;

    kept_spawn(&kept, &keepers, "/probe", "stay");
    ck_assert_int_eq(keeper_bar(kept.run_dir), 0);
    kept_send_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_uint_eq(kept.status.state, KEEPER_REFUSED);
    ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), -ENOENT);
}
END_TEST

START_TEST(a_program_that_has_begun_cannot_be_barred)
{
    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept_start(&kept);
    ck_assert_int_eq(keeper_bar(kept.run_dir), -EEXIST);
    kept_reconnect(&kept);
    kept_wait_state(&kept, KEEPER_RUNNING);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper_life");
    TCase *tests = tcase_create("life");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_idle_keeper_says_so_and_ends_when_nobody_wants_it);
    tcase_add_test(tests, a_program_is_the_process_that_stood_by);
    tcase_add_test(tests, a_keeper_tells_the_process_that_stands_by_what_to_run);
    tcase_add_test(tests, what_a_keeper_finds_wrong_with_the_request_is_told_though_a_process_stands_by);
    tcase_add_test(tests, a_keeper_whose_process_that_stood_by_was_killed_starts_the_program_anew);
    tcase_add_test(tests, a_program_starts_although_the_process_that_stood_by_was_killed);
    tcase_add_test(tests, a_process_that_stands_by_ends_with_its_keeper);
    tcase_add_test(tests, a_process_that_is_of_no_use_to_the_request_does_not_stay);
    tcase_add_test(tests, a_program_runs_and_its_end_is_told_and_written_down);
    tcase_add_test(tests, a_program_has_the_network_of_its_request);
    tcase_add_test(tests, a_program_that_is_killed_says_by_which_signal);
    tcase_add_test(tests, a_program_that_cannot_run_is_refused_with_the_reason);
    tcase_add_test(tests, a_keeper_outlives_its_starter_and_tells_the_next_one_everything);
    tcase_add_test(tests, the_newest_connection_is_served_and_the_one_before_closed);
    tcase_add_test(tests, what_happens_while_nobody_listens_is_in_the_run_directory);
    tcase_add_test(tests, a_keeper_that_is_killed_takes_its_program_along);
    tcase_add_test(tests, a_run_directory_in_use_is_refused);
    tcase_add_test(tests, a_program_whose_log_cannot_be_made_is_not_launched);
    tcase_add_test(tests, forget_ends_the_wait_for_others_that_hold_the_output);
    tcase_add_test(tests, a_keeper_is_small);
    tcase_add_test(tests, of_two_keepers_of_one_program_one_only_launches_it);
    tcase_add_test(tests, a_keeper_launches_nothing_where_it_has_been_barred);
    tcase_add_test(tests, a_program_that_has_begun_cannot_be_barred);
    suite_add_tcase(suite, tests);
    return keepers_run(suite);
}
