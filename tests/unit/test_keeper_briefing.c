/* SPDX-License-Identifier: Apache-2.0 */
/* A keeper that is told ahead what it will start. */
#include <dirent.h>
#include <sys/syscall.h>

#include "tests/unit/keeper_run.h"

static struct keepers keepers;
static struct kept kept;

static void set_up(void)
{
    keepers_set_up(&keepers);
}

static void tear_down(void)
{
    kept_kill(&kept);
    keepers_tear_down(&keepers);
}

static void prepare(const char *program, const char *act)
{
    (void)unsetenv("KEEPER_PREPARED"); /* once is enough */
    kept_spawn(&kept, &keepers, program, act);
    kept_send_prepare(&kept);
}

static void brief(const char *program, const char *act)
{
    prepare(program, act);
    ck_assert_int_eq(kept_brief(&kept), 0);
}

static int count_entries(void)
{
    DIR *dir = fdopendir(openat(kept.run_dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    int n = 0;

    ck_assert_ptr_nonnull(dir);
    for (struct dirent *entry; (entry = readdir(dir));)
        n += entry->d_name[0] != '.';
    (void)closedir(dir);
    return n;
}

START_TEST(a_program_that_was_briefed_runs_when_it_is_started_and_not_before)
{
    brief("/probe", "say");
    (void)usleep(100 * 1000);
    ck_assert_int_eq(count_entries(), 0);
    kept.start.flags |= KEEPER_START_BRIEFED;
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 42);
}
END_TEST

START_TEST(what_was_briefed_and_is_not_the_start_is_dropped)
{
    brief("/probe", "stay");
    kept.args[1] = "say";
    kept_start(&kept);
    kept_wait_gone(&kept);
    ck_assert_int_eq(kept.status.wait_status, 42);
}
END_TEST

START_TEST(nobody_finds_a_keeper_whose_start_never_comes)
{
    struct keeper_record record;
    int socket;

    brief("/probe", "stay");
    ck_assert_int_eq(keeper_connect(kept.run_dir, &socket), -ENOENT);
    ck_assert_int_eq(keeper_record_read(kept.run_dir, &record), -ENOENT);
    ck_assert_int_eq(shutdown(kept.process.socket, SHUT_RDWR), 0);
    kept_wait_readable(kept.process.pidfd);
    ck_assert_int_eq(count_entries(), 0);
}
END_TEST

START_TEST(a_start_of_what_nobody_stands_by_for_is_refused)
{
    (void)unsetenv("KEEPER_PREPARED");
    kept_spawn(&kept, &keepers, "/probe", "stay");
    kept.start.flags |= KEEPER_START_BRIEFED;
    kept_send_start(&kept);
    kept_wait_state(&kept, KEEPER_REFUSED);
    ck_assert_int_eq(kept.failure.error, -ESRCH);
}
END_TEST

START_TEST(a_second_prepare_is_garbage)
{
    prepare("/probe", "stay");
    launch_briefing_close(&kept.briefing);
    kept_send_prepare(&kept);
    kept_wait_readable(kept.process.pidfd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("keeper_briefing");
    TCase *tests = tcase_create("briefing");

    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_program_that_was_briefed_runs_when_it_is_started_and_not_before);
    tcase_add_test(tests, what_was_briefed_and_is_not_the_start_is_dropped);
    tcase_add_test(tests, nobody_finds_a_keeper_whose_start_never_comes);
    tcase_add_test(tests, a_start_of_what_nobody_stands_by_for_is_refused);
    tcase_add_test(tests, a_second_prepare_is_garbage);
    suite_add_tcase(suite, tests);
    return keepers_run(suite);
}
